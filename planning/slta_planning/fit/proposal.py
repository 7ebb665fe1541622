"""Curves proposed from samples, with the rules of when and how far they replace the present ones.

- *One unit*: curves in another unit than the samples are multiplied by one factor, measured to stated utility over what
  was seen.
- A class is *measured* with 30 samples from three pools (all, if it has fewer) at two levels or more; others keep their
  curve.
- A *step* changes each slope by half of it at most. It is halved while it would lose more than `risk` if curves were
  straight below and flat beyond what was seen, the worst that concave ones can be.
- It is *worth it* if it gains at the present load more than `gain` of the utility and `errors` standard errors; if it
  moves no session, the whole way is judged, since a later step may move some.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from slta.core.marginals import Irrational
from slta.core.optimum import optimal_assignment, optimum
from slta.core.quality import MIN_LEVELS, MIN_POOLS, MIN_SAMPLES, unit_factor
from slta.core.ranking import Ranking, larger_first
from slta_planning.fit.learned import Fitted, Quality, at_least, fit
from slta_planning.fit.levels import Floats

SHORTEST = 1 / 64
"""Step that is taken at any risk."""
NO_RATIO = "a positive stated utility, for the factor of the unit"


class Rules(NamedTuple):
    """Limits: `step` of a slope, `risk` and `gain` of the utility, `errors` of the gain in standard errors."""

    step: float = 0.5
    risk: float = 0.01
    gain: float = 0.005
    errors: float = 1.0


RULES = Rules()


class Gains(NamedTuple):
    """Parts of the utility at the present load that the proposed curves gain.

    `least`: if curves are as bad as concave ones can be where nothing was seen. `whole`: without the limit of the risk,
    by which it is judged, and its standard `error`.
    """

    expected: float
    least: float
    whole: float
    error: float


@dataclass(frozen=True)
class Proposal:
    """Slopes by class, present ones and proposed ones in the unit of the samples, and what they change.

    `factor` is that of the unit, 0 if it is not known. `lacking` says by class what samples it lacks, '' of measured
    ones.
    """

    factor: float
    lacking: tuple[str, ...]
    present: tuple[Floats, ...]
    proposed: tuple[Floats, ...]
    gains: Gains
    is_worth_it: bool


def lacking(one: Quality) -> str:
    """What a class lacks to count as measured."""
    samples, pools = int(one.counts.sum()), max((level.pools for level in one.levels), default=0)
    if samples < MIN_SAMPLES:
        return f"{samples} of {MIN_SAMPLES} samples"
    if pools < min(MIN_POOLS, one.pools):
        return f"samples from {pools} of {min(MIN_POOLS, one.pools)} pools"
    return "" if len(one.levels) >= MIN_LEVELS else f"samples at a level besides {one.at[0]}"


def ranking_of(slopes: Sequence[Floats]) -> Ranking:
    """Order of places by slopes."""
    columns = [tuple(map(float, own)) for own in slopes]
    return Ranking(larger_first([[Irrational(slope) for slope in own] for own in columns]), tuple(columns))


def filled(slopes: Sequence[Floats], pools: Sequence[int], sessions: float) -> list[Floats]:
    """Pools of each class with 1, 2, … sessions or more where sessions are placed by slopes."""
    ranking = ranking_of(slopes)
    best = optimum(ranking, pools, sessions)
    columns = optimal_assignment(ranking, pools, best) if best else [[0.0]] * len(slopes)
    return [np.pad(column[1:], (0, len(own) - len(column) + 1)) for column, own in zip(columns, slopes, strict=True)]


def limited(wanted: Floats, present: Floats, step: float) -> Floats:
    """Slopes no further than `step` from the present ones; concave if both are."""
    room = step * at_least(present)
    return np.clip(wanted, present - room, present + room)


def least(one: Quality, slopes: Floats) -> Floats:
    """Slopes of the worst concave curve through what was seen: straight below it, and flat beyond."""
    first, last = one.at[0], one.at[-1]
    return np.concatenate([np.full(first, slopes[:first].mean()), slopes[first:last], np.minimum(slopes[last:], 0.0)])


def propose(
    classes: Sequence[Quality],
    sessions: float,
    *,
    in_unit: bool,
    rules: Rules = RULES,
    fit: Callable[[Quality], Fitted] = fit,
) -> Proposal:
    """Propose curves for the classes of a fleet with so many sessions, whose curves are `in_unit` or in another."""
    lacks = tuple(map(lacking, classes))
    seen = [() if lack else one.levels for one, lack in zip(classes, lacks, strict=True)]
    factor = 1.0 if in_unit else unit_factor(ranking_of([one.slopes for one in classes]), seen)
    if not factor:
        lacks = tuple(lack or NO_RATIO for lack in lacks)
    present = tuple((factor or 1.0) * one.slopes for one in classes)
    fits = [None if lack else fit(one) for one, lack in zip(classes, lacks, strict=True)]
    wanted = [own if found is None else found.slopes for own, found in zip(present, fits, strict=True)]
    worst = [least(one, own) if found else own for one, own, found in zip(classes, wanted, fits, strict=True)]
    pools = [one.pools for one in classes]
    before = filled(present, pools, sessions)
    total, step = _worth(before, wanted), rules.step

    def moves(step: float) -> tuple[tuple[Floats, ...], list[Floats]]:
        slopes = tuple(limited(own, was, step) for own, was in zip(wanted, present, strict=True))
        return slopes, [after - was for after, was in zip(filled(slopes, pools, sessions), before, strict=True)]

    proposed, moved = moves(step)
    judged = moved if any(map(np.any, moved)) else moves(np.inf)[1]
    whole, error = _worth(judged, wanted), _error(classes, fits, judged)
    while step > SHORTEST and _worth(moved, worst) < -rules.risk * total:
        step /= 2
        proposed, moved = moves(step)
    is_worth_it = total > 0 and whole > max(rules.gain * total, rules.errors * error)
    gains = (_worth(moved, wanted), _worth(moved, worst), whole, error)
    shares = Gains(*(gain / total if total > 0 else 0.0 for gain in gains))
    return Proposal(factor, lacks, present, proposed, shares, is_worth_it)


def _worth(filled: Sequence[Floats], slopes: Sequence[Floats]) -> float:
    return sum(float(pools @ own) for pools, own in zip(filled, slopes, strict=True))


def _error(classes: Sequence[Quality], fits: Sequence[Fitted | None], moved: Sequence[Floats]) -> float:
    """Standard error of the worth of moves."""
    parts = [
        (change @ found.influence) ** 2 @ one.variances
        for one, found, change in zip(classes, fits, moved, strict=True)
        if found
    ]
    return float(np.sqrt(sum(parts)))
