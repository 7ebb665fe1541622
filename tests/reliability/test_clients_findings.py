"""What the campaign of client processes counts: the spread, and sessions that slta does not know, or still has."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from lab.clients.findings import Look, Outage, Session, all_known_after, not_ended, spread, unknown

LOOK = Look(100.0, 100.1, {"s": "a-1"})


def session(**fields: Any) -> Session:
    return Session(**{"id": "s", "began": 50.0, "placed": 50.1, "open": False, "pool": "a-1", "by": "slta", **fields})


def test_a_live_session_on_its_pool_is_known() -> None:
    assert unknown(LOOK, [session()]) == []


@pytest.mark.parametrize("fields", [{"id": "t"}, {"pool": "a-2"}])
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


def test_the_limit_of_the_spread_is_the_mean_of_a_uniform_draw_and_three_of_its_standard_deviations() -> None:
    placed = [session(pool=f"{name}-{number % 5}") for name in "ab" for number in range(180)]
    found = spread(placed, pools=10)
    assert (found.sessions, found.most, found.by_class) == (360, 36, {"a": 180, "b": 180})
    assert found.limit == pytest.approx(36 + 3 * (360 * 0.1 * 0.9) ** 0.5)


def test_all_sessions_of_the_outage_are_known_from_the_first_look_on_that_misses_none() -> None:
    looks = [Look(100.0, 100.5, {}), Look(101.0, 101.5, {"s": "a-1"}), Look(102.0, 102.5, {})]
    outage = Outage("killed", 40.0, 100.0, looks)
    assert all_known_after(outage, [session(), session(id="t", began=30.0), session(id="u", ended=99.0)]) == 1.5
    assert all_known_after(outage, [session(id="v", ended=inf)]) is None
