"""Measured quality by class and level, and the drift of a curve: what placing by the measured one would gain now."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, zip_longest
from typing import NamedTuple

from slta.core.occupancy import total_utility
from slta.core.optimum import optimal_assignment, optimum
from slta.core.ranking import Ranking

MIN_SAMPLES, MIN_POOLS, MIN_LEVELS = 30, 3, 2
"""Samples of a level that counts; pools (all, if it has fewer) and such levels of a class that is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSamples:
    """Samples of the utility of one pool that has `level` sessions, of `pools` different ones."""

    level: int
    samples: int
    pools: int
    sum: float
    sum_squares: float

    @property
    def mean(self) -> float:
        """Estimate of the utility."""
        return self.sum / self.samples


Samples = Sequence[Sequence[LevelSamples]]
"""By class, of levels with samples in ascending order."""


class Drift(NamedTuple):
    """Utility that placing by the measured curve of a class would gain, and its standard error, as ratios of U now."""

    gain: float
    error: float


class Corner(NamedTuple):
    """Corner of a measured curve; `variance` is that of its utility."""

    level: int
    utility: float
    variance: float


def drift(ranking: Ranking, pools: Sequence[int], sessions: int, samples: Samples, pool_class: int) -> Drift | None:
    """Drift of a class's curve, whose stated marginal utilities `ranking` has, at the present load. O(levels).

    Other curves are taken as stated, in the unit of the samples. None unless the class is measured, and where stated
    utilities are negative, which have no ratio to measured ones.
    """
    own = [one for one in samples[pool_class] if one.samples >= MIN_SAMPLES]
    sources = max((one.pools for one in own), default=0)
    others = [() if i == pool_class else levels for i, levels in enumerate(samples)]
    factor = unit_factor(ranking, others) or unit_factor(ranking, samples)
    now = optimum(ranking, pools, sessions)
    is_measured = len(own) >= MIN_LEVELS and sources >= min(MIN_POOLS, pools[pool_class])
    if not (is_measured and factor and now):
        return None
    spread = relative_variance(own)
    curve = _concave(own, spread)
    marginals = [tuple(factor * marginal for marginal in column) for column in ranking.marginals]
    segments = _segments(curve, len(marginals[pool_class]))
    slopes = [_slope(*ends) for ends in pairwise(curve)]
    marginals[pool_class] = tuple(slopes[segment] for segment in segments)
    order = sorted(ranking.order, key=lambda one: -marginals[one.pool_class][one.level - 1])
    measured = Ranking(tuple(order), tuple(marginals))
    before = optimal_assignment(ranking, pools, now)
    after = optimal_assignment(measured, pools, optimum(measured, pools, sessions) or now)
    utility = total_utility(measured, before)
    if utility <= 0:
        return None
    moved = [0.0] * len(slopes)
    columns = zip_longest(after[pool_class][1:], before[pool_class][1:], fillvalue=0.0)
    for segment, (then, here) in zip(segments, columns, strict=False):
        moved[segment] += then - here
    return Drift(total_utility(measured, after) / utility - 1, _error(curve, moved, spread / sources) / utility)


def unit_factor(ranking: Ranking, samples: Samples) -> float:
    """Ratio of measured to stated utilities over what was seen; 0 without any, or if a sum is not positive."""
    measured = stated = 0.0
    for column, levels in zip(ranking.marginals, samples, strict=True):
        utilities = [*accumulate(column)] if levels else []
        measured += sum(one.sum for one in levels)
        stated += sum(one.samples * utilities[one.level - 1] for one in levels)
    return measured / stated if measured > 0 and stated > 0 else 0.0


def relative_variance(levels: Sequence[LevelSamples]) -> float:
    """Variance of a sample as a part of the square of its level's mean: noise is one part of a value at all levels."""
    around = sum(max(one.sum_squares - one.sum * one.mean, 0.0) for one in levels)
    squares = sum((one.samples - 1) * one.mean**2 for one in levels)
    return around / squares if squares > 0 else 0.0


def _concave(levels: Sequence[LevelSamples], spread: float) -> list[Corner]:
    """Corners of the least concave curve through 0 above the means."""
    corners = [Corner(0, 0.0, 0.0)]
    for one in levels:
        corner = Corner(one.level, one.mean, spread * one.mean**2 / one.samples)
        while len(corners) > 1 and _slope(corners[-2], corner) >= _slope(corners[-2], corners[-1]):
            corners.pop()
        corners.append(corner)
    return corners


def _slope(low: Corner, high: Corner) -> float:
    return (high.utility - low.utility) / (high.level - low.level)


def _segments(curve: Sequence[Corner], capacity: int) -> list[int]:
    """Line between two corners, from 0 on, to which the step to each level belongs: the last one goes on."""
    levels = [corner.level for corner in curve]
    return [min(bisect_left(levels, level), len(levels) - 1) - 1 for level in range(1, capacity + 1)]


def _error(curve: Sequence[Corner], moved: Sequence[float], together: float) -> float:
    """Standard error of what `moved` sessions by line gain: corners err alone, by their samples, and `together`.

    Together they err as the mean of the pools, each of which errs at all levels alike.
    """
    per_step = [count / (high.level - low.level) for count, (low, high) in zip(moved, pairwise(curve), strict=True)]
    weights = [before - after for before, after in pairwise([0.0, *per_step, 0.0])]
    alone = sum(weight**2 * corner.variance for weight, corner in zip(weights, curve, strict=True))
    gain = sum(weight * corner.utility for weight, corner in zip(weights, curve, strict=True))
    return float((alone + gain**2 * together) ** 0.5)
