"""r finds its place, and finds it again."""

from __future__ import annotations

import pytest

from slta_experiments.fleets import TABLE_1
from slta_experiments.studies.class_away import class_away
from slta_experiments.studies.learning import Trial, beta_row, first_times, lag, through_steps


def test_from_empty_r_reaches_its_optimum_when_the_fluid_limit_says() -> None:
    # 19 levels of half the pools are better than σ*: 9.5 = 9.75 (1 − e^−t) at t = 3.66. At n = 2,000 the
    # fluctuation of s is about √(9.5 / 2000) = 0.07 against a slope of 0.25 there: 0.3 holding times.
    assert first_times(Trial(2_000, 0)) == pytest.approx(3.66, abs=1.0)


def test_r_follows_steps_of_the_load() -> None:
    n = 200
    outcome = through_steps(Trial(n, 1))
    assert lag(outcome, n, 5.0, 20.0) < 1.0
    assert lag(outcome, n, 25.0, 40.0) < 1.0
    assert lag(outcome, n, 45.0, 60.0) < 1.0
    assert TABLE_1.optimum(n, 10 * n).rank - TABLE_1.optimum(n, 5 * n).rank > 5


def test_r_does_not_stick_when_a_class_leaves_or_returns() -> None:
    curve = class_away(n=20, end=30.0, away=(10.0, 20.0))["curve"]
    away = [c for c in curve if 14 < c["time"] < 20]
    back = [c for c in curve if c["time"] > 24]
    assert sum(abs(c["rank"] - c["best_rank"]) for c in away) / len(away) < 4
    assert sum(abs(c["rank"] - c["best_rank"]) for c in back) / len(back) < 2
    assert max(c["relative_gap"] for c in back) < 0.05


def test_a_far_too_large_beta_keeps_r_up_and_costs_utility() -> None:
    large, usual = beta_row("fixed 0.9", 50, 2), beta_row("n^−0.45", 50, 2)
    assert large["lag_down"] > 5 * usual["lag_down"]
    assert large["stepped_placement_gap"] > 10 * usual["stepped_placement_gap"]


def test_a_far_too_small_beta_costs_moves_not_utility() -> None:
    small, usual = beta_row("fixed 0.002", 50, 2), beta_row("n^−0.45", 50, 2)
    assert small["min_green"] == 2
    assert small["steps_per_1000_arrivals"] > 5 * usual["steps_per_1000_arrivals"]
    assert small["stepped_placement_gap"] < 1.1 * usual["stepped_placement_gap"]
