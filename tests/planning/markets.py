"""Small markets, with session types and without, whose fleets can all be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.session_types.bound import Bound, bound
from slta.core.utility import PoolClass
from slta_planning.plan.loads import Hour
from slta_planning.plan.market import Floats, Market, market_of
from slta_planning.plan.solving import Solution, programme_of, sums_of, units
from tests.core.curves import falling

HALF = 0.5
"""Share that may be refused: so small cases need little room beyond their load."""
NONE = 1e-9


def spec_of(*columns: Sequence[int], sets: Sequence[Sequence[int]] = ()) -> FleetSpec:
    """Classes whose sessions add as much, first to last, and types `type 1`, … on these classes."""
    classes = tuple(PoolClass(f"class {i}", falling(column), len(column)) for i, column in enumerate(columns))
    types = {f"type {t}": [classes[c].name for c in own] for t, own in enumerate(sets, 1)}
    return FleetSpec(classes, policy=POLICIES["jlmu"], session_types=types)


def best(spec: FleetSpec, pools: Sequence[float], loads: Sequence[float]) -> Bound:
    return bound(spec.type_sets, spec.ranking, pools, loads)


def market(spec: FleetSpec, costs: Sequence[float], *hours: Sequence[float], refused: float = HALF) -> Market:
    return market_of(spec, costs, [Hour(str(k), tuple(loads)) for k, loads in enumerate(hours)], refused)


def relaxed_bounds(found: Market, pools: Sequence[float]) -> list[float]:
    """Value of the programme for these pools at each load."""
    programme = programme_of(found, ())
    sums = sums_of(programme).toarray()
    low, high = programme.lowest.copy(), np.full(len(programme.lowest), np.inf)
    low[: len(pools)] = high[: len(pools)] = pools
    rows = LinearConstraint(programme.matrix, programme.low, programme.high)
    solved = milp(-sums.sum(axis=0), bounds=Bounds(low, high), constraints=[rows])
    return [float(value) for value in (sums @ solved.x) * units(found)]


def few(found: Market) -> Market:
    """The market with as many pools of a class as add something to the bound."""
    return replace(found, most=max(ceil(found.loads.sum(axis=1).max()), *(room.places for room in found.rooms), 0))


def all_mixes(spec: FleetSpec, found: Market) -> Iterator[tuple[int, ...]]:
    """Every fleet with room for the mean loads, up to so many pools of a class that more add nothing."""
    for pools in product(range(few(found).most + 1), repeat=len(found.costs)):
        has_room = all(sum(found.capacities[c] * pools[c] for c in room.classes) >= room.places for room in found.rooms)
        if has_room and all(best(spec, pools, loads).refused < NONE for loads in found.loads):
            yield pools


def earning(spec: FleetSpec, found: Market, floors: Sequence[float]) -> list[tuple[int, ...]]:
    """The fleets whose bound reaches every floor."""
    return [
        pools
        for pools in all_mixes(spec, found)
        if all(best(spec, pools, at).utility >= f - NONE for at, f in zip(found.loads, floors, strict=True))
    ]


def check_cheapest(solution: Solution | None, costs: Floats, kept: Sequence[Sequence[int]]) -> None:
    """The solution is proven, and costs as much as the cheapest of the fleets kept; without any there is none."""
    if not kept:
        assert solution is None
        return
    assert solution is not None
    assert solution.proven
    assert costs @ np.array(solution.pools) == pytest.approx(min(costs @ np.array(pools) for pools in kept))


curves = st.lists(
    st.lists(st.integers(-2, 9), min_size=1, max_size=3).map(lambda values: sorted(values, reverse=True)),
    min_size=2,
    max_size=3,
)
costs_of_three = st.tuples(*[st.integers(1, 20)] * 3)


@st.composite
def days(draw: st.DrawFn, *, typed: bool) -> tuple[FleetSpec, list[list[float]]]:
    """Two or three classes, two types on some of them or none, and one or two loads of each."""
    columns = draw(curves)
    own = st.sets(st.integers(0, len(columns) - 1), min_size=1).map(sorted)
    spec = spec_of(*columns, sets=[draw(own), draw(own)] if typed else ())
    count, most = len(spec.type_names), 4 if typed else 10
    loads = st.lists(st.integers(0, most).map(lambda half: half / 2), min_size=count, max_size=count)
    return spec, draw(st.lists(loads, min_size=1, max_size=2).filter(lambda day: any(map(sum, day))))


of_both = pytest.mark.parametrize("typed", [False, True])
