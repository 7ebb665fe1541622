"""Drift of a measured curve: what placing by it would gain, by hand, and when nothing is said of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slta.core.quality import LevelSamples, drift
from slta.core.utility import Utility
from tests.core.curves import linear, ranking_of, table, weighted

UTILITIES = [4, 7, 9, 10]
STEPS = table(0, *UTILITIES)
RANKING = ranking_of(STEPS, STEPS, capacity=4)
POOLS = [10, 10]


def measured(*means: float, samples: int = 30, pools: int = 10, spread: float = 0.0) -> list[LevelSamples]:
    """Samples from level 1 on; their standard deviation is `spread` of the mean."""
    return [
        LevelSamples(
            level=level,
            samples=samples,
            pools=pools,
            sum=samples * mean,
            sum_squares=samples * mean**2 * (1 + spread**2 * (samples - 1) / samples),
        )
        for level, mean in enumerate(means, 1)
    ]


@pytest.mark.parametrize("unit", [1, 100])
def test_the_gain_is_that_of_the_best_placement_by_the_measured_curve(unit: float) -> None:
    """Of 40 sessions each class has 20; where `b` is worth half, 30 on `a` and 10 on `b` yield 110 instead of 105."""
    samples = [measured(*(unit * u for u in UTILITIES[:3])), measured(*(unit * u / 2 for u in UTILITIES[:3]))]
    found = drift(RANKING, POOLS, 40, samples, 1)
    assert found == (pytest.approx(110 / 105 - 1), 0)


@pytest.mark.parametrize("change", [1, 0.5, 1e-170])
def test_what_changes_by_the_same_factor_in_all_classes_is_no_drift(change: float) -> None:
    samples = [measured(*(change * u for u in UTILITIES[:3]))] * 2
    assert [drift(RANKING, POOLS, 40, samples, i) for i in (0, 1)] == [(0, 0)] * 2


def test_beyond_the_levels_seen_the_last_slope_goes_on() -> None:
    """By it a third and a fourth session add 4 to `b` too: ten sessions of `a` are better there."""
    found = drift(RANKING, POOLS, 40, [measured(4, 7), measured(4, 8)], 1)
    assert found
    assert found.gain == pytest.approx(160 / 150 - 1)


def test_the_error_is_by_pools_and_by_samples() -> None:
    def error(samples: int, pools: int) -> float:
        half = measured(*(u / 2 for u in UTILITIES[:3]), samples=samples, pools=pools, spread=0.25)
        found = drift(RANKING, POOLS, 40, [measured(*UTILITIES[:3]), half], 1)
        assert found
        return found.error

    assert error(1000, 5) > 1.3 * error(1000, 10), "a pool errs at all levels alike"
    assert error(100, 10) > 1.05 * error(1000, 10)
    # Ten pools of `b` lose their second session, worth 1.5 of 105: together they err by 25 % / √10.
    assert error(10**9, 10) == pytest.approx(0.25 * 15 / 105 / 10**0.5)


@pytest.mark.parametrize(
    "samples",
    [[], measured(4, 7, samples=29), measured(4, 7, pools=2), measured(4, samples=100)],
    ids=["none", "few", "of two pools", "of one level"],
)
def test_a_class_is_measured_by_thirty_samples_of_three_pools_or_all_at_two_levels(
    samples: Sequence[LevelSamples],
) -> None:
    assert drift(RANKING, POOLS, 40, [measured(4, 7), samples], 1) is None
    assert drift(RANKING, [10, 2], 20, [[], measured(4, 7, pools=2)], 1), "of both pools of a class"


@pytest.mark.parametrize(
    ("utility", "pools", "sessions"),
    [(weighted(2), 10, 20), (linear(0), 10, 20), (STEPS, 0, 0)],
    ids=["negative utilities", "no utility", "no pools"],
)
def test_there_is_none_without_a_unit_or_without_pools(utility: Utility, pools: int, sessions: int) -> None:
    assert drift(ranking_of(utility, capacity=4), [pools], sessions, [measured(4, 7)], 0) is None
