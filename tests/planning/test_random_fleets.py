"""`slta plan` denies no fleet that exists: random small fleets, against all their mixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, product

import numpy as np
import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import PoolClass, Utility
from slta_planning.plan import finding
from slta_planning.plan.answer import search_of
from slta_planning.plan.finding import found_for, found_within
from slta_planning.plan.loads import Hour, floors_of
from slta_planning.plan.market import Floats, market_of, places_for
from slta_planning.plan.rounds import NoFleetError
from slta_planning.plan.search import Search
from slta_planning.plan.solving import Solution
from tests.core.curves import alpha_fair, capped, linear, log_share, quadratic, table

SEEDS = range(200)
DEARER = 1.02
"""How much dearer than the cheapest an answer may be."""


@dataclass(frozen=True)
class Drawn:
    """A fleet, and what is asked of it: `floor` is a share of the most that a session can add."""

    spec: FleetSpec
    costs: tuple[float, ...]
    loads: tuple[float, ...]
    floor: float
    refused: float


def drawn(seed: int, *, typed: bool) -> Drawn:
    """1 to 3 classes of 2 to 8 places; with types `default` without load, and two types on some of the classes."""
    draws = np.random.default_rng([seed, typed])
    count = int(draws.integers(1 + typed, 4))
    sizes = [int(size) for size in draws.integers(2, 9, count)]
    classes = tuple(PoolClass(f"c{i}", _curve(draws, size), size) for i, size in enumerate(sizes))
    spec = FleetSpec(classes, policy=POLICIES["jlmu"])
    load = float(draws.uniform(1.5, 18))
    loads: tuple[float, ...] = (round(load, 2),)
    if typed:
        share = draws.uniform(0.1, 0.9)
        loads = (0.0, round(share * load, 2), round((1 - share) * load, 2))
        spec = replace(spec, session_types={f"t{k}": _some(draws, spec.class_names()) for k in range(2)})
    costs = tuple(float(cost) for cost in draws.uniform(1, 9, count).round(2))
    return Drawn(spec, costs, loads, float(draws.uniform(0.3, 0.9)), float(10 ** draws.uniform(-3, np.log10(0.5))))


def _some(draws: np.random.Generator, names: Sequence[str]) -> list[str]:
    inside = draws.random(len(names)) < 0.6
    inside[draws.integers(len(names))] = True
    return [name for name, use in zip(names, inside, strict=True) if use]


def _curve(draws: np.random.Generator, size: int) -> Utility:
    """A table, which may fall in the end, half of the time; else another curve."""
    top = round(float(draws.uniform(1, 9)), 2)
    if draws.random() < 0.5:
        marginals = np.sort(draws.uniform(-0.3 * top, top, size))[::-1]
        sums = accumulate(Fraction(round(1000 * value), 1000) for value in marginals)
        return table(0, *sums)
    curves = (
        lambda: linear(f"{top}"),
        lambda: quadratic(f"{top}", f"{-round(top / size * float(draws.uniform(0.2, 0.7)), 3)}"),
        lambda: capped(f"{top}", int(draws.integers(1, size + 1))),
        lambda: log_share(f"{round(size * float(draws.uniform(0.8, 4)), 2)}"),
        lambda: alpha_fair(f"{top}", "0.5"),
    )
    return curves[int(draws.integers(len(curves)))]()


def searched(one: Drawn) -> tuple[Search, Floats]:
    """A search, and its floors."""
    floors = np.array([np.dot(floors_of(f"{100 * one.floor}%", one.spec), one.loads)])
    market = market_of(one.spec, one.costs, [Hour("", one.loads)], one.refused)
    return search_of(one.spec, market, "jlmu", lambda: None), floors


def cheapest_below(one: Drawn, limit: float) -> tuple[int, ...] | None:
    """The cheapest of all mixes for less than a limit that keeps floor and refusals, by Erlang's formula too."""
    search, floors = searched(one)
    mixes = np.array(list(product(range(places_for(sum(one.loads), 1e-3) + 1), repeat=len(one.costs))))
    costs, market = mixes @ np.array(one.costs), search.market
    by_cost, able = np.argsort(costs, kind="stable"), costs < limit
    for room in market.rooms:
        able &= mixes[:, list(room.classes)] @ market.capacities[list(room.classes)] >= room.places
    for mix in mixes[by_cost[able[by_cost]]].tolist():
        if search.may_earn(mix, floors) and search.round_of(Solution(tuple(mix), proven=True), floors).keeps:
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


@pytest.mark.parametrize(("typed", "seed"), [(False, 33), (True, 103)])
def test_a_floor_needs_the_larger_fleets(monkeypatch: pytest.MonkeyPatch, typed: bool, seed: int) -> None:
    check(seed, typed=typed)
    monkeypatch.setattr(finding, "LARGER", 0)
    with pytest.raises(NoFleetError):
        found_for(*searched(drawn(seed, typed=typed)))


def test_pools_to_spare_are_taken_away_where_no_mixes_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "HALVINGS", 0)
    search, floors = searched(drawn(54, typed=False))
    rounds = found_for(search, floors).rounds
    assert [one for one in rounds[-2:] if not one.keeps] == []
    assert rounds[-1].cost < rounds[-2].cost


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
