"""Fit of one class, from its samples to the chosen curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from slta.cli.error_messages import UserError
from slta_planning.fit import warnings
from slta_planning.fit.bands import Bands, bands_of
from slta_planning.fit.candidates import Candidate, candidates, choice
from slta_planning.fit.concave import Concave, Cone
from slta_planning.fit.levels import Levels
from slta_planning.fit.samples import ClassSamples
from slta_planning.fit.shape import Shape, shape_of

SEED = 13
"""Seed of the draws, fixed for reproducible results."""


class FitTask(NamedTuple):
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


def fit_class(name: str, samples: ClassSamples, task: FitTask) -> ClassFit:
    """Fit one class. Raises UserError without samples."""
    levels, left_out = _levels(name, samples, task)
    capacity = task.capacity or levels.last
    cone, generator = Cone.of(levels), np.random.default_rng(SEED)
    curve = cone.fit(levels.means, levels.noise.weights)
    found = candidates(levels, curve, capacity)
    taken = choice(found, task.kind)
    if taken is None:
        raise UserError(f"--curve: class {name} cannot be fitted by {task.kind}; leave it out for the best curve")
    shape = shape_of(levels, cone, curve, generator)
    bands = bands_of(levels, cone, capacity, generator)
    told = [
        *warnings.of_range(levels, curve, capacity, taken),
        *warnings.of_counts(levels),
        *warnings.of_bands(name, levels, bands, taken),
        *warnings.of_pools(levels, curve, shape),
        *warnings.of_empty_pools(samples, per_pool=task.per_pool),
    ]
    return ClassFit(name, levels, curve, shape, bands, found, taken, capacity, left_out, len(samples.pools), told)


def _levels(name: str, samples: ClassSamples, task: FitTask) -> tuple[Levels, int]:
    sessions = np.frombuffer(samples.sessions, dtype=np.int64)
    values = np.frombuffer(samples.values, dtype=np.float64)
    kept = sessions <= (task.capacity or sessions.max(initial=0))
    if not kept.any():
        raise UserError(f"class {name}: there are no samples of 1 to {task.capacity or '…'} sessions")
    return Levels.of(sessions[kept], values[kept], per_pool=task.per_pool), int((~kept).sum())
