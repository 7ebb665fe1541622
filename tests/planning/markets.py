"""Small markets, whose fleets can all be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import strategies as st

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum
from slta.core.policies import POLICIES
from slta.core.utility import PoolClass
from slta_planning.plan.market import Floats, Market, market_of
from slta_planning.plan.options import Hour
from slta_planning.plan.solving import Solution
from tests.core.curves import falling

HALF = 0.5
"""Share that may be refused: so small cases need little room beyond their load."""


def spec_of(*columns: Sequence[int]) -> FleetSpec:
    """Classes whose sessions add as much, first to last."""
    classes = (PoolClass(f"class {i}", falling(column), len(column)) for i, column in enumerate(columns))
    return FleetSpec(tuple(classes), policy=POLICIES["jlmu"])


def bound(spec: FleetSpec, pools: Sequence[int], load: float) -> float:
    best = optimum(spec.ranking, pools, load)
    return best.utility if best else 0.0


def market(spec: FleetSpec, costs: Sequence[float], *loads: float, refused: float = HALF) -> Market:
    return market_of(spec, costs, [Hour(str(k), load) for k, load in enumerate(loads)], refused)


def most_of(found: Market) -> int:
    """Pools of a class beyond which more add nothing to the bound."""
    return max(found.room, ceil(float(found.loads.max())))


def all_fleets(found: Market) -> Iterator[tuple[int, ...]]:
    """Every fleet with room, up to so many pools of a class that more add nothing."""
    for pools in product(range(most_of(found) + 1), repeat=len(found.costs)):
        if found.capacities @ np.array(pools) >= found.room:
            yield pools


def check_cheapest(solution: Solution | None, costs: Floats, kept: Sequence[Sequence[int]]) -> None:
    """The solution is proven, and costs as much as the cheapest of the fleets kept; without any there is none."""
    if not kept:
        assert solution is None
        return
    assert solution is not None
    assert solution.proven
    assert costs @ np.array(solution.pools) == pytest.approx(min(costs @ np.array(pools) for pools in kept))


columns = st.lists(st.integers(-2, 9), min_size=1, max_size=3).map(lambda values: sorted(values, reverse=True))
specs = st.lists(columns, min_size=2, max_size=3).map(lambda found: spec_of(*found))
loads_of_a_day = st.lists(st.integers(1, 10).map(lambda half: half / 2), min_size=1, max_size=2)
costs_of_three = st.tuples(*[st.integers(1, 20)] * 3)
