"""c x log₂(1 + min(m, r/x)): a shared resource r, of which a session can use m at most, worth c per doubling.

Concave: x g(r/x) is, and so is x g(min(m, r/x)), for concave g that does not fall.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize

from slta_planning.fit.levels import Floats
from slta_planning.fit.problem import Fields, Problem

KNEES = 24
"""Sessions r/m tried at which the resource is used up, and as many r."""


def curve(at: Floats, fields: Fields) -> Floats:
    """u(x)."""
    return fields["factor"] * _shape(at, fields["resource"], fields["resource"] / fields["cap"])


def _shape(at: Floats, resource: float, knee: float) -> Floats:
    return np.asarray(at * np.log2(1 + resource / np.maximum(at, knee)))


def fit(problem: Problem) -> Fields | None:
    """The nearest, by a local search from the best of some knees and resources; None if it falls."""

    def misfit(logs: Floats) -> float:
        resource, knee = np.exp(logs)
        return problem.misfit_of_shape(_shape(problem.at, resource, knee))

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
    factor = problem.coefficient(_shape(problem.at, resource, knee))
    return {"factor": factor, "resource": resource, "cap": resource / knee} if factor > 0 else None
