"""Parametric families of a fleet file, fitted to level means by weighted least squares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from slta.core.limits import MAX_ALPHA
from slta.parsing.fields import MAX_MAGNITUDE
from slta_planning.fit import capped_log_share, saturating
from slta_planning.fit.levels import Floats
from slta_planning.fit.problem import Fields, Problem

NEAR_ONE = 0.02
"""Excluded range of alpha_fair around α = 1, where it becomes log_share and r diverges."""
DIGITS = 6
"""Of a fitted number. More would depend on the instructions of the processor, and none is known so well."""


def linear(problem: Problem) -> Fields | None:
    """a x."""
    return {"slope": problem.coefficient(problem.at)}


def quadratic(problem: Problem) -> Fields | None:
    """b x + c x², c ≤ 0; a line if the best c is positive."""
    root = np.sqrt(problem.weights)
    columns = (root * problem.scale)[:, None] * np.column_stack([problem.at, problem.at**2])
    (b, c), *_ = np.linalg.lstsq(columns, root * problem.means)
    return {"linear": float(b), "quadratic": float(c)} if c < 0 else None


def capped_linear(problem: Problem) -> Fields | None:
    """a min(x, c): the best over the caps of each segment between two levels."""
    found = [(problem.misfit(a * np.minimum(problem.at, cap)), a, cap) for a, cap in _caps(problem) if a > 0]
    if not found:
        return None
    _, slope, cap = min(found)
    return {"slope": slope, "cap": cap}


def _caps(problem: Problem) -> Iterator[tuple[float, float]]:
    """Below the cap u is a x, above it a c, each fitted separately, unless c leaves its segment."""
    for k in range(1, len(problem.at)):
        before, behind = problem.part(slice(k)), problem.part(slice(k, None))
        slope = before.coefficient(before.at)
        level = behind.coefficient(np.ones_like(behind.at))
        cap = level / slope if slope > 0 else problem.at[k - 1]
        cap = float(np.clip(cap, problem.at[k - 1], problem.at[k]))
        yield problem.coefficient(np.minimum(problem.at, cap)), cap


def log_share(problem: Problem) -> Fields | None:
    """x log r − x log x."""
    at, scale = problem.at, problem.scale
    shifted = problem._replace(means=problem.means + scale * at * np.log(at))
    return _with_resource(shifted.coefficient(at))


def alpha_fair(problem: Problem) -> Fields | None:
    """s x^α with s = r^(1−α)/(1−α): positive below α = 1, negative above."""

    def misfit(alpha: float) -> float:
        fields = _alpha_fair(problem, alpha)
        return problem.misfit(_power(fields, problem.at) if fields else np.zeros_like(problem.at))

    found = [_best_alpha(misfit, low, high) for low, high in ((0.0, 1 - NEAR_ONE), (1 + NEAR_ONE, float(MAX_ALPHA)))]
    return _alpha_fair(problem, min(found)[1])


def _best_alpha(misfit: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Local search from the best of some values, as there may be several minima."""
    grid = np.linspace(low, high, 33)
    best = int(np.argmin([misfit(alpha) for alpha in grid]))
    around = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(misfit, bounds=around, method="bounded", options={"xatol": 1e-4})
    return min((float(found.fun), float(found.x)), (misfit(grid[best]), float(grid[best])))


def _alpha_fair(problem: Problem, alpha: float) -> Fields | None:
    alpha = round(alpha, 4)
    s = problem.coefficient(problem.at**alpha)
    if s * (1 - alpha) <= 0:
        return None
    found = _with_resource(math.log(s * (1 - alpha)) / (1 - alpha))
    return {**found, "alpha": alpha} if found else None


def _power(fields: Fields, at: Floats) -> Floats:
    alpha = fields["alpha"]
    return np.asarray(fields["resource"] ** (1 - alpha) / (1 - alpha) * at**alpha)


def _with_resource(log_resource: float) -> dict[str, float] | None:
    """None if a fleet file cannot express it."""
    return {"resource": math.exp(log_resource)} if abs(log_resource) < MAX_MAGNITUDE * math.log(10) else None


class Family(NamedTuple):
    """`fit` gives the fields, or None if no curve of the kind fits, or a simpler one is as good.

    `curve` is u(x) of a kind that fleet files do not have: they get its table. It must be concave.
    """

    fit: Callable[[Problem], Fields | None]
    curve: Callable[[Floats, Fields], Floats] | None = None


FAMILIES: Mapping[str, Family] = {
    "log_share": Family(log_share),
    "alpha_fair": Family(alpha_fair),
    "quadratic": Family(quadratic),
    "capped_linear": Family(capped_linear),
    "linear": Family(linear),
    "saturating": Family(saturating.fit, saturating.curve),
    "capped_log_share": Family(capped_log_share.fit, capped_log_share.curve),
}
