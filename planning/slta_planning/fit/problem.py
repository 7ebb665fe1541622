"""Weighted least squares of one class, as parametric families see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from slta_planning.fit.levels import Floats

Fields = Mapping[str, float]
"""Fields of a curve."""


class Problem(NamedTuple):
    """Level means on the samples' scale: a sample at level x is `scale` times u(x)."""

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
