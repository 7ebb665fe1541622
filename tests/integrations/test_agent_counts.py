"""The agent's counts and lists: what a heartbeat has of a pool, and when a list of its sessions is sent."""

from __future__ import annotations

from typing import Any

import pytest

from slta_client.replies import Reply
from slta_integrations.agent import pool
from tests.integrations.agents import AWAY, Simulation, begun

SESSIONS = {"sessions": {"command": ["list"], "settle_seconds": 5}}
REFUSED = Reply(403, "insufficient_scope", {})


def asked() -> Simulation:
    """One that has run for a second, whose next heartbeat is asked for a list."""
    simulation = begun(pool=SESSIONS)
    simulation.pools["p"].list = True
    return simulation


def test_a_count_is_fresh_and_goes_once() -> None:
    simulation = Simulation(pool={"count": {"command": ["count"]}})
    simulation.run(10)
    assert [body["heartbeats"][0].get("count") for body in simulation.bodies("heartbeats")] == [3, 3, 3, 3]
    counted = [at for at, _ in simulation.probes]
    assert counted == simulation.times("heartbeats")


def test_a_quality_goes_with_the_count_that_it_is_of() -> None:
    simulation = Simulation(pool={"count": {"command": ["count"]}})
    simulation.outputs["count"] = b'{"count": 3, "quality": 24.5}'
    simulation.run(4)
    simulation.outputs["count"] = b"3"
    simulation.run(6)
    beats = [body["heartbeats"][0] for body in simulation.bodies("heartbeats")]
    assert [(beat.get("count"), beat.get("quality")) for beat in beats] == [
        (3, 24.5),
        (3, 24.5),
        (3, None),
        (3, None),
    ]


def test_a_count_that_failed_is_left_out() -> None:
    simulation = Simulation(pool={"count": {"command": ["count"]}})
    simulation.run(4)
    simulation.outputs["count"] = b"x"
    simulation.run(6)
    assert [body["heartbeats"][0].get("count") for body in simulation.bodies("heartbeats")] == [3, 3, None, None]
    assert simulation.count("failures_total", pool_id="p", probe="count") == 2


def test_an_output_that_breaks_its_reader_is_a_failure_of_its_pool_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "count_of", lambda output: [{"count": 3}][len(output)])
    simulation = Simulation("p", "q", pool={"count": {"command": ["count"]}})
    simulation.run(10)
    assert simulation.count("failures_total", pool_id="p", probe="count") == 4
    assert len(simulation.times("heartbeats")) == 4


@pytest.mark.parametrize(("took", "waited", "count"), [(0.4, 0.4, 3), (0.6, 0.5, None)])
def test_a_heartbeat_waits_half_a_second_for_a_count_and_no_longer(took: float, waited: float, count: Any) -> None:
    simulation = begun(pool={"count": {"command": ["count"]}})
    due_at = simulation.times("heartbeats")[0] + 3
    simulation.probe_seconds = took
    simulation.run(3)
    assert simulation.times("heartbeats")[-1] == pytest.approx(due_at + waited, abs=0.001)
    assert simulation.bodies("heartbeats")[-1]["heartbeats"][0].get("count") == count
    assert simulation.count("failures_total", pool_id="p", probe="count") == (count is None)


def test_a_list_is_sent_with_the_moment_of_the_question_some_seconds_later() -> None:
    simulation = asked()
    simulation.run(4)
    asked_at = simulation.pools["p"].last_beat
    assert asked_at
    simulation.kinds()
    simulation.run(5)
    assert simulation.bodies("sessions") == [{"as_of": f"1:{int(asked_at * 1e6)}", "session_ids": ("s-1", "s-2")}]
    assert [round(at - asked_at, 1) for at, _ in simulation.probes] == [5]
    assert simulation.count("listed_sessions_total", outcome="ended") == 1


def test_without_a_question_no_list_is_taken() -> None:
    simulation = Simulation(pool=SESSIONS)
    simulation.run(60)
    assert simulation.probes == []
    assert "sessions" not in simulation.kinds()


def test_a_list_that_failed_is_taken_again_and_nothing_is_sent() -> None:
    simulation = asked()
    simulation.outputs["sessions"] = b""
    simulation.run(30)
    assert "sessions" not in simulation.kinds()
    assert simulation.count("failures_total", pool_id="p", probe="sessions") >= 2
    simulation.outputs["sessions"] = b"[]"
    simulation.run(11)
    assert simulation.bodies("sessions")[0]["session_ids"] == ()


def test_a_list_is_sent_with_the_types_that_it_names() -> None:
    simulation = Simulation(pool=SESSIONS)
    simulation.outputs["sessions"] = b'{"session_ids": ["s-1", "s-2"], "session_types": {"s-2": "video"}}'
    simulation.run(1)
    simulation.pools["p"].list = True
    simulation.run(9)
    [body] = simulation.bodies("sessions")
    assert (body["session_ids"], body["session_types"]) == (("s-1", "s-2"), {"s-2": "video"})


def test_a_later_question_does_not_make_an_earlier_list_newer() -> None:
    simulation = asked()
    simulation.refusal["sessions"] = AWAY
    simulation.run(9)
    first = simulation.bodies("sessions")[0]["as_of"]
    simulation.pools["p"].list = True
    simulation.run(20)
    assert {body["as_of"] for body in simulation.bodies("sessions")} == {first}


def test_a_refused_list_is_given_up() -> None:
    simulation = asked()
    simulation.refusal["sessions"] = Reply(409, "stale_report", {})
    simulation.run(60)
    assert simulation.kinds().count("sessions") == 1
