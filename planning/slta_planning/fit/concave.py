"""Concave least squares with u(0) = 0: u(x) = Σ a_k min(x, k) + b x, a ≥ 0.

Least squares on a cone: Lawson and Hanson, "Solving least squares problems" (1974), chapter 23. b may have any sign, so
it is eliminated first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import nnls

from slta_planning.fit.levels import Floats, Levels

NOTHING = 1e-9
"""A bend below this fraction of the largest slope is rounding."""


@dataclass(frozen=True)
class Concave:
    """Fitted curve, piecewise linear between 0 and the levels; `bends[k]` is a_k at level k."""

    at: Floats
    bends: Floats
    slope: float
    """b: slope of the last segment, and beyond."""

    @cached_property
    def slopes(self) -> Floats:
        """Slope of the segment before each level; non-increasing, to the last bit."""
        return self.slope + np.append(np.cumsum(self.bends[::-1])[::-1], 0.0)

    @cached_property
    def values(self) -> Floats:
        """u at each level."""
        return np.cumsum(self.slopes * np.diff(self.at, prepend=0.0))

    def marginals(self, capacity: int) -> Floats:
        """Δ(0), …, Δ(capacity − 1); a step across a level averages both slopes by length."""
        steps, last = np.arange(capacity), len(self.at) - 1
        before = np.minimum(np.searchsorted(self.at, steps, side="right"), last)
        after = np.minimum(np.searchsorted(self.at, steps + 1), last)
        part = np.clip(self.at[before] - steps, 0.0, 1.0)
        mixed = self.slopes[after] + part * (self.slopes[before] - self.slopes[after])
        return np.minimum.accumulate(mixed)

    @property
    def parameters(self) -> int:
        """Number of free parameters: the last slope and each bend."""
        return 1 + int((self.bends > NOTHING * np.abs(self.slopes).max()).sum())


@dataclass(frozen=True)
class Cone:
    """Cone of concave curves on some levels, on the samples' scale."""

    at: Floats
    scale: Floats

    @classmethod
    def of(cls, levels: Levels) -> Cone:
        """The cone on the samples' levels."""
        return cls(levels.at, levels.scale)

    @cached_property
    def line(self) -> Floats:
        """u(x) = x."""
        return self.at * self.scale

    @cached_property
    def bent(self) -> Floats:
        """u(x) = min(x, k): a column for each level but the last, where it equals x."""
        return np.minimum.outer(self.at, self.at[:-1]) * self.scale[:, None]

    def fit(self, means: Floats, weights: Floats, either_way: int | None = None) -> Concave:
        """Minimise Σ weights (means − curve)²; at the level `either_way` the bend may have either sign."""
        root = np.sqrt(weights / weights.max())
        line, bent, target = root * self.line, root[:, None] * self.bent, root * means
        if either_way is not None:
            bent = np.column_stack([bent, -bent[:, either_way]])
        unit = line / np.linalg.norm(line)
        bends = _not_negative(bent - np.outer(unit, unit @ bent), target - unit * (unit @ target))
        slope = float(unit @ (target - bent @ bends) / np.linalg.norm(line))
        if either_way is not None:
            bends[either_way] -= bends[-1]
            bends = bends[:-1]
        return Concave(self.at, bends, slope)

    def misfit(self, curve: Concave, means: Floats, weights: Floats) -> float:
        """Σ weights (means − curve)²."""
        return float(weights @ (means - self.scale * curve.values) ** 2)


def _not_negative(columns: Floats, target: Floats) -> Floats:
    """Least squares with normalised columns and coefficients ≥ 0."""
    if not columns.size:
        return np.zeros(columns.shape[1])
    norms = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    size = float(np.linalg.norm(target)) or 1.0
    found, _ = nnls(columns / norms, target / size, maxiter=30 * len(target))
    return np.asarray(found * size / norms, dtype=np.float64)
