"""T x / (B + x): x sessions of a pool that serves them in batches, such as a language model; T in all, half of it at B.

A step that takes a + b x seconds and yields c for each of x sessions has T = c / b and B = a / b.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from slta_planning.fit.levels import Floats
from slta_planning.fit.problem import Fields, Problem

HALVES = np.geomspace(1e-3, 1e3, 61)
"""B tried, in highest levels: below it is a constant, above a line."""


def curve(at: Floats, fields: Fields) -> Floats:
    """u(x)."""
    return fields["total"] * at / (fields["half"] + at)


def fit(problem: Problem) -> Fields | None:
    """The nearest, by a local search from the best of some B; None if that falls or is a line."""

    def misfit(log_half: float) -> float:
        return problem.misfit_of_shape(problem.at / (np.exp(log_half) + problem.at))

    grid = np.log(HALVES * problem.at[-1])
    best = int(np.argmin([misfit(half) for half in grid]))
    if best in (0, len(grid) - 1):
        return None
    bounds = (float(grid[best - 1]), float(grid[best + 1]))
    half = float(np.exp(minimize_scalar(misfit, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x))
    total = problem.coefficient(problem.at / (half + problem.at))
    return {"total": total, "half": half} if total > 0 else None
