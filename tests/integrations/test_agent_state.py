"""The agent's state machine: registration, heartbeats, health, leaving, and what it does while slta is away."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from slta_client.replies import Reply, failed
from slta_integrations.agent.config import MARK
from tests.integrations.agents import AWAY, FleetPool, Simulation, begun
from tests.inventory import each

HEALTH = {"health": {"command": ["true"], "every_seconds": 5}}
MARKED = {MARK: "drained"}
TIMEOUT = Reply(0, "timeout", {})
REFUSED = Reply(403, "insufficient_scope", {})


def test_a_pool_is_registered_with_class_address_and_labels() -> None:
    simulation = begun(pool={"address": "10.0.0.7:80", "labels": {"zone": "a"}})
    assert simulation.kinds(beats=True) == ["read", "register", "heartbeats"]
    assert simulation.pools["p"] == FleetPool(
        "small", "active", "10.0.0.7:80", {"zone": "a"}, last_beat=simulation.pools["p"].last_beat
    )


def test_many_pools_beat_in_one_call() -> None:
    simulation = begun("a", "b", "c")
    simulation.kinds()
    simulation.run(3)
    assert [(made.kind, made.pool_ids) for made in simulation.made] == [("heartbeats", ("a", "b", "c"))]


def test_pools_that_register_together_share_their_first_heartbeats() -> None:
    simulation = Simulation(*(f"p-{number}" for number in range(9)), ttl_seconds=10)
    simulation.run(2)
    assert [len(made.pool_ids) for made in simulation.made if made.kind == "heartbeats"] == [1, 9]


def test_the_next_heartbeat_comes_when_slta_says() -> None:
    simulation = Simulation(ttl_seconds=10)
    simulation.next_seconds = 2.75
    simulation.run(20)
    assert {round(gap, 3) for gap in simulation.gaps("heartbeats")} == {2.75}


@pytest.mark.parametrize(("said", "kept"), [(0.0001, 1.0), (1e9, 5.0), (float("nan"), None), ("x", None), (True, None)])
def test_a_time_that_cannot_be_is_not_followed(said: Any, kept: float | None) -> None:
    simulation = Simulation(ttl_seconds=10)
    simulation.next_seconds = said
    simulation.run(30)
    gaps = simulation.gaps("heartbeats")
    assert [gap for gap in gaps if not (gap == pytest.approx(kept) if kept else 2.5 <= gap <= 10 / 3 + 0.01)] == []
    assert gaps


def test_a_pool_that_exists_has_its_address_before_a_heartbeat_revives_it() -> None:
    simulation = Simulation(pool={"address": "10.0.0.7:80"}, has=FleetPool(address="10.0.0.6:80"))
    simulation.run(1)
    assert simulation.kinds(beats=True) == ["read", "register", "heartbeats"]


@each("reply", [AWAY, Reply(409, "pool_in_other_class", {})])
def test_a_pool_that_exists_has_heartbeats_even_if_its_address_cannot_be_set(reply: Reply) -> None:
    simulation = Simulation(has=FleetPool())
    simulation.refusal["register"] = reply
    simulation.run(10)
    assert simulation.pools["p"].last_beat


@pytest.mark.parametrize(
    ("kind", "status"), [*product(["read", "drain"], [None, "new", ["active"], {}]), ("drain", "active")]
)
def test_a_status_that_cannot_be_is_not_taken_and_the_agent_goes_on(kind: str, status: object) -> None:
    simulation = Simulation(pool=HEALTH, has=FleetPool())
    simulation.refusal[kind] = Reply(200, "", {"status": status, "labels": {}})
    simulation.run(30, healthy=False)
    assert min(simulation.gaps(kind)) >= 2.5, "the call is repeated, after a pause"
    del simulation.refusal[kind]
    simulation.run(30)
    assert simulation.pools["p"].status == "draining"
    assert simulation.times("heartbeats")[-1] > simulation.now - 4


def test_without_a_health_check_a_drain_of_the_operator_stays() -> None:
    simulation = Simulation(has=FleetPool(status="draining"))
    simulation.run(60)
    assert simulation.kinds() == ["read", "register"]


# Health


def test_a_pool_that_is_not_healthy_yet_is_not_registered() -> None:
    simulation = Simulation(pool=HEALTH)
    simulation.run(30, healthy=False)
    assert simulation.pools == {}
    simulation.run(6, healthy=True)
    assert simulation.pools["p"].status == "active"


def test_a_pool_that_exists_beats_before_its_first_health_check() -> None:
    simulation = Simulation(pool=HEALTH, has=FleetPool())
    simulation.run(1, healthy=False)
    assert simulation.pools["p"].last_beat


def test_three_failures_in_a_row_drain_and_one_success_undrains() -> None:
    simulation = Simulation(pool=HEALTH | {"labels": {"zone": "a"}})
    simulation.run(6)
    simulation.run(9.5, healthy=False)
    assert simulation.pools["p"].status == "active"
    simulation.kinds()
    simulation.run(5)
    assert simulation.kinds() == ["read", "register", "drain"]
    assert (simulation.pools["p"].status, simulation.pools["p"].labels) == ("draining", {"zone": "a", **MARKED})
    simulation.run(5, healthy=True)
    assert simulation.kinds() == ["read", "undrain", "register"]
    assert (simulation.pools["p"].status, simulation.pools["p"].labels) == ("active", {"zone": "a"})


def test_two_failures_and_a_success_begin_the_count_anew() -> None:
    simulation = begun(pool=HEALTH)
    for healthy in (False, False, True, False, False):
        simulation.run(5, healthy=healthy)
    assert simulation.pools["p"].status == "active"


@pytest.mark.parametrize(("status", "outcome"), [("draining", "ok"), ("failed", "failed")])
def test_a_pool_that_the_operator_drained_or_failed_beats_on_and_stays_so(status: str, outcome: str) -> None:
    simulation = begun(pool=HEALTH)
    simulation.pools["p"].status = status
    for healthy in (False, True):
        simulation.run(20, healthy=healthy)
        assert (simulation.pools["p"].status, simulation.pools["p"].labels) == (status, {})
    assert not {"drain", "undrain"} & set(simulation.kinds())
    assert simulation.count("heartbeats_total", outcome=outcome) > 10


def test_a_pool_that_an_earlier_agent_drained_is_undrained_once_it_is_healthy() -> None:
    simulation = Simulation(pool=HEALTH, has=FleetPool(status="draining", labels=MARKED))
    simulation.run(3, healthy=False)
    assert simulation.pools["p"].status == "draining"
    simulation.run(6, healthy=True)
    assert (simulation.pools["p"].status, simulation.pools["p"].labels) == ("active", {})


@pytest.mark.parametrize("left", [FleetPool(labels=MARKED), FleetPool(status="draining", labels=MARKED, sessions=2)])
def test_an_agent_that_was_killed_before_or_after_its_drain_leaves_nothing_behind(left: FleetPool) -> None:
    simulation = Simulation(has=left)
    simulation.run(1)
    assert (simulation.pools["p"].status, simulation.pools["p"].labels) == ("active", {})


def test_the_mark_is_set_before_the_drain() -> None:
    simulation = begun(pool=HEALTH)
    simulation.healthy = False
    simulation.refusal["drain"] = AWAY
    simulation.run(20)
    assert (simulation.pools["p"].status, simulation.pools["p"].labels) == ("active", MARKED)


def test_the_log_says_that_a_probe_fails_and_once_that_it_succeeds_again(caplog: pytest.LogCaptureFixture) -> None:
    simulation = begun(pool=HEALTH)
    caplog.set_level("INFO")
    simulation.run(5, healthy=False)
    simulation.run(30, healthy=True)
    assert caplog.messages == ["health of p: exit code 1", "health of p: it succeeds again."]


# slta is away


@each("reply", [AWAY, TIMEOUT, failed("invalid_reply"), failed("unreachable"), Reply(429, "rate_limited", {})])
def test_without_an_answer_heartbeats_are_tried_with_growing_pauses_up_to_a_quarter_of_the_lease(reply: Reply) -> None:
    simulation = begun(ttl_seconds=12)
    simulation.refusal["any"] = reply
    simulation.kinds()
    simulation.run(60)
    gaps = simulation.gaps("heartbeats")
    assert gaps[0] < 0.2
    assert [gap for gap in gaps[6:] if not 1.5 <= gap <= 3.01] == []
    assert len(set(gaps[6:])) > 5


def test_after_an_outage_heartbeats_go_on_and_nothing_else_is_called() -> None:
    simulation = begun(pool=HEALTH)
    simulation.refusal["any"] = TIMEOUT
    simulation.run(600)
    del simulation.refusal["any"]
    simulation.kinds()
    simulation.run(30)
    assert set(simulation.kinds(beats=True)) == {"heartbeats"}


def test_retry_after_is_respected() -> None:
    simulation = begun(ttl_seconds=10)
    simulation.refusal["any"] = Reply(429, "rate_limited", {}, 7.0)
    simulation.kinds()
    simulation.run(40)
    assert {round(gap, 2) for gap in simulation.gaps("heartbeats")} == {7.0}


def test_refused_heartbeats_are_repeated_about_every_5_s() -> None:
    simulation = begun()
    simulation.refusal["any"] = REFUSED
    simulation.kinds()
    simulation.run(60)
    assert [gap for gap in simulation.gaps("heartbeats") if not 2.5 <= gap <= 5.01] == []


def test_a_refused_step_of_one_pool_holds_up_neither_heartbeats_nor_other_pools() -> None:
    simulation = Simulation("a", "b")
    simulation.pools["b"] = FleetPool(status="draining", labels=MARKED)
    simulation.refusal["register"] = Reply(409, "pool_in_other_class", {})
    simulation.run(20)
    assert len(simulation.times("heartbeats")) > 5
    assert 4 <= len(simulation.times("register")) <= 17


# Leaving


def test_an_empty_pool_is_drained_and_removed() -> None:
    simulation = begun()
    simulation.kinds()
    simulation.run(60, leave=True)
    assert simulation.kinds() == ["read", "register", "drain", "remove"]
    assert (simulation.pools, simulation.agent.left) == ({}, [])


def test_the_log_has_the_begin_of_the_stop_and_each_pool_that_is_removed(caplog: pytest.LogCaptureFixture) -> None:
    simulation = begun("a", "b", drain_seconds=30)
    simulation.pools["b"].sessions = 1
    caplog.set_level("INFO")
    simulation.run(60, leave=True)
    assert caplog.messages == [
        "Stopping: the pools have 30 s to become empty",
        "The pool a is removed.",
    ]


def test_a_pool_with_sessions_beats_on_until_it_is_empty_and_is_removed_then() -> None:
    simulation = begun(ttl_seconds=10, drain_seconds=300)
    simulation.pools["p"].sessions = 1
    simulation.run(60, leave=True)
    assert simulation.pools["p"].status == "draining"
    assert simulation.pools["p"].last_beat
    assert simulation.now - simulation.pools["p"].last_beat < 4
    simulation.pools["p"].sessions = 0
    simulation.run(2)
    assert simulation.pools == {}


def test_at_the_deadline_it_ends_and_says_what_is_left() -> None:
    simulation = begun("a", "b", drain_seconds=30)
    simulation.pools["b"].sessions = 1
    left_at = simulation.now
    simulation.run(60, leave=True)
    assert simulation.now - left_at == pytest.approx(30, abs=0.01)
    assert simulation.agent.left == ["b"]
    assert simulation.pools["b"].labels == MARKED


def test_the_deadline_holds_while_slta_is_away() -> None:
    simulation = begun(drain_seconds=30)
    simulation.refusal["any"] = TIMEOUT
    simulation.run(60, leave=True)
    assert simulation.agent.left == ["p"]
    assert simulation.now == pytest.approx(131, abs=0.1)


@pytest.mark.parametrize("status", ["draining", "failed"])
def test_a_pool_that_the_operator_drained_or_failed_is_removed_without_a_drain(status: str) -> None:
    simulation = Simulation(has=FleetPool(status=status))
    simulation.run(1)
    simulation.run(10, leave=True)
    assert simulation.pools == {}
    assert "drain" not in simulation.kinds()


def test_an_agent_that_never_registered_leaves_at_once() -> None:
    simulation = Simulation(pool=HEALTH)
    simulation.run(3, healthy=False)
    simulation.run(10, leave=True)
    assert simulation.agent.left == []
    assert simulation.now < 104


def test_a_health_check_that_recovers_does_not_return_a_pool_that_leaves() -> None:
    simulation = begun(pool=HEALTH)
    simulation.run(20, healthy=False)
    simulation.pools["p"].sessions = 1
    simulation.run(20, healthy=True, leave=True)
    assert simulation.pools["p"].status == "draining"
