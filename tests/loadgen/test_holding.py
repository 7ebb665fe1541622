import math
import random

import pytest

from slta_loadgen.holding import (
    Deterministic,
    Exponential,
    Holding,
    HoldingKind,
    Hyperexponential,
    InvalidHoldingError,
    Lognormal,
    Pareto,
    holding_of_kind,
)
from tests.loadgen.statistics import Cdf, kolmogorov_distance, kolmogorov_limit, sigmas

MEAN = 12.0
N = 40_000


def lognormal_cdf(t: float) -> float:
    variance = math.log(1 + 0.7**2)
    return 0.5 * (1 + math.erf((math.log(t / MEAN) + variance / 2) / math.sqrt(2 * variance)))


def hyperexponential_cdf(t: float) -> float:
    # cv² = 4: p = (1 + √(3/5)) / 2; each phase has the mean of 12/(2p) and 12/(2(1 − p)).
    p = (1 + math.sqrt(3 / 5)) / 2
    return 1 - p * math.exp(-2 * p * t / MEAN) - (1 - p) * math.exp(-2 * (1 - p) * t / MEAN)


@pytest.mark.parametrize(
    ("holding", "cdf"),
    [
        (Exponential(MEAN), lambda t: 1 - math.exp(-t / MEAN)),
        (Lognormal(MEAN, 0.7), lognormal_cdf),
        (Pareto(MEAN, 2.5), lambda t: 1 - (MEAN * 1.5 / 2.5 / t) ** 2.5),
        (Hyperexponential(MEAN, 2.0), hyperexponential_cdf),
    ],
)
def test_holding_times_follow_their_distribution(holding: Holding, cdf: Cdf) -> None:
    rng = random.Random(1)

    assert kolmogorov_distance([holding.draw(rng) for _ in range(N)], cdf) < kolmogorov_limit(N)


@pytest.mark.parametrize(
    ("holding", "cv"),
    [
        (Exponential(MEAN), 1.0),
        (Lognormal(MEAN, 0.7), 0.7),
        (Pareto(MEAN, 2.5), 1 / math.sqrt(2.5 * 0.5)),
        (Hyperexponential(MEAN, 2.0), 2.0),
    ],
)
def test_the_mean_is_the_one_asked_for(holding: Holding, cv: float) -> None:
    rng = random.Random(2)
    mean = sum(holding.draw(rng) for _ in range(N)) / N

    # The standard deviation of the sample mean is cv·mean/√N: 0.3 % to 1 % here.
    assert sigmas(mean, MEAN, cv * MEAN / math.sqrt(N)) < 4


@pytest.mark.parametrize(
    ("holding", "cv", "fourth_moment"),
    [
        (Exponential(MEAN), 1.0, 24),  # 4!
        (Lognormal(MEAN, 0.7), 0.7, 1.49**6),  # exp(6 log(1 + cv²))
        (Hyperexponential(MEAN, 2.0), 2.0, 1_051),  # 4! (p (1/2p)⁴ + (1 − p) (1/2(1 − p))⁴)
    ],
)
def test_the_coefficient_of_variation_is_the_one_stated(holding: Holding, cv: float, fourth_moment: float) -> None:
    rng = random.Random(3)
    second_moment = sum(holding.draw(rng) ** 2 for _ in range(N)) / N / MEAN**2

    # Moments in units of the mean: E T² = 1 + cv², and its sample has a variance below E T⁴ / N.
    assert sigmas(second_moment, 1 + cv**2, math.sqrt(fourth_moment / N)) < 4


def test_a_deterministic_time_is_the_mean() -> None:
    assert Deterministic(3.0).draw(random.Random(1)) == 3.0


def test_a_hyperexponential_with_cv_one_is_exponential() -> None:
    assert Hyperexponential(3.0, 1.0).short_phase_probability == 0.5


@pytest.mark.parametrize("kind", HoldingKind)
def test_every_kind_has_the_mean_asked_for(kind: HoldingKind) -> None:
    assert holding_of_kind(kind, 7.0).mean_seconds == 7


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (HoldingKind.EXPONENTIAL, {"cv": 1.0}),
        (HoldingKind.DETERMINISTIC, {"shape": 2.0}),
        (HoldingKind.LOGNORMAL, {"shape": 2.0}),
        (HoldingKind.LOGNORMAL, {"cv": 0.0}),
        (HoldingKind.PARETO, {"cv": 2.0}),
        (HoldingKind.PARETO, {"shape": 1.0}),
        (HoldingKind.HYPEREXPONENTIAL, {"cv": 0.9}),
        (HoldingKind.HYPEREXPONENTIAL, {"cv": math.nan}),
    ],
)
def test_parameters_that_make_no_distribution_are_refused(kind: HoldingKind, options: dict[str, float]) -> None:
    with pytest.raises(InvalidHoldingError):
        holding_of_kind(kind, 10.0, **options)


@pytest.mark.parametrize("mean", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("kind", HoldingKind)
def test_a_mean_is_positive_and_finite(kind: HoldingKind, mean: float) -> None:
    with pytest.raises(InvalidHoldingError, match="mean"):
        holding_of_kind(kind, mean)
