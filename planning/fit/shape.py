"""Whether means per level can come from a concave curve.

The statistic is the squared distance of the means from the nearest concave curve, each weighted by the noise of its
mean: the lack of fit beside the pure error. It is largest, at the same noise, where the true curve is straight: a
concave curve plus the noise's own nearest concave curve is concave too, so the distance of curve and noise together
is at most that of the noise alone. (So Robertson, Wright and Dykstra, "Order restricted statistical inference"
(1988), section 2.3.) So draws of the noise alone give a p-value that no concave curve makes too small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planning.fit.concave import Concave, Cone
from planning.fit.levels import Levels

REFUSED_BELOW = 0.001
DRAWS = 4_999
BATCH = 100
EXCEEDED = 10
"""After a batch with so many larger distances no more are drawn: Besag and Clifford, Biometrika 78 (1991)."""
FEWEST_LEVELS = 3
ROUNDING = 1e-9
"""A distance below this for each sample is rounding: means that are off by 1/30,000 of their noise."""
SMALL = 1e-6
"""A column this much shorter without the others is one of theirs."""


@dataclass(frozen=True)
class Shape:
    """`p_value` of a concave curve; None where too few levels, or no noise to compare with, leave it open.

    `bend` is the level at which the means bend the wrong way most, with the slopes before and after it.
    """

    p_value: float | None
    bend: int | None = None
    before: float | None = None
    after: float | None = None

    @property
    def is_concave(self) -> bool:
        """Unless the test says otherwise."""
        return self.p_value is None or self.p_value >= REFUSED_BELOW


def shape_of(levels: Levels, cone: Cone, curve: Concave, generator: np.random.Generator) -> Shape:
    """The test, and where the means are not concave also the worst bend."""
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
    """The level where a bend the wrong way would bring the curve nearest to the means, and the slopes around it."""
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
