"""A fit is the nearest concave curve, says where it knows nothing, and refuses what cannot be concave."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from slta_planning.fit.bands import largest_below
from slta_planning.fit.candidates import TABLE, candidates, cumulated
from slta_planning.fit.concave import Concave, Cone
from slta_planning.fit.fitting import ClassFit, FitTask, fit_class
from slta_planning.fit.levels import MIN_SHARE, Levels, rough_residuals
from slta_planning.fit.samples import ClassSamples
from slta_planning.fit.shape import shape_of
from slta_planning.fit.warnings import spans

PLAIN = FitTask()


def samples_of(
    worth: Callable[[float], float], levels: Sequence[int], each: int = 1, noise: float = 0.0, seed: int = 1
) -> ClassSamples:
    """Samples per session at each level."""
    found, generator = ClassSamples(), np.random.default_rng(seed)
    for x in levels:
        found.sessions.extend([x] * each)
        found.values.extend(worth(x) + generator.normal(0.0, noise, each))
    return found


def levels_of(samples: ClassSamples, *, per_pool: bool = False) -> Levels:
    return Levels.of(np.array(samples.sessions), np.array(samples.values), per_pool=per_pool)


def fitted(levels: Levels) -> Concave:
    return Cone.of(levels).fit(levels.means, levels.noise.weights)


def fit(worth: Callable[[float], float], levels: Sequence[int], task: FitTask = PLAIN, **noise: float) -> ClassFit:
    return fit_class("c", samples_of(worth, levels, **noise), task)  # type: ignore[arg-type]


def log_share(x: float) -> float:
    return math.log(20 / x)


@pytest.mark.parametrize("per_pool", [False, True])
def test_without_noise_a_concave_curve_is_found_again(*, per_pool: bool) -> None:
    scale = (lambda x: x) if per_pool else (lambda _: 1)
    levels = levels_of(samples_of(lambda x: scale(x) * log_share(x), range(1, 13)), per_pool=per_pool)
    assert fitted(levels).values == pytest.approx([x * log_share(x) for x in range(1, 13)])


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_the_nearest_of_all_concave_curves(seed: int) -> None:
    # Another solver, other unknowns: the slopes as sums of steps that may not be negative, the last slope free.
    levels = levels_of(samples_of(log_share, [2, 3, 4, 7, 8, 12, 15], each=5, noise=0.5, seed=seed))
    weights = levels.noise.weights
    widths = np.diff(levels.at, prepend=0.0)
    slopes = np.triu(np.ones((7, 7)))
    matrix = levels.scale[:, None] * (np.tril(np.ones((7, 7))) * widths @ slopes)
    root = np.sqrt(weights)
    bounds = ([0.0] * 6 + [-np.inf], np.inf)
    best = lsq_linear(root[:, None] * matrix, root * levels.means, bounds, tol=1e-14, lsmr_tol=1e-14, method="bvls")
    ours = fitted(levels)
    assert Cone.of(levels).misfit(ours, levels.means, weights) == pytest.approx(2 * best.cost, rel=1e-6)
    assert ours.slopes == pytest.approx(slopes @ best.x, rel=1e-6, abs=1e-9)


def test_between_levels_and_before_the_first_the_curve_is_straight_and_beyond_it_goes_on() -> None:
    u = np.cumsum(fitted(levels_of(samples_of(log_share, [3, 6, 8]))).marginals(11))
    chord = log_share(3)
    assert u[:3] == pytest.approx([chord, 2 * chord, 3 * chord])
    middle, last = (6 * log_share(6) - 3 * chord) / 3, (8 * log_share(8) - 6 * log_share(6)) / 2
    assert u[3:6] == pytest.approx([3 * chord + k * middle for k in (1, 2, 3)])
    assert np.diff(u[6:]) == pytest.approx([last] * 4)


def test_a_flat_end_that_was_not_seen_does_not_go_on() -> None:
    worth = lambda x: min(x, 7.5) / x  # noqa: E731 - a curve
    assert fit(worth, range(1, 9)).taken.kind == "capped_linear"
    beyond = fit(worth, range(1, 9), FitTask(capacity=12)).taken
    assert np.diff(beyond.values)[8:] == pytest.approx([0.5] * 4, abs=0.05)
    assert fit(worth, range(1, 10), FitTask(capacity=12)).taken.kind == "capped_linear"


def test_a_level_with_ten_samples_has_its_own_variance_and_others_share_one() -> None:
    samples = samples_of(lambda _: 0.0, [1, 3], each=9, noise=1.0)
    quiet = samples_of(lambda _: 0.0, [2], each=10, noise=0.5)
    samples.sessions.extend(quiet.sessions)
    samples.values.extend(quiet.values)
    levels = levels_of(samples)
    variances = levels.counts / levels.noise.weights
    spreads = [np.var(group, ddof=1) for group in levels.groups]
    pooled = (8 * spreads[0] + 9 * spreads[1] + 8 * spreads[2]) / 25
    assert variances == pytest.approx([pooled, spreads[1], pooled])


def test_a_level_whose_samples_are_all_alike_does_not_count_for_everything() -> None:
    samples = samples_of(lambda _: 0.0, [1, 3], each=12, noise=1.0)
    samples.sessions.extend([2] * 12)
    samples.values.extend([60.0] * 12)
    levels = levels_of(samples)
    pooled = np.mean([np.var(group, ddof=1) for group in levels.groups])
    assert levels.counts[1] / levels.noise.weights[1] == pytest.approx(MIN_SHARE * pooled)


def test_the_noise_of_single_samples_is_seen_beside_their_neighbours() -> None:
    straight, generator = np.arange(1.0, 20_001.0), np.random.default_rng(5)
    rough = rough_residuals(straight, 3 * straight + generator.normal(0.0, 0.7, 20_000))
    assert np.sqrt(np.mean(rough**2)) == pytest.approx(0.7, rel=0.05)


def test_u_below_the_first_level_is_said_to_be_within_what_a_concave_curve_can_be() -> None:
    low, high = largest_below(fitted(levels_of(samples_of(log_share, range(4, 13)))), 1)
    at_four = 4 * log_share(4)
    assert (low, high) == pytest.approx((at_four / 4, at_four - 3 * (5 * log_share(5) - at_four)))
    assert low < log_share(1) < high
    warning, _ = fit(log_share, range(4, 13)).warnings
    assert f"a concave u(1) may be from {low:.4g} to {high:.4g}" in warning


def test_of_a_single_level_nothing_bounds_u_from_above() -> None:
    warnings = fit(log_share, [5], each=4, noise=0.1).warnings
    assert "anything from" in "\n".join(warnings)
    assert "all samples have the same level" in "\n".join(warnings)


# Rounding


def test_a_table_is_concave_in_exact_numbers_however_its_marginals_round() -> None:
    for seed in range(10):
        levels = levels_of(samples_of(lambda _: 0.1, range(1, 200), each=2, noise=0.01, seed=seed))
        curve = fitted(levels)
        values = [Decimal(0), *cumulated(curve.marginals(199))]
        marginals = [b - a for a, b in pairwise(values)]
        for falling in (marginals, curve.slopes):
            assert [(before, after) for before, after in pairwise(falling) if not before >= after] == []
        assert float(values[-1]) == pytest.approx(curve.values[-1], rel=1e-4)


# Families


@pytest.mark.parametrize(
    ("kind", "worth", "fields"),
    [
        ("log_share", log_share, {"resource": 20}),
        ("alpha_fair", lambda x: 30**0.5 / 0.5 * x**-0.5, {"resource": 30, "alpha": 0.5}),
        ("alpha_fair", lambda x: -(x**1.5) / 20**1.5 / 1.5, {"resource": 20, "alpha": 2.5}),
        ("quadratic", lambda x: 2 - x / 20, {"linear": 2, "quadratic": -0.05}),
        ("capped_linear", lambda x: 1.5 * min(x, 7.3) / x, {"slope": 1.5, "cap": 7.3}),
        ("linear", lambda _: 0.8, {"slope": 0.8}),
        ("saturating", lambda x: 500 / (10 + x), {"total": 500, "half": 10}),
        ("capped_log_share", lambda x: 3 * math.log2(1 + min(8, 50 / x)), {"factor": 3, "resource": 50, "cap": 8}),
    ],
)
def test_a_family_is_found_again_and_taken(
    kind: str, worth: Callable[[float], float], fields: dict[str, float]
) -> None:
    exact, noisy = fit(worth, range(1, 17)), fit(worth, range(1, 17), each=40, noise=0.02 * max(1, worth(16)))
    for found, tolerance in ((exact, 1e-3), (noisy, 0.1)):
        assert found.taken.kind == kind
        assert {name: float(found.taken.fields[name]) for name in fields} == pytest.approx(fields, rel=tolerance)


def test_each_family_is_the_best_of_its_kind() -> None:
    # A step of any parameter to either side comes no nearer.
    levels = levels_of(samples_of(lambda x: 60 * min(1, 8 / x) + 1, range(1, 20), each=12, noise=6.0))
    weights = levels.noise.weights
    formulas: dict[str, Callable[..., float]] = {
        "log_share": lambda x, resource: x * math.log(resource / x),
        "alpha_fair": lambda x, resource, alpha: resource ** (1 - alpha) / (1 - alpha) * x**alpha,
        "quadratic": lambda x, linear, quadratic: linear * x + quadratic * x * x,
        "capped_linear": lambda x, slope, cap: slope * min(x, cap),
        "linear": lambda x, slope: slope * x,
        "saturating": lambda x, total, half: total * x / (half + x),
        "capped_log_share": lambda x, factor, resource, cap: factor * x * math.log2(1 + min(cap, resource / x)),
    }

    def misfit(kind: str, fields: dict[str, float]) -> float:
        u = np.array([formulas[kind](x, **fields) for x in levels.at])
        return float(weights @ (levels.means - levels.scale * u) ** 2)

    found = {one.kind: one for one in candidates(levels, fitted(levels), 19)}
    assert set(found) >= {*formulas, TABLE} - {"log_share"}
    for kind in found.keys() - {TABLE}:
        fields = {name: float(value) for name, value in found[kind].fields.items()}
        for name, value in fields.items():
            for step in (0.999, 1.001):
                assert misfit(kind, fields) <= misfit(kind, {**fields, name: value * step}) * (1 + 1e-7)


def test_the_table_is_taken_where_no_family_comes_near() -> None:
    found = fit(lambda x: 1 - math.exp(-min(60.0, 240 / x) / 20), range(1, 17), each=40, noise=0.02)
    assert found.taken.kind == TABLE
    assert found.taken.residual < 0.3 * min(one.residual for one in found.candidates if one.kind != TABLE)


@pytest.mark.parametrize(
    ("kind", "worth", "most"),
    [("saturating", lambda x: 4000 / (30 + x), 40), ("capped_log_share", lambda x: math.log2(1 + min(8, 300 / x)), 96)],
)
def test_a_curve_without_a_kind_of_its_own_is_a_concave_table_of_its_values(
    kind: str, worth: Callable[[float], float], most: int
) -> None:
    found = fit(worth, range(1, most + 1), each=4, noise=0.01 * worth(most)).taken
    assert (found.kind, found.utility["kind"]) == (kind, TABLE)
    assert found.values == pytest.approx([0, *(x * worth(x) for x in range(1, most + 1))], rel=0.01)
    marginals = [b - a for a, b in pairwise(found.utility["values"])]
    assert [(before, after) for before, after in pairwise(marginals) if not before >= after] == []


# Refusals


def bent(x: float) -> float:
    return 0.5 if x <= 8 else (4 + (x - 8)) / x


@pytest.mark.parametrize(
    ("each", "noise"),
    [(1, 0.0), *(pytest.param(*p, marks=pytest.mark.slow) for p in ((1, 0.01), (10, 0.1), (400, 0.5)))],
)
def test_means_that_bend_upwards_are_refused_with_the_place(each: int, noise: float) -> None:
    found = fit(bent, range(1, 17), each=each, noise=noise)
    shape = found.shape
    assert not shape.is_concave
    assert [warning for warning in found.warnings if "--per-pool" in warning] == [], "not taken for values of pools"
    assert shape.p_value < 0.001
    assert abs(shape.bend - 8) <= 1
    assert shape.before == pytest.approx(0.5, abs=0.1)
    assert shape.after == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(
    "worth", [log_share, lambda _: 1.0, lambda x: min(x, 8) / x], ids=["log", "straight", "capped"]
)
@pytest.mark.slow
def test_concave_curves_are_hardly_ever_refused(worth: Callable[[float], float]) -> None:
    # At p < 0.001 none of 60; at 0.05 about 3 where the curve is straight, the worst case. A binomial sees 10 once in
    # a thousand times.
    p_values = []
    for seed in range(20):
        for each in (1, 3, 12):
            levels = levels_of(samples_of(worth, range(1, 13), each=each, noise=0.2, seed=seed))
            p_values.append(shape_of(levels, Cone.of(levels), fitted(levels), np.random.default_rng(seed)).p_value)
    assert min(p_values) >= 0.001
    assert sum(p < 0.05 for p in p_values) < 10


@pytest.mark.parametrize("each", [1, 5])
@pytest.mark.parametrize(
    "worth", [lambda x: -x, lambda x: 2 - x / 10, lambda _: 1.0, log_share, lambda x: 1e12 - x * 1e10]
)
def test_concave_curves_without_noise_are_never_refused(worth: Callable[[float], float], each: int) -> None:
    assert fit(worth, range(1, 13), each=each).shape.is_concave


@pytest.mark.parametrize("levels", [[1], [7], [1, 2], [3, 4, 9]])
def test_a_single_sample_at_each_level_is_fitted_and_lies_within_its_band(levels: Sequence[int]) -> None:
    found = fit(lambda x: 1 / x**0.5, levels, FitTask(kind=TABLE))
    u = np.array([found.taken.values[x] for x in levels])
    assert u == pytest.approx([x**0.5 for x in levels], rel=1e-4)
    low, high = (band[levels] for band in (found.bands.utility.low, found.bands.utility.high))
    assert np.all((low <= u * (1 + 1e-5)) & (u * (1 - 1e-5) <= high))


def test_two_levels_are_not_tested() -> None:
    found = fit(float, [1, 5], each=12, noise=0.1)
    assert found.shape.p_value is None
    assert found.shape.is_concave


# Capacity


def test_samples_beyond_the_capacity_are_left_out() -> None:
    found = fit(bent, range(1, 17), FitTask(capacity=8), each=12, noise=0.02)
    assert found.shape.is_concave
    assert (found.capacity, found.left_out, len(found.taken.values)) == (8, 8 * 12, 9)


def test_beyond_the_highest_level_the_last_slope_goes_on_with_a_warning() -> None:
    found = fit(lambda x: 2 - x / 20, range(1, 11), FitTask(capacity=15, kind=TABLE), each=12, noise=0.02)
    assert np.diff(found.taken.values)[9:] == pytest.approx([found.curve.slopes[-1]] * 6, abs=1e-5)
    assert "no samples above 10 sessions" in "\n".join(found.warnings)


@pytest.mark.slow
def test_the_bands_hold_the_true_curve_mostly() -> None:
    u = np.array([0.0, *(x * log_share(x) for x in range(1, 13))])
    inside = []
    for seed in range(20):
        band = fit(log_share, range(1, 13), each=20, noise=0.3, seed=seed).bands.utility
        inside.append(np.mean((band.low <= u) & (u <= band.high)))
    assert np.mean(inside) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_thousands_of_levels_are_fitted_as_a_few_hundred_and_the_curve_is_the_same(noise: float) -> None:
    found = fit(lambda x: math.log(9000 / x), range(1, 4097), FitTask(kind=TABLE), each=2, noise=noise)
    assert len(found.levels.at) < 600
    assert (found.capacity, found.shape.is_concave) == (4096, True)
    places = [1, 128, 129, 200, 1000, 4095, 4096]
    assert found.taken.values[places] == pytest.approx([x * math.log(9000 / x) for x in places], rel=1e-4 + noise)
    assert found.levels.number(4096) == len(found.levels.at) - 1


@pytest.mark.slow
@pytest.mark.parametrize("per_pool", [False, True])
def test_a_bend_upwards_is_refused_among_levels_that_are_taken_together(*, per_pool: bool) -> None:
    scale = (lambda x: x) if per_pool else (lambda _: 1)
    samples = samples_of(lambda x: scale(x) * (1 if x < 2000 else 2 - 2000 / x), range(900, 4000, 3), noise=0.01)
    shape = fit_class("c", samples, FitTask(per_pool=per_pool)).shape
    assert not shape.is_concave
    assert shape.bend == pytest.approx(2000, rel=0.1)


def test_a_level_between_whole_numbers_shares_its_step() -> None:
    curve = Concave(np.array([1.0, 2.25, 5.0]), np.array([1.0, 2.0]), 0.5)
    assert curve.slopes.tolist() == [3.5, 2.5, 0.5]
    assert curve.marginals(6).tolist() == [3.5, 2.5, 0.25 * 2.5 + 0.75 * 0.5, 0.5, 0.5, 0.5]


def test_an_empty_pools_value_that_is_not_0_is_told() -> None:
    samples = samples_of(lambda x: 5 + x, range(1, 9), each=12, noise=0.1)
    samples.empty_values.extend([4.9, 5.0, 5.1])
    warnings = fit_class("c", samples, FitTask(per_pool=True)).warnings
    assert "u(0) is 0: subtract" in "\n".join(warnings)
    assert [warning for warning in fit_class("c", samples, FitTask()).warnings if "subtract" in warning] == []


# Warnings of few samples


def test_single_samples_are_not_to_be_trusted() -> None:
    (warning,) = fit(lambda x: 10 - x, [1, 2, 3]).warnings
    assert "no level has two samples, 3 in all" in warning


def test_levels_with_few_samples_are_named() -> None:
    samples = samples_of(lambda x: 10 - x / 4, range(1, 11), each=8, noise=0.01)
    for x in (12, 13, 15):
        samples.sessions.extend([x, x])
        samples.values.extend([10 - x / 4 - 0.01, 10 - x / 4 + 0.01])
    warnings = fit_class("c", samples, PLAIN).warnings
    assert "fewer than 5 samples at 3 of 13 levels: 12 to 13, 15 sessions" in warnings
    assert [warning for warning in warnings if "uncertain" in warning] == []


def test_the_rare_end_of_a_range_is_uncertain() -> None:
    samples = samples_of(lambda x: 1 - math.exp(-min(60.0, 240 / x) / 20), range(1, 13), each=400, noise=0.1)
    samples.sessions.extend([13, 14, 15, 16])
    samples.values.extend([0.45, 0.62, 0.5, 0.6])
    found = fit_class("h100", samples, FitTask(kind=TABLE))
    (warning,) = (one for one in found.warnings if "uncertain" in one)
    low, high = found.bands.marginal.low, found.bands.marginal.high
    (first, last) = map(int, re.findall(r"number (\d+) to (\d+)", warning)[0])
    assert 12 <= first <= 14
    assert last == 16
    assert f"--capacity h100={first - 1}" in warning
    marginals = np.diff(found.taken.values)
    for k in range(first - 1, last):
        assert low[k] < 0 < high[k] or high[k] - low[k] > abs(marginals[k])


def test_a_flat_end_with_many_samples_is_not_uncertain() -> None:
    found = fit(lambda x: 1.5 * min(x, 7.3) / x, range(1, 17), FitTask(kind=TABLE), each=400, noise=0.01)
    assert found.warnings == []


def test_numbers_are_told_in_spans() -> None:
    assert spans([1, 3, 4, 5, 9]) == "1, 3 to 5, 9"
    assert spans([1, 3, 5, 7, 9, 11]) == "1, 3, 5, 7, 9, …"
