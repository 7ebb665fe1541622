"""Samples that count once a class has changed: those from then on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from slta.core.quality import LevelSamples
from slta_planning.fit.change import Judged, Mark, judge, part_left

LEVELS = {4: 100, 5: 100, 6: 100}


def samples(counts: Mapping[int, int], worth: float = 1.0, spread: float = 0.1) -> list[LevelSamples]:
    """Each session is worth so much, with this relative spread."""
    return [
        LevelSamples(level=x, samples=n, pools=3, sum=n * worth * x, sum_squares=n * (worth * x) ** 2 * (1 + spread**2))
        for x, n in counts.items()
    ]


def both(*parts: Sequence[LevelSamples]) -> list[LevelSamples]:
    """Samples of all parts."""
    found: dict[int, LevelSamples] = {}
    for one in (one for part in parts for one in part):
        was = found.get(one.level)
        sums = [getattr(one, name) + (getattr(was, name) if was else 0) for name in ("samples", "sum", "sum_squares")]
        found[one.level] = LevelSamples(level=one.level, pools=3, samples=sums[0], sum=sums[1], sum_squares=sums[2])
    return [found[level] for level in sorted(found)]


def later(older: Sequence[LevelSamples], newest: Sequence[LevelSamples]) -> Judged:
    """What counts at a second run, before which the newest were added."""
    return judge(judge(Mark(), older).mark, both(older, newest))


def shown(levels: Sequence[LevelSamples]) -> dict[int, tuple[int, float]]:
    """Samples of each level, and what a session is worth."""
    return {one.level: (one.samples, round(one.mean / one.level, 3)) for one in levels}


def test_at_the_first_run_all_samples_count() -> None:
    found = judge(Mark(), samples(LEVELS))
    assert (found.multiple, found.counting) == (None, samples(LEVELS))


@pytest.mark.parametrize("multiple", [0.5, 1.5, 3.0])
def test_a_class_that_has_become_another_multiple_begins_with_no_samples(multiple: float) -> None:
    found = later(samples(LEVELS | {9: 50}), samples({4: 20, 5: 20}, multiple))
    assert (found.multiple, found.counting) == (pytest.approx(multiple), ())


def test_what_was_dropped_does_not_come_back() -> None:
    older, newest, then = samples(LEVELS | {9: 50}), samples({4: 20, 5: 20}, 2.0), samples({5: 20, 9: 20}, 2.0)
    third = judge(later(older, newest).mark, both(older, newest, then))
    assert (third.multiple, shown(third.counting)) == (None, {5: (20, 2.0), 9: (20, 2.0)})


@pytest.mark.parametrize(("multiple", "spread"), [(1.09, 0.01), (1.3, 0.6)])
def test_a_difference_below_a_tenth_or_four_errors_drops_none(multiple: float, spread: float) -> None:
    older, newest = samples(LEVELS, spread=spread), samples({4: 20, 5: 20}, multiple, spread)
    found = later(older, newest)
    assert (found.multiple, shown(found.counting)) == (None, shown(both(older, newest)))


def test_newest_samples_are_gathered_over_runs_until_they_are_enough() -> None:
    older, some = samples(LEVELS), samples({4: 12, 5: 12}, 2.0)
    first = later(older, some)
    assert (first.multiple, shown(first.counting)) == (None, shown(both(older, some)))
    assert judge(first.mark, both(older, some, some)).multiple == pytest.approx(2)


def test_samples_at_other_levels_than_the_older_say_nothing_of_a_change() -> None:
    assert later(samples(LEVELS), samples({9: 50}, 2.0)).multiple is None


def test_what_the_fleet_has_halved_is_not_taken_for_newest() -> None:
    older, newest = samples({4: 200, 5: 256}), samples({4: 20, 5: 20}, 2.0)
    found = judge(judge(Mark(), older).mark, both(samples({4: 200, 5: 128}), newest))
    assert found.multiple == pytest.approx(2)


@pytest.mark.parametrize("halvings", range(4))
@pytest.mark.parametrize("multiple", [0.5, 2.0])
def test_halvings_are_seen_in_the_counts_and_sums(halvings: int, multiple: float) -> None:
    was, new = samples({4: 256})[0], samples({4: 30}, multiple)
    now = both(samples({4: 256 >> halvings}), new)[0]
    assert part_left(was, now) == 0.5**halvings


def test_a_fleet_that_began_anew_has_no_older_samples() -> None:
    before = judge(Mark(), samples(LEVELS)).mark
    anew = samples({4: 60, 5: 60}, 2.0)
    assert judge(before, anew) == Judged(anew, Mark(anew, anew), None)
