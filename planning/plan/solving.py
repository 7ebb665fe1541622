"""The two integer programmes: the cheapest fleet for floors, and the best fleet for a budget."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack, kron

from planning.errors import Unusable
from planning.plan.market import Floats, Market

SECONDS = 60.0
"""After so long the best fleet found so far is taken, and not said to be the best there is."""
OPTIMAL, INFEASIBLE = 0, 2
SMALLEST = 1e-3
"""A row is scaled by what it must reach, but not by less than this part of what the largest must."""


class Solution(NamedTuple):
    """Pools of each class; `proven` tells that by the bound no fleet is better."""

    pools: tuple[int, ...]
    proven: bool


def cheapest(market: Market, floors: Floats) -> Solution | None:
    """The cheapest fleet whose bound reaches the floor of each load; None where there is none. Unusable."""
    needed = (floors - np.outer(market.prices, market.loads)).max(axis=1)
    binding = needed > 0
    rows = [LinearConstraint(market.capacities[None, :], lb=market.room)]
    if binding.any():
        scale = np.maximum(needed[binding], SMALLEST * needed.max())
        rows.append(LinearConstraint(market.worths[binding] / scale[:, None], lb=needed[binding] / scale))
    return _solved(market, market.costs / market.costs.max(), rows, hours=0)


def best_for(market: Market, budget: float) -> Solution | None:
    """The fleet of at most this cost with the largest mean bound over the loads; None where none has room. Unusable.

    Each load's bound is a variable beside the pools, below p N + Σ_i A_i w_i(p) for each price p.
    """
    hours, prices = len(market.loads), len(market.prices)
    scale = max(float(np.abs(market.prices).max() * market.loads.max()), 1.0)
    worths = csr_array(np.tile(-market.worths, (hours, 1)) / scale)
    nothing = np.zeros(hours)
    rows = [
        LinearConstraint(np.append(market.capacities, nothing)[None, :], lb=market.room),
        LinearConstraint(np.append(market.costs / budget, nothing)[None, :], ub=1.0),
        LinearConstraint(
            hstack([worths, kron(eye_array(hours), np.ones((prices, 1)))]),
            ub=np.outer(market.loads, market.prices).ravel() / scale,
        ),
    ]
    return _solved(market, np.append(np.zeros(len(market.costs)), nothing - 1.0), rows, hours)


def _solved(market: Market, objective: Floats, rows: list[LinearConstraint], hours: int) -> Solution | None:
    """The integers first, one for each class; then a bound for each of so many hours."""
    classes = len(market.costs)
    free = np.full(hours, np.inf)
    result = milp(
        objective,
        integrality=np.append(np.ones(classes), np.zeros(hours)),
        bounds=Bounds(np.append(np.zeros(classes), -free), np.append(np.full(classes, float(market.most)), free)),
        constraints=rows,
        options={"time_limit": SECONDS, "mip_rel_gap": 0.0},
    )
    if result.status == INFEASIBLE:
        return None
    if result.x is None:
        raise Unusable(f"no fleet was found within {SECONDS:g} s: {result.message}")
    return Solution(tuple(round(count) for count in result.x[:classes]), result.status == OPTIMAL)
