"""A curve from samples by level, and the rules by which it is proposed and applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from slta.core.quality import LevelSamples
from slta_planning.fit.learned import Quality, fit
from slta_planning.fit.levels import Floats
from slta_planning.fit.proposal import NO_RATIO, RULES, Proposal, filled, lacking, least, propose

CAPACITY = 30
STATED = np.diff(2 * np.sqrt(np.arange(CAPACITY + 1.0)))


def knee(x: float) -> float:
    return 3.0 * min(x, 12) + 0.3 * x


def seen(worth: Callable[[float], float], levels: Sequence[int], each: int = 200, spread: float = 0.25) -> Quality:
    samples = [
        LevelSamples(
            level=x, samples=each, pools=5, sum=each * worth(x), sum_squares=each * worth(x) ** 2 * (1 + spread**2)
        )
        for x in levels
    ]
    return Quality("c", 5, STATED, samples)


def test_with_enough_samples_the_curve_goes_through_the_means() -> None:
    values = np.cumsum(fit(seen(knee, range(1, 19), each=10**7)).slopes)
    assert values[:18] == pytest.approx([knee(x) for x in range(1, 19)], rel=1e-3)


def test_few_samples_scale_the_present_curve_and_do_not_bend_it() -> None:
    slopes = fit(seen(lambda x: 7 * x**0.5 * (1.02 if x % 2 else 0.98), range(6, 12), each=5)).slopes
    assert slopes[:11] / STATED[:11] == pytest.approx(np.full(11, 3.5), rel=0.1)


def test_beyond_the_last_level_the_last_slope_continues() -> None:
    slopes = fit(seen(knee, range(3, 10))).slopes
    assert slopes[9:] == pytest.approx(np.full(CAPACITY - 9, slopes[8]))
    assert slopes[8] > 0.5 * 3.3


def test_a_class_that_is_worth_nothing_has_slopes_of_nothing_and_may_rise_from_there() -> None:
    assert fit(seen(lambda _: 0.0, range(3, 9))).slopes == pytest.approx(np.zeros(CAPACITY))
    assert (fit(replace(seen(knee, range(3, 9)), slopes=np.zeros(CAPACITY))).slopes > 0).all()


def test_a_slope_moves_with_a_mean_as_is_said() -> None:
    quality = seen(lambda x: 5 * x**0.6, [4, 5, 7])
    changed = [replace(one, sum=one.sum * 1.0001, sum_squares=one.sum_squares * 1.0002) for one in quality.levels[1:2]]
    moved = fit(replace(quality, levels=[quality.levels[0], *changed, quality.levels[2]])).slopes - fit(quality).slopes
    assert moved == pytest.approx(fit(quality).influence[:, 1] * quality.means[1] * 1e-4, rel=0.05, abs=1e-7)


@pytest.mark.parametrize(
    ("levels", "pools", "lacks"),
    [
        ([(4, 15, 3), (5, 15, 2)], 5, ""),
        ([(4, 15, 1), (5, 15, 1)], 1, ""),
        ([(4, 15, 3), (5, 14, 3)], 5, "29 of 30 samples"),
        ([(4, 99, 2), (5, 99, 1)], 5, "samples from 2 of 3 pools"),
        ([(4, 99, 5)], 5, "samples at a level besides 4"),
        ([], 5, "0 of 30 samples"),
    ],
)
def test_a_class_is_measured_by_thirty_samples_of_three_pools_at_two_levels(
    levels: list[tuple[int, int, int]], pools: int, lacks: str
) -> None:
    samples = [LevelSamples(level=x, samples=n, pools=k, sum=n * 1.0, sum_squares=n * 1.1) for x, n, k in levels]
    assert lacking(Quality("c", pools, STATED, samples)) == lacks


def two(worth: Callable[[float], float], levels: Sequence[int], **options: float) -> list[Quality]:
    """A class with this worth, and one as stated, at 100 times the stated unit."""
    true, same = (
        seen(lambda x, own=own: 100 * own(x), levels, **options)  # type: ignore[arg-type, misc]
        for own in (worth, lambda x: 2 * x**0.5)
    )
    return [true, same]


def proposed(classes: Sequence[Quality], sessions: float = 70.0, *, in_unit: bool = False) -> Proposal:
    return propose(classes, sessions, in_unit=in_unit)


def test_curves_in_another_unit_are_multiplied_by_one_factor_also_of_classes_without_samples() -> None:
    classes = [*two(lambda x: 2 * x**0.5, range(4, 11)), Quality("new", 2, STATED, [])]
    found = proposed(classes)
    assert found.factor == pytest.approx(100)
    assert found.lacking == ("", "", "0 of 30 samples")
    assert found.proposed[2] == pytest.approx(100 * STATED)
    assert proposed(classes, in_unit=True).factor == 1.0


def test_without_a_positive_stated_utility_there_is_no_factor_and_nothing_changes() -> None:
    classes = [replace(one, slopes=-np.arange(1.0, CAPACITY + 1)) for one in two(knee, range(4, 11))]
    found = proposed(classes)
    assert (found.factor, found.lacking, found.is_worth_it) == (0, (NO_RATIO, NO_RATIO), False)
    assert [(new, old) for new, old in zip(found.proposed, classes, strict=True) if not (new == old.slopes).all()] == []


def test_no_slope_changes_by_more_than_half() -> None:
    found = proposed(two(knee, range(4, 15)))
    changes = [new / old for new, old in zip(found.proposed, found.present, strict=True)]
    assert found.is_worth_it
    assert max(change.max() for change in changes) == pytest.approx(1.5)
    assert min(change.min() for change in changes) >= 0.5 - 1e-9
    assert [slopes for slopes in found.proposed if not (np.diff(slopes) <= 1e-9).all()] == []


@pytest.mark.parametrize("sessions", [40.0, 70.0, 120.0])
def test_a_step_gains_the_least_that_is_said_if_curves_are_flat_beyond_what_was_seen(sessions: float) -> None:
    classes = two(lambda x: 5 * x**0.9, range(4, 9))
    found = proposed(classes, sessions)
    worst = [least(one, fit(one).slopes) for one in classes]
    assert worst[0][8:] == pytest.approx(np.zeros(CAPACITY - 8))

    def worth(slopes: Sequence[Floats], true: Sequence[Floats] = worst) -> float:
        return sum(float(own @ curve) for own, curve in zip(filled(slopes, [5, 5], sessions), true, strict=True))

    change = worth(found.proposed) - worth(found.present)
    assert found.gains.least == pytest.approx(change / worth(found.present, [fit(one).slopes for one in classes]))
    assert -RULES.risk <= found.gains.least < found.gains.expected


def test_it_is_worth_it_with_a_gain_above_half_a_percent_and_a_standard_error() -> None:
    assert not proposed(two(lambda x: 2.1 * x**0.5, range(4, 11))).is_worth_it
    clear, noisy = (
        proposed(two(knee, range(4, 15), each=each, spread=spread)) for each, spread in ((200, 0.25), (4, 5))
    )
    assert clear.is_worth_it
    assert clear.gains.whole > RULES.gain
    assert noisy.gains.error > clear.gains.error
    assert not noisy.is_worth_it


def test_a_step_that_moves_no_session_is_judged_by_where_it_leads() -> None:
    classes = [replace(one, slopes=100 * one.slopes) for one in two(lambda x: 0.2 * x**0.5, range(2, 11))]
    found = proposed(classes, 10.0, in_unit=True)
    present, proposal = (filled(slopes, [5, 5], 10.0) for slopes in (found.present, found.proposed))
    np.testing.assert_array_equal(present, proposal)
    assert found.is_worth_it
