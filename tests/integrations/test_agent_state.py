"""The agent's state machine: registration, heartbeats, health, lists, leaving, and what it does while slta is away."""

from __future__ import annotations

from typing import Any

import pytest

from slta_integrations.agent import probing
from slta_integrations.agent.calls import Call
from slta_integrations.agent.config import MARK
from slta_integrations.agent.probing import Probe, Probed
from slta_integrations.client import MALFORMED, Reply
from tests.integrations.agents import AWAY, FleetPool, Played
from tests.inventory import each

HEALTH = {"health": {"command": ["true"], "every_seconds": 5}}
SESSIONS = {"sessions": {"command": ["list"], "settle_seconds": 5}}
MARKED = {MARK: "drained"}
TIMEOUT = Reply(0, "timeout", {})
REFUSED = Reply(403, "insufficient_scope", {})


def test_a_pool_is_registered_with_class_address_and_labels() -> None:
    played = Played(pool={"address": "10.0.0.7:80", "labels": {"zone": "a"}})
    played.run(1)
    assert played.kinds(beats=True) == ["read", "register", "heartbeats"]
    assert played.pools["p"] == FleetPool(
        "small", "active", "10.0.0.7:80", {"zone": "a"}, last_beat=played.pools["p"].last_beat
    )


def test_many_pools_are_registered_in_one_call_and_beat_in_one() -> None:
    played = Played("a", "b", "c")
    played.run(1)
    assert [(made.call.kind, len(made.call.pool_ids)) for made in played.made[-2:]] == [
        ("register", 3),
        ("heartbeats", 3),
    ]


def test_the_next_heartbeat_comes_when_slta_says() -> None:
    played = Played(ttl_seconds=10)
    played.next_seconds = 2.75
    played.run(20)
    assert {round(gap, 3) for gap in played.gaps("heartbeats")} == {2.75}


@pytest.mark.parametrize(("said", "kept"), [(0.0001, 1.0), (1e9, 5.0), (float("nan"), None), ("x", None), (True, None)])
def test_a_time_that_cannot_be_is_not_followed(said: Any, kept: float | None) -> None:
    played = Played(ttl_seconds=10)
    played.next_seconds = said
    played.run(30)
    gaps = played.gaps("heartbeats")
    assert all(gap == pytest.approx(kept) if kept else 2.5 <= gap <= 10 / 3 + 0.01 for gap in gaps)
    assert gaps


def test_a_pool_that_exists_has_its_address_before_a_heartbeat_revives_it() -> None:
    played = Played(pool={"address": "10.0.0.7:80"})
    played.pools["p"] = FleetPool(address="10.0.0.6:80")
    played.run(1)
    assert played.kinds(beats=True) == ["read", "register", "heartbeats"]


@each("reply", [AWAY, Reply(409, "pool_in_other_class", {})])
def test_a_pool_that_exists_has_heartbeats_even_if_its_address_cannot_be_set(reply: Reply) -> None:
    played = Played()
    played.pools["p"] = FleetPool()
    played.refusal["register"] = reply
    played.run(10)
    assert played.pools["p"].last_beat


@each("status", [None, "new", ["active"], {}])
@each("kind", ["read", "drain"])
def test_a_status_that_is_none_is_not_taken_and_the_agent_goes_on(kind: str, status: object) -> None:
    played = Played(pool=HEALTH)
    played.pools["p"] = FleetPool()
    played.refusal[kind] = Reply(200, "", {"status": status, "labels": {}})
    played.healthy = False
    played.run(30)
    assert len(played.times(kind)) > 1
    del played.refusal[kind]
    played.run(30)
    assert played.pools["p"].status == "draining"
    assert played.times("heartbeats")[-1] > played.now - 4


def test_without_a_health_check_a_drain_of_the_operator_stays() -> None:
    played = Played()
    played.pools["p"] = FleetPool(status="draining")
    played.run(60)
    assert played.kinds() == ["read", "register"]


# Health


def test_a_pool_that_is_not_healthy_yet_is_not_registered() -> None:
    played = Played(pool=HEALTH)
    played.healthy = False
    played.run(30)
    assert played.pools == {}
    played.healthy = True
    played.run(6)
    assert played.pools["p"].status == "active"


def test_a_pool_that_exists_beats_before_its_first_health_check() -> None:
    played = Played(pool=HEALTH)
    played.pools["p"] = FleetPool()
    played.healthy = False
    played.run(1)
    assert played.pools["p"].last_beat


def test_three_failures_in_a_row_drain_and_one_success_undrains() -> None:
    played = Played(pool=HEALTH | {"labels": {"zone": "a"}})
    played.run(6)
    played.healthy = False
    played.run(9.5)
    assert played.pools["p"].status == "active"
    played.kinds()
    played.run(5)
    assert played.kinds() == ["read", "register", "drain"]
    assert (played.pools["p"].status, played.pools["p"].labels) == ("draining", {"zone": "a", **MARKED})
    played.healthy = True
    played.run(5)
    assert played.kinds() == ["read", "undrain", "register"]
    assert (played.pools["p"].status, played.pools["p"].labels) == ("active", {"zone": "a"})


def test_two_failures_and_a_success_begin_the_count_anew() -> None:
    played = Played(pool=HEALTH)
    played.run(1)
    for healthy in (False, False, True, False, False):
        played.healthy = healthy
        played.run(5)
    assert played.pools["p"].status == "active"


@pytest.mark.parametrize(("status", "outcome"), [("draining", "ok"), ("failed", "failed")])
def test_a_pool_that_the_operator_drained_or_failed_beats_on_and_stays_so(status: str, outcome: str) -> None:
    played = Played(pool=HEALTH)
    played.run(1)
    played.pools["p"].status = status
    for healthy in (False, True):
        played.healthy = healthy
        played.run(20)
        assert (played.pools["p"].status, played.pools["p"].labels) == (status, {})
    assert not {"drain", "undrain"} & set(played.kinds())
    assert played.count("heartbeats_total", outcome=outcome) > 10


def test_a_pool_that_an_earlier_agent_drained_is_undrained_once_it_is_healthy() -> None:
    played = Played(pool=HEALTH)
    played.pools["p"] = FleetPool(status="draining", labels=MARKED)
    played.healthy = False
    played.run(3)
    assert played.pools["p"].status == "draining"
    played.healthy = True
    played.run(6)
    assert (played.pools["p"].status, played.pools["p"].labels) == ("active", {})


@pytest.mark.parametrize("left", [FleetPool(labels=MARKED), FleetPool(status="draining", labels=MARKED, sessions=2)])
def test_an_agent_that_was_killed_before_or_after_its_drain_leaves_nothing_behind(left: FleetPool) -> None:
    played = Played()
    played.pools["p"] = left
    played.run(1)
    assert (played.pools["p"].status, played.pools["p"].labels) == ("active", {})


def test_the_mark_is_set_before_the_drain() -> None:
    played = Played(pool=HEALTH)
    played.run(1)
    played.healthy = False
    played.refusal["drain"] = AWAY
    played.run(20)
    assert (played.pools["p"].status, played.pools["p"].labels) == ("active", MARKED)


# Counts and lists


def test_a_count_is_fresh_and_goes_once() -> None:
    played = Played(pool={"count": {"command": ["count"]}})
    played.run(10)
    assert [body["heartbeats"][0].get("count") for body in played.bodies("heartbeats")] == [None, 3, 3, 3]
    counted = [at for at, _ in played.probes]
    assert counted == played.times("heartbeats")[1:]


def test_a_count_that_failed_is_left_out() -> None:
    played = Played(pool={"count": {"command": ["count"]}})
    played.run(4)
    played.outputs["count"] = b"x"
    played.run(6)
    assert [body["heartbeats"][0].get("count") for body in played.bodies("heartbeats")] == [None, 3, None, None]
    assert played.count("probe_failures_total", pool="p", kind="count") == 2


def test_an_output_that_breaks_its_reader_is_a_failure_of_its_pool_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "count_of", lambda output: [3][len(output)])
    played = Played("p", "q", pool={"count": {"command": ["count"]}})
    played.run(10)
    assert played.count("probe_failures_total", pool="p", kind="count") == 3
    assert len(played.times("heartbeats")) == 4


def test_a_heartbeat_waits_half_a_second_for_a_count_and_no_longer() -> None:
    played = Played(pool={"count": {"command": ["count"]}})
    played.run(2)
    due_at = played.times("heartbeats")[0] + 3
    agent = played.agent
    probe = agent.probes.next(due_at)
    assert isinstance(probe, Probe)
    assert agent.next_call(due_at) == pytest.approx(due_at + 0.5)
    call = agent.next_call(due_at + 0.5)
    assert isinstance(call, Call)
    assert "count" not in (call.body or {})["heartbeats"][0]
    agent.answered(call, played._answer(call), due_at + 0.5, due_at + 0.6)
    agent.probes.apply(probe, Probed(b"7"), due_at + 0.7)
    played.now = due_at + 0.7
    played.run(3)
    assert played.bodies("heartbeats")[-1]["heartbeats"][0]["count"] == 3


def test_a_list_is_sent_with_the_moment_of_the_question_some_seconds_later() -> None:
    played = Played(pool=SESSIONS)
    played.run(1)
    played.pools["p"].list = True
    played.run(4)
    asked_at = played.pools["p"].last_beat
    assert asked_at
    played.kinds()
    played.run(5)
    assert played.bodies("sessions") == [{"as_of": f"1:{int(asked_at * 1e6)}", "session_ids": ("s-1", "s-2")}]
    assert [round(at - asked_at, 1) for at, _ in played.probes] == [5]
    assert played.count("listed_sessions_total", outcome="ended") == 1


def test_without_a_question_no_list_is_taken() -> None:
    played = Played(pool=SESSIONS)
    played.run(60)
    assert played.probes == []
    assert "sessions" not in played.kinds()


def test_a_list_that_failed_is_taken_again_and_nothing_is_sent() -> None:
    played = Played(pool=SESSIONS)
    played.run(1)
    played.pools["p"].list = True
    played.outputs["sessions"] = b""
    played.run(30)
    assert "sessions" not in played.kinds()
    assert played.count("probe_failures_total", pool="p", kind="sessions") >= 2
    played.outputs["sessions"] = b"[]"
    played.run(11)
    assert played.bodies("sessions")[0]["session_ids"] == ()


def test_a_list_is_sent_with_the_types_that_it_names() -> None:
    played = Played(pool=SESSIONS)
    played.outputs["sessions"] = b'{"session_ids": ["s-1", "s-2"], "session_types": {"s-2": "video"}}'
    played.run(1)
    played.pools["p"].list = True
    played.run(9)
    [body] = played.bodies("sessions")
    assert (body["session_ids"], body["session_types"]) == (("s-1", "s-2"), {"s-2": "video"})


def test_a_later_question_does_not_make_an_earlier_list_newer() -> None:
    played = Played(pool=SESSIONS)
    played.run(1)
    played.pools["p"].list = True
    played.refusal["sessions"] = AWAY
    played.run(9)
    first = played.bodies("sessions")[0]["as_of"]
    played.pools["p"].list = True
    played.run(20)
    assert {body["as_of"] for body in played.bodies("sessions")} == {first}


def test_the_log_says_that_a_probe_fails_and_once_that_it_succeeds_again(caplog: pytest.LogCaptureFixture) -> None:
    played = Played(pool=HEALTH)
    played.run(1)
    caplog.set_level("INFO")
    played.healthy = False
    played.run(5)
    played.healthy = True
    played.run(30)
    assert caplog.messages == ["health of p: exit code 1", "health of p: it succeeds again."]


def test_a_refused_list_is_given_up() -> None:
    played = Played(pool=SESSIONS)
    played.run(1)
    played.pools["p"].list = True
    played.refusal["sessions"] = Reply(409, "stale_report", {})
    played.run(60)
    assert played.kinds().count("sessions") == 1


# slta is away


@each("reply", [AWAY, TIMEOUT, MALFORMED, Reply(0, "connection_failed", {}), Reply(429, "rate_limited", {})])
def test_without_an_answer_heartbeats_are_tried_with_growing_pauses_up_to_a_quarter_of_the_lease(reply: Reply) -> None:
    played = Played(ttl_seconds=12)
    played.run(1)
    played.refusal["any"] = reply
    played.kinds()
    played.run(60)
    gaps = played.gaps("heartbeats")
    assert gaps[0] < 0.2
    assert all(1.5 <= gap <= 3.01 for gap in gaps[6:])
    assert len(set(gaps[6:])) > 5


def test_after_an_outage_heartbeats_go_on_and_nothing_else_is_called() -> None:
    played = Played(pool=HEALTH)
    played.run(1)
    played.refusal["any"] = TIMEOUT
    played.run(600)
    del played.refusal["any"]
    played.kinds()
    played.run(30)
    assert set(played.kinds(beats=True)) == {"heartbeats"}


def test_retry_after_is_respected() -> None:
    played = Played(ttl_seconds=10)
    played.run(1)
    played.refusal["any"] = Reply(429, "rate_limited", {}, 7.0)
    played.kinds()
    played.run(40)
    assert {round(gap, 2) for gap in played.gaps("heartbeats")} == {7.0}


def test_refused_heartbeats_are_repeated_about_every_5_s() -> None:
    played = Played()
    played.run(1)
    played.refusal["any"] = REFUSED
    played.kinds()
    played.run(60)
    assert all(2.5 <= gap <= 5.01 for gap in played.gaps("heartbeats"))


def test_a_refused_step_of_one_pool_holds_up_neither_heartbeats_nor_other_pools() -> None:
    played = Played("a", "b")
    played.pools["b"] = FleetPool(status="draining", labels=MARKED)
    played.refusal["register"] = Reply(409, "pool_in_other_class", {})
    played.run(20)
    assert len(played.times("heartbeats")) > 5
    assert 4 <= len(played.times("register")) <= 17


# Leaving


def test_an_empty_pool_is_drained_and_removed() -> None:
    played = Played()
    played.run(1)
    played.kinds()
    played.agent.leave(played.now)
    played.run(60)
    assert played.kinds() == ["read", "register", "drain", "remove"]
    assert (played.pools, played.agent.left) == ({}, [])


def test_the_log_has_the_begin_of_the_stop_and_each_pool_that_is_removed(caplog: pytest.LogCaptureFixture) -> None:
    played = Played("a", "b", drain_seconds=30)
    played.run(1)
    played.pools["b"].sessions = 1
    caplog.set_level("INFO")
    played.agent.leave(played.now)
    played.run(60)
    assert caplog.messages == [
        "Stopping: the pools are drained, and removed when empty, for 30 s",
        "The pool a is removed.",
    ]


def test_a_pool_with_sessions_beats_on_until_it_is_empty_and_is_removed_then() -> None:
    played = Played(ttl_seconds=10, drain_seconds=300)
    played.run(1)
    played.pools["p"].sessions = 1
    played.agent.leave(played.now)
    played.run(60)
    assert played.pools["p"].status == "draining"
    assert played.pools["p"].last_beat
    assert played.now - played.pools["p"].last_beat < 4
    played.pools["p"].sessions = 0
    played.run(2)
    assert played.pools == {}


def test_at_the_deadline_it_ends_and_says_what_is_left() -> None:
    played = Played("a", "b", drain_seconds=30)
    played.run(1)
    played.pools["b"].sessions = 1
    begun = played.now
    played.agent.leave(begun)
    played.run(60)
    assert played.now - begun == pytest.approx(30, abs=0.01)
    assert played.agent.left == ["b"]
    assert played.pools["b"].labels == MARKED


def test_the_deadline_holds_while_slta_is_away() -> None:
    played = Played(drain_seconds=30)
    played.run(1)
    played.refusal["any"] = TIMEOUT
    played.agent.leave(played.now)
    played.run(60)
    assert played.agent.left == ["p"]
    assert played.now == pytest.approx(131, abs=0.1)


@pytest.mark.parametrize("status", ["draining", "failed"])
def test_a_pool_that_the_operator_drained_or_failed_is_removed_without_a_drain(status: str) -> None:
    played = Played()
    played.pools["p"] = FleetPool(status=status)
    played.run(1)
    played.agent.leave(played.now)
    played.run(10)
    assert played.pools == {}
    assert "drain" not in played.kinds()


def test_an_agent_that_never_registered_leaves_at_once() -> None:
    played = Played(pool=HEALTH)
    played.healthy = False
    played.run(3)
    played.agent.leave(played.now)
    played.run(10)
    assert played.agent.left == []
    assert played.now < 104


def test_a_health_check_that_recovers_does_not_return_a_pool_that_leaves() -> None:
    played = Played(pool=HEALTH)
    played.run(1)
    played.healthy = False
    played.run(20)
    played.pools["p"].sessions = 1
    played.agent.leave(played.now)
    played.healthy = True
    played.run(20)
    assert played.pools["p"].status == "draining"
