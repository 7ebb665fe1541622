"""Integer programmes: the cheapest fleet for floors, and the best fleet for a budget."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack, kron

from slta_planning.errors import UnusableError
from slta_planning.plan.market import Floats, Market

SECONDS = 60.0
"""Time limit; the best fleet found by then is used, without proof of optimality."""
OPTIMAL, INFEASIBLE = 0, 2
MIN_SCALE = 1e-3
"""A row is scaled by its right side, but at least by this fraction of the largest."""


class Solution(NamedTuple):
    """Pools of each class; `proven`: no fleet has a better bound."""

    pools: tuple[int, ...]
    proven: bool


def cheapest(market: Market, floors: Floats) -> Solution | None:
    """Cheapest fleet whose bound reaches each load's floor; None if infeasible. Raises Unusable."""
    needed = (floors - np.outer(market.prices, market.loads)).max(axis=1)
    binding = needed > 0
    rows = [LinearConstraint(market.capacities[None, :], lb=market.room)]
    if binding.any():
        scale = np.maximum(needed[binding], MIN_SCALE * needed.max())
        rows.append(LinearConstraint(market.worths[binding] / scale[:, None], lb=needed[binding] / scale))
    return _solved(market, market.costs / market.costs.max(), rows, hours=0)


def best_for(market: Market, budget: float) -> Solution | None:
    """Fleet within `budget` with the largest mean bound over the loads; None if infeasible. Raises Unusable.

    Each load's bound is a variable, at most p N + Σ_i A_i w_i(p) for each price p.
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
    """Solve; the variables are the integers, one per class, then the bounds of the hours."""
    classes = len(market.costs)
    free = np.full(hours, np.inf)
    result = milp(
        objective,
        integrality=np.append(np.ones(classes), np.zeros(hours)),
        bounds=Bounds(np.append(np.zeros(classes), -free), np.append(np.full(classes, float(market.most)), free)),
        constraints=rows,
        options=solver_options(),
    )
    return solution_of(result, classes)


def solver_options() -> dict[str, float]:
    """Time limit and optimality of HiGHS."""
    return {"time_limit": SECONDS, "mip_rel_gap": 0.0}


def solution_of(result: Any, classes: int) -> Solution | None:  # noqa: ANN401 - scipy has no types
    """Solution of a programme whose first variables are pools of each class. Raises Unusable."""
    if result.status == INFEASIBLE:
        return None
    if result.x is None:
        raise UnusableError(f"the solver found no fleet within {SECONDS:g} s: {result.message}")
    return Solution(tuple(round(count) for count in result.x[:classes]), result.status == OPTIMAL)
