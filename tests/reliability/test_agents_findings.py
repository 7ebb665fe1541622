"""What the campaign of agents counts: sessions that slta ended on living pools, refusals, and the watch's changes."""

from __future__ import annotations

from typing import Any

import pytest

from lab.agents.findings import Down, Session, cut_without_death, ended_by_slta, held, placed_on, refused
from lab.agents.watch import Change, Watch

STORE = {"s": "p-1"}


def session(**fields: Any) -> Session:
    return Session(**{"id": "s", "began": 50.0, "placed": 50.1, "pool": "p-1", **fields})


def test_a_live_session_that_the_store_has_was_not_ended() -> None:
    assert ended_by_slta([session()], STORE, 100.0, {}) == []


@pytest.mark.parametrize("fields", [{"id": "t"}, {"pool": "p-2"}, {"ended": 99.0, "outcome": "already_ended"}])
def test_one_that_is_not_there_or_elsewhere_or_had_ended_at_its_complete_was_ended(fields: dict[str, Any]) -> None:
    assert ended_by_slta([session(**fields)], STORE, 100.0, {}) == [session(**fields)]


@pytest.mark.parametrize(
    "fields",
    [
        {"placed": 99.0},
        {"ended": 90.0, "outcome": "completed"},
        {"cut": 90.0},
        {"pool": "", "code": "no_capacity"},
    ],
)
def test_one_that_has_just_begun_or_was_completed_or_cut_or_refused_was_not_ended(fields: dict[str, Any]) -> None:
    assert ended_by_slta([session(id="t", **fields)], STORE, 100.0, {}) == []


def test_a_session_on_a_dead_pool_is_not_judged_but_one_that_ended_before_its_death_is() -> None:
    assert ended_by_slta([session(id="t")], STORE, 100.0, {"p-1": 60.0}) == []
    early = session(ended=55.0, outcome="already_ended")
    assert ended_by_slta([early], STORE, 100.0, {"p-1": 60.0}) == [early]


@pytest.mark.parametrize(
    ("began", "cut", "is_found"),
    [(50.0, 61.0, False), (65.0, 65.1, False), (50.0, 59.0, True), (71.0, 71.1, True)],
)
def test_a_session_is_cut_without_death_before_its_pool_died_or_if_it_began_after_its_return(
    began: float, cut: float, is_found: bool
) -> None:
    found = cut_without_death([session(began=began, cut=cut)], [Down("p-1", 60.0, 70.0), Down("p-2", 0.0)])
    assert bool(found) is is_found


def test_placements_on_pools_are_those_that_began_within_the_time() -> None:
    found = [session(began=began, placed=began + 1) for began in (49.0, 51.0, 50.0)]
    assert placed_on(found, {"p-1"}, 50.0) == [51.0, 52.0]
    assert placed_on(found, {"p-2"}, 50.0) == []


def test_refusals_are_counted_by_code() -> None:
    found = [session(code="timeout", pool=""), session(code="timeout", pool="", began=99.0), session()]
    assert refused(found, 50.0, 60.0) == {"timeout": 1}


def test_sessions_that_are_held_on_pools_are_counted() -> None:
    assert held({"a": "p-1", "b": "p-2", "c": "p-1"}, {"p-1"}) == 2


def test_the_first_time_of_a_liveness_since_a_moment_counts() -> None:
    watch = Watch(dict)
    watch.changes = [Change(at, pool, "lost") for at, pool in ((9, "p-1"), (11, "p-1"), (12, "p-1"), (13, "p-2"))]
    assert watch.since(10, ["p-1"], "lost") == {"p-1": 11}
