"""Parametric families, fitted to level means by weighted least squares: those of a fleet file, and two more.

- `saturating`, T x / (B + x): x sessions of a pool that serves them in batches, such as a language model; T in all,
  half of it at B. A step that takes a + b x seconds and yields c for each of x sessions has T = c / b and B = a / b.
- `capped_log_share`, c x log₂(1 + min(m, r/x)): a shared resource r, of which a session can use m at most, worth c per
  doubling. Concave: x g(r/x) is, and so is x g(min(m, r/x)), for concave g that does not fall.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from slta.core.limits import MAX_ALPHA
from slta.parsing.fields import MAX_MAGNITUDE
from slta_planning.fit.levels import Floats

NEAR_ONE = 0.02
"""Excluded range of alpha_fair around α = 1, where it becomes log_share and r diverges."""
HALVES = np.geomspace(1e-3, 1e3, 61)
"""B tried, in highest levels: below it is a constant, above a line."""
KNEES = 24
"""Sessions r/m tried at which the resource is used up, and as many r."""
DIGITS = 6
"""Of a fitted number. More would depend on the instructions of the processor, and none is known so well."""

Fields = Mapping[str, float]
"""Fields of a curve."""


class Problem(NamedTuple):
    """Weighted least squares. Means are on the samples' scale: a sample at level x is `scale` times u(x)."""

    at: Floats
    scale: Floats
    means: Floats
    weights: Floats

    def part(self, chosen: slice) -> Problem:
        """Subset of the levels."""
        return Problem(self.at[chosen], self.scale[chosen], self.means[chosen], self.weights[chosen])

    def coefficient(self, shape: Floats) -> float:
        """Least squares coefficient c of c · shape(x)."""
        sampled = shape * self.scale
        return float((self.weights * sampled) @ self.means / ((self.weights * sampled) @ sampled))

    def misfit(self, curve: Floats) -> float:
        """Σ weights (means − curve)²."""
        return float(self.weights @ (self.means - self.scale * curve) ** 2)

    def misfit_of_shape(self, shape: Floats) -> float:
        """Misfit of c · shape(x) with the best c."""
        return self.misfit(self.coefficient(shape) * shape)


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

    grids = [np.linspace(*ends, 33) for ends in ((0.0, 1 - NEAR_ONE), (1 + NEAR_ONE, float(MAX_ALPHA)))]
    return _alpha_fair(problem, min(_best(misfit, grid, 1e-4) for grid in grids)[1])


def _best(misfit: Callable[[float], float], grid: Floats, tolerance: float) -> tuple[float, float]:
    """Local search from the best of some values, as there may be several minima: the misfit, and where it is."""
    best = int(np.argmin([misfit(value) for value in grid]))
    around = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(misfit, bounds=around, method="bounded", options={"xatol": tolerance})
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


def saturating(problem: Problem) -> Fields | None:
    """None if the nearest falls, is a constant or a line."""

    def misfit(log_half: float) -> float:
        return problem.misfit_of_shape(problem.at / (np.exp(log_half) + problem.at))

    grid = np.log(HALVES * problem.at[-1])
    log_half = _best(misfit, grid, 1e-9)[1]
    if not grid[0] + 1e-3 < log_half < grid[-1] - 1e-3:
        return None
    half = math.exp(log_half)
    total = problem.coefficient(problem.at / (half + problem.at))
    return {"total": total, "half": half} if total > 0 else None


def _saturating(at: Floats, fields: Fields) -> Floats:
    return fields["total"] * at / (fields["half"] + at)


def capped_log_share(problem: Problem) -> Fields | None:
    """The nearest, by a local search from the best of some knees and resources; None if it falls."""

    def misfit(logs: Floats) -> float:
        resource, knee = np.exp(logs)
        return problem.misfit_of_shape(_shared(problem.at, resource, knee))

    first, last = float(problem.at[0]), float(problem.at[-1])
    if first == last:
        return None
    knees = np.log(np.geomspace(first, last, KNEES + 1)[:-1])
    resources = np.log(last * np.geomspace(1e-2, 1e3, KNEES))
    start = min((misfit(np.array([r, k])), r, k) for r in resources for k in knees)[1:]
    bounds = [(float(resources[0]), float(resources[-1])), (math.log(first), math.log(last))]
    options = {"xatol": 1e-9, "fatol": 1e-15}
    found = minimize(misfit, start, method="Nelder-Mead", bounds=bounds, options=options).x
    resource, knee = (float(value) for value in np.exp(found))
    factor = problem.coefficient(_shared(problem.at, resource, knee))
    return {"factor": factor, "resource": resource, "cap": resource / knee} if factor > 0 else None


def _capped_log_share(at: Floats, fields: Fields) -> Floats:
    return fields["factor"] * _shared(at, fields["resource"], fields["resource"] / fields["cap"])


def _shared(at: Floats, resource: float, knee: float) -> Floats:
    return np.asarray(at * np.log2(1 + resource / np.maximum(at, knee)))


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
    "saturating": Family(saturating, _saturating),
    "capped_log_share": Family(capped_log_share, _capped_log_share),
}
