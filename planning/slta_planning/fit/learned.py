"""Curve of a class from sums of a pool's values by level, which keeps the shape of the present curve where noise rules.

The slope of each stretch between levels with samples is a multiple of the present curve's. Multiples are a random walk
along the levels: least squares with a price for their steps (Whittaker, "On a new method of graduation", 1923), then
the nearest falling slopes. Beyond the last level the last slope continues: a curve that ends flat is never tried there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from slta.core.quality import LevelSamples, relative_variance
from slta_planning.fit.levels import Floats
from slta_planning.fit.samples import ClassSamples

STEP = 0.3
"""Standard deviation of a multiple's change from a level to the next."""
LEAST = 0.02
"""Part of the largest slope that a slope counts as at least: multiples of none would stay none."""


@dataclass(frozen=True)
class Quality:
    """Class with the `slopes` of its present curve, its active pools, and its levels with samples, ascending."""

    name: str
    pools: int
    slopes: Floats
    levels: Sequence[LevelSamples]

    @cached_property
    def at(self) -> list[int]:
        """Levels with samples."""
        return [one.level for one in self.levels]

    @cached_property
    def counts(self) -> Floats:
        """Samples at each level."""
        return np.array([one.samples for one in self.levels], dtype=np.float64)

    @cached_property
    def means(self) -> Floats:
        """Mean value at each level."""
        return np.array([one.mean for one in self.levels])

    @cached_property
    def variances(self) -> Floats:
        """Of the means."""
        return np.asarray(max(relative_variance(self.levels), 1e-9) * at_least(self.means) ** 2 / self.counts)


def visits(samples: ClassSamples, capacity: int, per: str) -> Iterator[dict[str, float]]:
    """Levels of a class, as GET …/quality has them; samples that follow one of the same level do not count."""
    sessions = np.frombuffer(samples.sessions, dtype=np.int64)
    first = (np.diff(sessions, prepend=0) != 0) & (sessions <= capacity)
    held, values = sessions[first], np.frombuffer(samples.values)[first]
    utilities = values * held if per == "session" else values
    for level in np.unique(held):
        own = utilities[held == level]
        counts = {"level": int(level), "samples": len(own), "pools": min(len(own), len(samples.pools))}
        yield {**counts, "sum": float(own.sum()), "sum_squares": float(own @ own)}


class Fitted(NamedTuple):
    """Fitted slopes, and their derivatives by the means: a column for each level."""

    slopes: Floats
    influence: Floats


def at_least(slopes: Floats) -> Floats:
    """Magnitudes of slopes, none of them nothing."""
    return np.asarray(np.maximum(np.abs(slopes), LEAST * (np.abs(slopes).max() or 1.0)))


def fit(quality: Quality) -> Fitted:
    """Fit a class with samples at two levels or more."""
    edges = [0, *quality.at]
    shape, widths = at_least(quality.slopes), np.diff(edges)
    worth = np.append(0.0, np.cumsum(shape))[edges]
    design = np.tril(np.ones((len(widths), len(widths)))) * np.diff(worth)
    weighted = design.T / quality.variances
    scale = float(quality.means / quality.variances @ worth[1:] / (worth[1:] / quality.variances @ worth[1:]))
    walk = np.diff(np.eye(len(widths)), axis=0) / (STEP * (abs(scale) or 1.0) * np.sqrt(widths[1:])[:, None])
    multiples = np.linalg.solve(weighted @ design + walk.T @ walk, weighted)
    influence = shape[: edges[-1], None] * np.repeat(multiples, widths, axis=0)
    influence = np.pad(influence, ((0, len(shape) - edges[-1]), (0, 0)), mode="edge")
    falling = isotonic_regression(influence @ quality.means, increasing=False)
    lengths = np.diff(falling.blocks)
    means = np.add.reduceat(influence, falling.blocks[:-1]) / lengths[:, None]
    return Fitted(falling.x, np.repeat(means, lengths, axis=0))
