"""Small markets with session types, whose fleets can all be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import ceil

import numpy as np
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from slta.core.fleet import FleetSpec
from slta.core.session_types.bound import Bound, bound
from slta_planning.plan.market import places_for
from slta_planning.plan.session_types.loads import TypedHour
from slta_planning.plan.session_types.market import TypedMarket, typed_market_of
from slta_planning.plan.session_types.solving import programme_of, sums_of, units
from tests.planning.markets import HALF, columns, spec_of

NONE = 1e-9


def typed_spec(curves: Sequence[Sequence[int]], sets: Sequence[Sequence[int]]) -> FleetSpec:
    """Classes whose sessions add as much, and types `type 1`, … on these classes."""
    spec = spec_of(*curves)
    names = spec.class_names()
    return replace(spec, session_types={f"type {t}": [names[c] for c in own] for t, own in enumerate(sets, 1)})


def best(spec: FleetSpec, pools: Sequence[float], loads: Sequence[float]) -> Bound:
    return bound(spec.type_sets, spec.ranking, pools, loads)


def typed_market(
    spec: FleetSpec, costs: Sequence[float], *hours: Sequence[float], refused: float = HALF
) -> TypedMarket:
    return typed_market_of(spec, costs, [TypedHour(str(k), tuple(h)) for k, h in enumerate(hours)], refused)


def relaxed_bounds(found: TypedMarket, pools: Sequence[float]) -> list[float]:
    """Value of the programme for these pools at each load."""
    programme = programme_of(found, ())
    sums = sums_of(programme).toarray()
    low, high = programme.lowest.copy(), np.full(len(programme.lowest), np.inf)
    low[: len(pools)] = high[: len(pools)] = pools
    rows = LinearConstraint(programme.matrix, programme.low, programme.high)
    best = milp(-sums.sum(axis=0), bounds=Bounds(low, high), constraints=[rows])
    return [float(value) for value in (sums @ best.x) * units(found)]


def all_mixes(spec: FleetSpec, found: TypedMarket) -> Iterator[tuple[int, ...]]:
    """Every fleet with room for the mean loads, up to so many pools of a class that more add nothing."""
    for pools in product(range(places_for(ceil(found.loads.sum(axis=1).max()), HALF) + 1), repeat=len(found.costs)):
        has_room = all(sum(found.capacities[c] * pools[c] for c in room.classes) >= room.places for room in found.rooms)
        if has_room and all(best(spec, pools, loads).refused < NONE for loads in found.loads):
            yield pools


curves = st.lists(columns, min_size=2, max_size=3)
loads = st.lists(st.integers(0, 4).map(lambda half: half / 2), min_size=3, max_size=3)


@st.composite
def typed_specs(draw: st.DrawFn) -> FleetSpec:
    """Two or three classes, `default` and two types on some of them."""
    drawn = draw(curves)
    own = st.sets(st.integers(0, len(drawn) - 1), min_size=1).map(sorted)
    return typed_spec(drawn, [draw(own), draw(own)])
