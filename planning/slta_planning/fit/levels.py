"""Sample statistics of one class by level: counts, means and the noise of the means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ENOUGH = 10
"""Samples from which a level has a variance of its own."""
MIN_SHARE = 0.01
"""Minimum of a level's variance as a fraction of the pooled one: values may coincide by chance or rounding."""
ALONE = 128
"""Up to this level each level is separate; above, levels within this fraction of each other are merged."""
MAX_DRAWN = 200
"""Residuals per draw at a level; for more samples their mean is scaled instead."""
NEGLIGIBLE = 1e-9
"""Noise below this fraction of the largest mean is rounding."""


@dataclass(frozen=True)
class Levels:
    """`at` are the levels with samples, ascending from 1; `groups` the samples at each, on their own scale.

    Above `ALONE` neighbours are merged at the mean of their samples' sessions: a concave curve is nearly straight
    there, and fitting thousands of levels would take hours.

    `per_pool`: a sample is u(x) and not u(x)/x.
    """

    at: Floats
    groups: tuple[Floats, ...]
    per_pool: bool
    held: NDArray[np.int64]
    """Numbers of sessions with samples, ascending."""

    @classmethod
    def of(cls, sessions: NDArray[np.int64], values: Floats, *, per_pool: bool) -> Levels:
        """Group samples, in any order."""
        order = np.argsort(sessions, kind="stable")
        _, first = np.unique(_together(sessions[order]), return_index=True)
        at = [group.mean() for group in np.split(sessions[order], first[1:])]
        return cls(np.array(at), tuple(np.split(values[order], first[1:])), per_pool, np.unique(sessions))

    def number(self, sessions: int) -> int | None:
        """Index of the level of this number of sessions; None without samples."""
        known, wanted = np.unique(_together(self.held)), _together(np.array([sessions]))
        at = int(np.searchsorted(known, wanted)[0])
        return at if at < len(known) and known[at] == wanted[0] else None

    @property
    def first(self) -> int:
        """Lowest number of sessions with samples."""
        return int(self.held[0])

    @property
    def last(self) -> int:
        """Highest number of sessions with samples."""
        return int(self.held[-1])

    @cached_property
    def scale(self) -> Floats:
        """Factor from u(x) to a sample: 1/x, or 1."""
        return np.ones_like(self.at) if self.per_pool else 1 / self.at

    @cached_property
    def counts(self) -> Floats:
        """Samples at each level."""
        return np.array([len(group) for group in self.groups], dtype=np.float64)

    @cached_property
    def means(self) -> Floats:
        """Mean sample at each level."""
        return np.array([group.mean() for group in self.groups])

    @cached_property
    def floor(self) -> float:
        """Variance below which noise is rounding."""
        return float((NEGLIGIBLE * max(np.abs(self.means).max(), 1e-100)) ** 2)

    @cached_property
    def spreads(self) -> Floats:
        """Sample variance at each level; 0 for a single sample."""
        return np.array([group.var(ddof=1) if len(group) > 1 else 0.0 for group in self.groups])

    @cached_property
    def noise(self) -> Noise:
        """Noise within levels, or, without repeated samples, estimated from neighbouring levels."""
        if self.spreads.max() > self.floor:
            return Noise(self, _centred(self.groups), has_repeats=True)
        rough = rough_residuals(self.at, self.means)
        either_way = np.concatenate([rough, -rough])  # a curve's have one sign, those of noise do not
        return Noise(self, either_way if rough.size else np.zeros(1), has_repeats=False)


def _together(sessions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Level index of each sample."""
    beyond = np.log(np.maximum(sessions, ALONE) / ALONE)
    return np.where(sessions <= ALONE, sessions, ALONE + 1 + np.floor(ALONE * beyond).astype(np.int64))


@dataclass(frozen=True)
class Noise:
    """Noise of samples; `residuals` are those of all levels, scaled to the variance of one sample.

    Without repeated samples (`has_repeats` false) it is estimated from neighbours, and equal at all levels.
    """

    levels: Levels
    residuals: Floats
    has_repeats: bool

    @cached_property
    def weights(self) -> Floats:
        """Inverse variance of each level's mean."""
        return self._weights(self.levels.means, self.levels.spreads)

    def _weights(self, means: Floats, spreads: Floats) -> Floats:
        """Weights of one set of samples, or of many along the first axis."""
        counts = self.levels.counts
        if self.has_repeats:
            pooled = np.asarray(spreads @ (counts - 1) / (counts - 1).sum())[..., None]
            known = np.where(counts >= ENOUGH, spreads, pooled)
            return np.asarray(counts / np.maximum(known, MIN_SHARE * pooled + self.levels.floor))
        rough = rough_residuals(self.levels.at, means)
        pooled = (rough**2).mean(axis=-1, keepdims=True) if rough.size else np.zeros_like(means[..., :1])
        return np.asarray(counts / np.maximum(pooled, self.levels.floor))

    def draw(self, generator: np.random.Generator, times: int) -> tuple[Floats, Floats]:
        """Noise of the means and their weights in `times` resampled sets."""
        drawn = [self._draw(group, generator, times) for group in self.levels.groups]
        means, spreads = (np.stack(column, axis=1) for column in zip(*drawn, strict=True))
        return means, self._weights(means, spreads)

    def _draw(self, group: Floats, generator: np.random.Generator, times: int) -> tuple[Floats, Floats]:
        own = self.has_repeats and len(group) >= ENOUGH
        taken = min(len(group), MAX_DRAWN)
        source = _centred((group,)) if own else self.residuals
        some = source[generator.integers(len(source), size=(times, taken))]
        means = some.mean(axis=1) * (taken / len(group)) ** 0.5
        return means, some.var(axis=1, ddof=1) if taken > 1 else np.zeros(times)


def _centred(groups: tuple[Floats, ...]) -> Floats:
    """Residuals of groups of two or more, scaled to the variance of a sample."""
    parts = [(group - group.mean()) * (len(group) / (len(group) - 1)) ** 0.5 for group in groups if len(group) > 1]
    return np.concatenate(parts)


def rough_residuals(at: Floats, means: Floats) -> Floats:
    """Residual of each inner mean from the line through its neighbours, scaled to the variance of a mean; last axis.

    Gasser, Sroka and Jennen-Steinmetz, "Residual variance and residual pattern in nonlinear regression", Biometrika
    73 (1986).
    """
    left, middle, right = at[:-2], at[1:-1], at[2:]
    a, b = (right - middle) / (right - left), (middle - left) / (right - left)
    rough: Floats = (a * means[..., :-2] + b * means[..., 2:] - means[..., 1:-1]) / np.sqrt(a**2 + b**2 + 1)
    return rough
