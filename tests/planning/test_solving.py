"""The programmes, with session types and without, against the bound of core and all fleets of small markets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slta.core.session_types.sets import TypeSets
from slta_planning.expected_gap import blocking
from slta_planning.plan import market as markets
from slta_planning.plan.market import Room, rooms_for, unions_of
from slta_planning.plan.solving import best_for, cheapest
from tests.planning.markets import (
    NONE,
    all_mixes,
    best,
    check_cheapest,
    costs_of_three,
    days,
    earning,
    market,
    of_both,
    relaxed_bounds,
    spec_of,
)


@of_both
@settings(deadline=None)
@given(data=st.data(), pools=st.tuples(*[st.integers(0, 8)] * 3))
def test_the_relaxed_programme_is_the_bound_of_core(data: st.DataObject, pools: tuple[int, ...], typed: bool) -> None:
    spec, (at, *_) = data.draw(days(typed=typed))
    pools = pools[: len(spec.classes)]
    found = best(spec, pools, at)
    assume(sum(at) and found.refused < NONE)
    roomy = replace(market(spec, [1] * len(pools), at), rooms=[Room(frozenset(range(len(pools))), 1)])
    assert relaxed_bounds(roomy, pools) == pytest.approx([found.utility], abs=1e-6)


@of_both
@settings(deadline=None, max_examples=40)
@given(data=st.data(), costs=costs_of_three, share=st.sampled_from([0.3, 0.6, 0.8, 0.95, 1.0]))
def test_the_cheapest_fleet_is_the_cheapest_of_all(
    data: st.DataObject, costs: tuple[int, ...], share: float, typed: bool
) -> None:
    spec, day = data.draw(days(typed=typed))
    found = market(spec, costs[: len(spec.classes)], *day)
    floors = share * max(column[0] for column in spec.ranking.marginals) * np.array(day).sum(axis=1)
    solution = cheapest(found, floors)
    check_cheapest(solution, found.costs, earning(spec, found, floors))
    if solution:
        reached = [best(spec, solution.pools, at).utility for at in day]
        assert [pair for pair in zip(reached, floors, strict=True) if not pair[0] >= pair[1] - 1e-6] == []


@of_both
@settings(deadline=None, max_examples=40)
@given(data=st.data(), costs=costs_of_three, budget=st.integers(1, 60))
def test_the_best_fleet_for_a_budget_is_the_best_of_all(
    data: st.DataObject, costs: tuple[int, ...], budget: int, typed: bool
) -> None:
    spec, day = data.draw(days(typed=typed))
    found = market(spec, costs[: len(spec.classes)], *day)
    mixes = [pools for pools in all_mixes(spec, found) if found.costs @ np.array(pools) <= budget]
    earned = [sum(best(spec, pools, at).utility for at in day) for pools in mixes]
    solution = best_for(found, float(budget))
    if not earned:
        assert solution is None
        return
    assert solution is not None
    assert found.costs @ np.array(solution.pools) <= budget + NONE
    assert sum(best(spec, solution.pools, at).utility for at in day) == pytest.approx(max(earned), abs=1e-6)


def test_types_that_share_a_class_need_fewer_pools_than_types_with_classes_of_their_own() -> None:
    """By day type 1 has ten sessions, by night type 2; the wide class serves both, the narrow ones either."""
    curves, costs = ((4, 4), (4, 4), (4, 4)), (1.0, 1.0, 1.2)
    day = ([0, 10, 2], [0, 2, 10])
    shared = market(spec_of(*curves, sets=[[0, 2], [1, 2]]), costs, *day)
    alone = market(spec_of(*curves, sets=[[0], [1]]), costs, *day)
    floors = np.full(2, 48.0)
    together, apart = cheapest(shared, floors), cheapest(alone, floors)
    assert together is not None
    assert apart is not None
    assert apart.pools == (5, 5, 0)
    assert sum(together.pools) == 6
    assert np.dot(costs, together.pools) < np.dot(costs, apart.pools)


def test_rooms_are_for_the_types_whose_classes_are_all_in_them() -> None:
    sets = TypeSets(((0, 1, 2), (0,), (0, 1)))
    day = np.array([[5.0, 20.0, 10.0], [0.0, 4.0, 40.0]])
    found = {room.classes: room.places for room in rooms_for(sets, day, 0.001)}
    held = {frozenset({0, 1, 2}): 44.0, frozenset({0}): 20.0, frozenset({0, 1}): 44.0}
    assert found.keys() == held.keys()
    for classes, load in held.items():
        assert blocking(load, found[classes]) <= 0.001 < blocking(load, found[classes] - 1)


def test_of_too_many_unions_the_sets_alone_and_all_are_rooms(monkeypatch: Any) -> None:
    sets = TypeSets(((0, 1), (1, 2), (2, 3)))
    assert len(unions_of(sets)) == 6
    monkeypatch.setattr(markets, "MAX_ROOMS", 4)
    assert unions_of(sets) == [*map(frozenset, ({0, 1}, {1, 2}, {2, 3})), frozenset(range(4))]
