"""`slta plan` denies no fleet that exists: random small fleets, against all their mixes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from slta_planning.plan.expected import placement_gap
from slta_planning.plan.finding import found_for, found_within
from slta_planning.plan.market import Floats, market_of, places_for
from slta_planning.plan.rounds import NoFleetError
from slta_planning.plan.search import Search
from slta_planning.plan.session_types.loads import TypedHour, floors_of
from slta_planning.plan.session_types.market import Room, typed_market_of
from slta_planning.plan.session_types.search import TypedSearch
from slta_planning.plan.solving import Solution
from slta_planning.plan.wanted import Floor, Hour
from tests.planning.random_fleets import Drawn, drawn

SEEDS = range(200)
OUT_OF_REACH = {False: [33, 88, 126, 149, 157, 164, 197], True: [103, 132, 145]}
"""Seeds where no fleet reaches the floor with the gaps of the fleets of the rounds, without and with types."""
DEARER = 1.02
"""How much dearer than the cheapest an answer may be."""


def searched(one: Drawn) -> tuple[Any, Floats]:
    """A search, and its floors."""
    floor = Floor(one.floor, is_share=True)
    if one.spec.session_types:
        floors = np.array([np.dot(floors_of(floor, one.spec), one.loads)])
        market = typed_market_of(one.spec, one.costs, [TypedHour("", one.loads)], one.refused)
        return TypedSearch(one.spec, market, one.refused, lambda: None), floors
    floors = floor.of_a_session(one.spec.ranking.marginals) * np.array(one.loads)
    untyped = market_of(one.spec, one.costs, [Hour("", *one.loads)], one.refused)
    return Search(one.spec, untyped, placement_gap(one.spec, one.spec.policy), lambda: None), floors


def cheapest_below(one: Drawn, limit: float) -> tuple[int, ...] | None:
    """The cheapest of all mixes for less than a limit that keeps floor and refusals, by Erlang's formula too."""
    search, floors = searched(one)
    mixes = np.array(list(product(range(places_for(sum(one.loads), 1e-3) + 1), repeat=len(one.costs))))
    costs, market = mixes @ np.array(one.costs), search.market
    by_cost, able = np.argsort(costs, kind="stable"), costs < limit
    for room in market.rooms if one.spec.session_types else [Room(frozenset(range(len(one.costs))), market.room)]:
        able &= mixes[:, list(room.classes)] @ market.capacities[list(room.classes)] >= room.places
    for mix in mixes[by_cost[able[by_cost]]].tolist():
        if search.earns(mix, floors) and search.round_of(Solution(tuple(mix), proven=True), floors).keeps:
            return tuple(mix)
    return None


def check(seed: int, *, typed: bool) -> None:
    one = drawn(seed, typed=typed)
    search, floors = searched(one)
    try:
        cost = found_for(search, floors).fleet.cost
    except NoFleetError:
        cost = np.inf
    assert cheapest_below(one, cost / DEARER) is None


@pytest.mark.parametrize(("typed", "seed"), [(typed, seed) for typed, seeds in OUT_OF_REACH.items() for seed in seeds])
def test_a_floor_out_of_reach_of_the_rounds_is_kept_by_the_cheapest_fleet(typed: bool, seed: int) -> None:
    check(seed, typed=typed)


@pytest.mark.campaign
@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_fleet_is_denied_and_none_is_dearer(typed: bool, seed: int) -> None:
    check(seed, typed=typed)


def test_a_budget_buys_a_fleet_that_refuses_few_if_there_is_one() -> None:
    one = drawn(58, typed=True)
    search, floors = searched(one)
    budget = 1.01 * found_for(search, np.full(len(floors), -1e6)).fleet.cost
    assert found_within(search, budget).fleet.refusing == 0
