"""Bootstrap bands of a fitted curve (Efron and Tibshirani, "An introduction to the bootstrap" (1993), chapter 13:
percentiles).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slta_planning.fit.concave import Concave, Cone
from slta_planning.fit.levels import Floats, Levels

DRAWS = 400
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Band:
    """Lower and upper limit at 0, 1, …: of u(x), or of Δ(x)."""

    low: Floats
    high: Floats


@dataclass(frozen=True)
class Bands:
    """Pointwise 95 % bands of u(0) … u(capacity) and Δ(0) … Δ(capacity − 1)."""

    utility: Band
    marginal: Band


def bands_of(levels: Levels, cone: Cone, capacity: int, generator: np.random.Generator) -> Bands:
    """Refit the concave curve to means with resampled noise."""
    noise, weights = levels.noise.draw(generator, DRAWS)
    curves = [cone.fit(levels.means + n, w) for n, w in zip(noise, weights, strict=True)]
    marginals = np.stack([curve.marginals(capacity) for curve in curves])
    utilities = np.pad(np.cumsum(marginals, axis=1), ((0, 0), (1, 0)))
    return Bands(_band(utilities), _band(marginals))


def _band(drawn: Floats) -> Band:
    low, high = np.percentile(drawn, PERCENTILES, axis=0)
    return Band(low, high)


def largest_below(curve: Concave, sessions: int) -> tuple[float, float]:
    """Range of u(`sessions`) below the first level of a concave curve.

    It lies above the chord from 0 and below the first known segment, extended back; with a single level it is
    unbounded.
    """
    first, value = float(curve.at[0]), float(curve.values[0])
    chord = value * sessions / first
    if len(curve.at) == 1:
        return chord, float("inf")
    return chord, value - float(curve.slopes[1]) * (first - sessions)
