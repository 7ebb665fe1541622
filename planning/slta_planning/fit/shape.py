"""Concavity test of level means.

The statistic is the squared distance of the means from the nearest concave curve, weighted by the noise of each mean
(lack of fit against pure error). For given noise it is largest if the true curve is straight: a concave curve plus the
noise's own nearest concave curve is concave, so the distance of their sum is at most that of the noise alone
(Robertson, Wright and Dykstra, "Order restricted statistical inference" (1988), section 2.3). Draws of the noise alone
therefore give a p-value that is never too small for a concave curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slta_planning.fit.concave import Concave, Cone
from slta_planning.fit.levels import Levels

REFUSED_BELOW = 0.001
DRAWS = 4_999
BATCH = 100
EXCEEDED = 10
"""Draws stop after a batch with this many larger distances: Besag and Clifford, Biometrika 78 (1991)."""
FEWEST_LEVELS = 3
ROUNDING = 1e-9
"""A distance per sample below this is rounding: means off by 1/30,000 of their noise."""
SMALL = 1e-6
"""A column that the others shorten by this factor depends on them."""


@dataclass(frozen=True)
class Shape:
    """Result of the test; `p_value` is None if levels or noise do not suffice.

    `bend` is the level of the worst convex bend, with the slopes before and after it.
    """

    p_value: float | None
    bend: int | None = None
    before: float | None = None
    after: float | None = None

    @property
    def is_concave(self) -> bool:
        """True unless the test rejects it."""
        return self.p_value is None or self.p_value >= REFUSED_BELOW


def shape_of(levels: Levels, cone: Cone, curve: Concave, generator: np.random.Generator) -> Shape:
    """Run the test; if it rejects, locate the worst bend."""
    if len(levels.at) < FEWEST_LEVELS:
        return Shape(None)
    distance = cone.misfit(curve, levels.means, levels.noise.weights)
    if distance <= ROUNDING * levels.counts.sum():
        return Shape(1.0)
    p_value = _p_value(levels, cone, distance, generator)
    if p_value >= REFUSED_BELOW:
        return Shape(p_value)
    return Shape(p_value, *_worst_bend(levels, cone, curve))


def _p_value(levels: Levels, cone: Cone, distance: float, generator: np.random.Generator) -> float:
    larger, drawn = 0, 0
    while drawn < DRAWS and larger < EXCEEDED:
        for means, weights in zip(*levels.noise.draw(generator, min(BATCH, DRAWS - drawn)), strict=True):
            larger += cone.misfit(cone.fit(means, weights), means, weights) >= distance
            drawn += 1
    return (1 + larger) / (1 + drawn)


def _worst_bend(levels: Levels, cone: Cone, curve: Concave) -> tuple[int, float, float]:
    """Level where a convex bend most improves the fit, and the slopes around it."""
    weights = levels.noise.weights
    root = np.sqrt(weights)
    bent, rest = root[:, None] * cone.bent, root * (levels.means - cone.scale * curve.values)
    basis, _ = np.linalg.qr(np.column_stack([root * cone.line, bent[:, curve.bends > 0]]))
    free = bent - basis @ (basis.T @ bent)
    norms = np.linalg.norm(free, axis=0)
    can_bend = norms > SMALL * np.linalg.norm(bent, axis=0)
    pulls = np.where(can_bend, free.T @ rest / np.maximum(norms, 1e-300), 0.0)
    worst = int(np.argmin(pulls))
    slopes = cone.fit(levels.means, weights, either_way=worst).slopes
    return round(float(levels.at[worst])), float(slopes[worst]), float(slopes[worst + 1])
