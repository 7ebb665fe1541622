"""Fit of one class, from its samples to the chosen curve."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from slta_planning.errors import UnusableError
from slta_planning.fit.bands import Bands, bands_of, largest_below
from slta_planning.fit.candidates import TABLE, Candidate, candidates, choice
from slta_planning.fit.concave import Concave, Cone
from slta_planning.fit.levels import ALONE, Levels
from slta_planning.fit.samples import ClassSamples
from slta_planning.fit.shape import Shape, shape_of

SEED = 13
"""Seed of the draws, fixed for reproducible results."""
DIFFERS = 3.0
"""Standard errors from which the mean of empty pools differs from 0."""


class Wanted(NamedTuple):
    """Requested fit. `capacity` None: the highest level with samples. `kind` None: the best."""

    per_pool: bool = False
    capacity: int | None = None
    kind: str | None = None


@dataclass(frozen=True)
class ClassFit:
    """Fit of a class. `curve` is concave; `taken` is one of `candidates`. `left_out` samples exceed the capacity."""

    name: str
    levels: Levels
    curve: Concave
    shape: Shape
    bands: Bands
    candidates: list[Candidate]
    taken: Candidate
    capacity: int
    left_out: int
    pools: int
    warnings: list[str]


def fit_class(name: str, samples: ClassSamples, wanted: Wanted) -> ClassFit:
    """Fit one class. Raises Unusable without samples."""
    levels, left_out = _levels(name, samples, wanted)
    capacity = wanted.capacity or levels.last
    cone, generator = Cone.of(levels), np.random.default_rng(SEED)
    curve = cone.fit(levels.means, levels.noise.weights)
    found = candidates(levels, curve, capacity)
    taken = choice(found, wanted.kind)
    if taken is None:
        raise UnusableError(f"--curve: class {name} cannot be fitted by {wanted.kind}; leave it out for the best curve")
    return ClassFit(
        name,
        levels,
        curve,
        shape_of(levels, cone, curve, generator),
        bands_of(levels, cone, capacity, generator),
        found,
        taken,
        capacity,
        left_out,
        len(samples.pools),
        [*_warnings(levels, curve, capacity, taken), *_of_empty_pools(samples, wanted)],
    )


def _levels(name: str, samples: ClassSamples, wanted: Wanted) -> tuple[Levels, int]:
    sessions = np.frombuffer(samples.sessions, dtype=np.int64)
    values = np.frombuffer(samples.values, dtype=np.float64)
    kept = sessions <= (wanted.capacity or sessions.max(initial=0))
    if not kept.any():
        raise UnusableError(f"class {name}: there are no samples of 1 to {wanted.capacity or '…'} sessions")
    return Levels.of(sessions[kept], values[kept], per_pool=wanted.per_pool), int((~kept).sum())


def _warnings(levels: Levels, curve: Concave, capacity: int, taken: Candidate) -> Iterator[str]:
    first, last = levels.first, levels.last
    assumed = "is a straight line from 0" if taken.kind == TABLE else f"is what {taken.kind} makes of the others"
    if first > 1:
        low, high = largest_below(curve, 1)
        span = f"from {low:.4g} to {high:.4g}" if math.isfinite(high) else f"anything from {low:.4g} on"
        yield f"no samples below {first} sessions: there the curve {assumed}; a concave u(1) may be {span}"
    if capacity > last:
        goes_on = f"the last slope, {curve.slopes[-1]:.4g}, goes on" if taken.kind == TABLE else f"{taken.kind} goes on"
        yield f"no samples above {last} sessions: there {goes_on}, up to the capacity of {capacity}"
    missing = last - first + 1 - len(levels.held)
    if missing:
        yield f"{missing} of the levels from {first} to {last} have no samples: the table is straight there"
    if last > ALONE:
        yield f"above {ALONE} sessions, levels within 1/{ALONE} of each other are merged at their mean"
    if len(levels.at) == 1:
        yield "all samples have the same level, so the shape of the curve is unknown"


def _of_empty_pools(samples: ClassSamples, wanted: Wanted) -> Iterator[str]:
    values = np.frombuffer(samples.empty_values, dtype=np.float64)
    if wanted.per_pool and len(values) and abs(values.mean()) > DIFFERS * values.std() / len(values) ** 0.5:
        yield f"an empty pool's value is {values.mean():.4g} on average, and u(0) is 0: subtract what it is worth"
