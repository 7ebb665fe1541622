"""Change of a class: where its newest samples are another multiple of the older ones, by far, it begins with none.

Otherwise a class that improves has new, high samples of low levels beside old, low ones of higher levels. The fit is
flat between them, sessions leave, and the old samples are never replaced. The newest are dropped too, as some may be
from before the change: a few at the highest level do the same harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from slta.core.quality import MIN_SAMPLES, LevelSamples, relative_variance

ERRORS, CHANGE = 4.0, 0.1
"""A multiple counts if it differs from 1 by more than so many standard errors, and by more than this."""
HALVINGS = 9
"""After so many nothing is left of a level's samples."""
Levels = Sequence[LevelSamples]


@dataclass(frozen=True)
class Mark:
    """Samples of a class when it was last judged: as the fleet had them, and those of them that counted."""

    seen: Levels = ()
    counted: Levels = ()


class Judged(NamedTuple):
    """Samples that count, the next mark, and the multiple of a class that has changed, of which none count."""

    counting: Levels
    mark: Mark
    multiple: float | None


def judge(mark: Mark, levels: Levels) -> Judged:
    """Compare what a class has measured since the mark, once it is enough for a curve, with what counted before."""
    at = {one.level: one for one in levels}
    mark = mark if all(one.level in at for one in mark.seen) else Mark()  # the fleet began anew
    parts = {one.level: part_left(one, at[one.level]) for one in mark.seen}
    seen, older = ([_part(one, parts[one.level]) for one in own] for own in (mark.seen, mark.counted))
    newest = _added(levels, seen, -1)
    if sum(one.samples for one in newest) < MIN_SAMPLES:
        return Judged(_added(newest, older), mark, None)
    multiple, error = compared(older, newest)
    has_changed = abs(multiple - 1) > max(CHANGE, ERRORS * error)
    counting: Levels = () if has_changed else _added(newest, older)
    return Judged(counting, Mark(levels, counting), multiple if has_changed else None)


def part_left(was: LevelSamples, now: LevelSamples) -> float:
    """Part of a level's samples that it still has; the fleet halves them, as often as what was added has to be some."""
    for halvings in range(HALVINGS):
        part = (was.samples >> halvings) / was.samples
        new = _sum(now, _part(was, part), -1)
        if min(new.samples, new.sum) >= 0 and new.samples * new.sum_squares >= new.sum**2 * (1 - 1e-9):
            return part
    return 0.0


def compared(older: Levels, newest: Levels) -> tuple[float, float]:
    """Mean multiple of the older samples that the newest are, over levels that have both, and its standard error."""
    known = {one.level: one for one in older if one.samples and one.sum}
    pairs = [(known[one.level], one) for one in newest if one.level in known]
    if not pairs:
        return 1.0, np.inf
    weights = np.array([1 / (1 / old.samples + 1 / new.samples) for old, new in pairs])
    ratios = np.array([new.mean / old.mean for old, new in pairs])
    error = np.sqrt(relative_variance([*known.values(), *newest]) / weights.sum())
    return float(np.average(ratios, weights=weights)), float(error)


def _part(one: LevelSamples, part: float) -> LevelSamples:
    return replace(one, samples=round(part * one.samples), sum=part * one.sum, sum_squares=part * one.sum_squares)


def _added(first: Levels, second: Levels, sign: int = 1) -> Levels:
    """Samples of both; with the sign -1 those of the first that are not of the second."""
    found = {one.level: one for one in first}
    for one in second:
        was = found.get(one.level, replace(one, samples=0, sum=0.0, sum_squares=0.0))
        found[one.level] = _sum(was, one, sign)
    return [found[level] for level in sorted(found) if found[level].samples > 0]


def _sum(one: LevelSamples, other: LevelSamples, sign: int) -> LevelSamples:
    sums = {name: getattr(one, name) + sign * getattr(other, name) for name in ("samples", "sum", "sum_squares")}
    return replace(one, **sums)
