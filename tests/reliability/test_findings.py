"""What campaigns count: sessions that slta ended, does not know, or still has; refusals, the spread, and changes."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from lab.agents.watch import Change, Watch
from lab.campaign.findings import (
    Look,
    Outage,
    Session,
    all_known_after,
    cut_without_death,
    ended_by_slta,
    held,
    not_ended,
    placed_on,
    refused,
    spread,
    unknown,
)

STORE = {"s": "p-1"}
LOOK = Look(100.0, 100.1, STORE)


def session(**fields: Any) -> Session:
    return Session(**{"id": "s", "began": 50.0, "placed": 50.1, "pool": "p-1", **fields})


def test_a_live_session_that_the_store_has_was_not_ended() -> None:
    assert ended_by_slta([session()], STORE, 100.0, {}) == []


@pytest.mark.parametrize("fields", [{"id": "t"}, {"pool": "p-2"}, {"ended": 99.0, "outcome": "already_ended"}])
def test_one_that_is_not_there_or_elsewhere_or_had_ended_at_its_complete_was_ended(fields: dict[str, Any]) -> None:
    assert ended_by_slta([session(**fields)], STORE, 100.0, {}) == [session(**fields)]


@pytest.mark.parametrize(
    "fields",
    [{"placed": 99.0}, {"ended": 90.0, "outcome": "completed"}, {"cut": 90.0}, {"pool": "", "code": "no_capacity"}],
)
def test_one_that_has_just_begun_or_was_completed_or_cut_or_refused_was_not_ended(fields: dict[str, Any]) -> None:
    assert ended_by_slta([session(id="t", **fields)], STORE, 100.0, {}) == []


def test_a_session_on_a_dead_pool_is_not_judged_but_one_that_ended_before_its_death_is() -> None:
    assert ended_by_slta([session(id="t")], STORE, 100.0, {"p-1": 60.0}) == []
    early = session(ended=55.0, outcome="already_ended")
    assert ended_by_slta([early], STORE, 100.0, {"p-1": 60.0}) == [early]


@pytest.mark.parametrize(("pool", "cut", "is_found"), [("p-1", 61.0, False), ("p-1", 59.0, True), ("p-3", 61.0, True)])
def test_a_session_is_cut_without_death_if_its_pool_lives_or_died_later(pool: str, cut: float, is_found: bool) -> None:
    assert bool(cut_without_death([session(pool=pool, cut=cut)], {"p-1": 60.0, "p-2": 0.0})) is is_found


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


def test_a_live_session_on_its_pool_is_known() -> None:
    assert unknown(LOOK, [session()]) == []


@pytest.mark.parametrize("fields", [{"id": "t"}, {"pool": "p-2"}])
def test_one_that_is_not_there_or_elsewhere_is_unknown(fields: dict[str, Any]) -> None:
    assert unknown(LOOK, [session(**fields)]) == [session(**fields)]


@pytest.mark.parametrize("fields", [{"placed": 99.0}, {"ended": 100.05}, {"code": "timeout", "pool": ""}])
def test_one_that_begins_or_ends_about_then_or_was_refused_is_not_missed(fields: dict[str, Any]) -> None:
    assert unknown(LOOK, [session(id="t", **fields)]) == []


@pytest.mark.parametrize("fields", [{"ended": 97.0}, {"code": "timeout", "placed": 97.0}])
def test_one_that_ended_or_was_refused_and_is_there_has_not_ended(fields: dict[str, Any]) -> None:
    assert not_ended(LOOK, [session(**fields)]) == [session(**fields)]


@pytest.mark.parametrize("fields", [{}, {"ended": 99.0}, {"id": "t", "ended": 97.0}])
def test_one_that_lives_or_has_just_ended_or_is_not_there_is_well(fields: dict[str, Any]) -> None:
    assert not_ended(LOOK, [session(**fields)]) == []


def test_the_limit_of_the_spread_is_for_the_most_loaded_of_all_pools() -> None:
    placed = [session(pool=f"{name}-{number % 5}") for name in "ab" for number in range(180)]
    found = spread(placed, pools=10)
    assert (found.sessions, found.most, found.by_class) == (360, 36, {"a": 180, "b": 180})
    deviations = 3.6425  # P(Z > 3.6425) is a tenth of P(Z > 3)
    assert found.limit == pytest.approx(36 + deviations * (360 * 0.1 * 0.9) ** 0.5, rel=1e-5)
    assert spread([], pools=10) == (0, 0, 0.0, {})


def test_all_sessions_of_the_outage_are_known_from_the_first_look_on_that_misses_none() -> None:
    looks = [Look(100.0, 100.5, {}), Look(101.0, 101.5, {"s": "p-1"}), Look(102.0, 102.5, {})]
    outage = Outage("killed", 40.0, 100.0, looks)
    assert all_known_after(outage, [session(), session(id="t", began=30.0), session(id="u", ended=99.0)]) == 1.5
    assert all_known_after(outage, [session(id="v", ended=inf)]) is None
