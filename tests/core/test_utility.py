"""Utility families: what x sessions are worth on one pool, and what one more adds (paper section 2.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.limits import MAX_ALPHA
from slta.core.marginals import LogShare, Rational, compare
from slta.core.utility import (
    AlphaFairUtility,
    CappedLinearUtility,
    LinearUtility,
    LogShareUtility,
    PoolClass,
    QuadraticUtility,
    TableUtility,
    Utility,
    WeightedLeastConnectionsUtility,
    first_convex_point,
)
from tests.core.strategies import exact_utilities, irrational_utilities, utilities


def marginals(utility: Utility, count: int) -> list[float]:
    return [float(utility.marginal(x)) for x in range(count)]


def table(*values: str | int) -> TableUtility:
    return TableUtility(tuple(Fraction(value) for value in values))


# --- Each family, with its arithmetic


def test_log_share_gives_each_of_x_sessions_the_logarithm_of_its_share() -> None:
    # r = 20: u(8) = 8 log(20/8), and Δ(0) = u(1) − u(0) = 1 · log(20/1) − 0.
    utility = LogShareUtility(Fraction(20))
    assert utility.value(8) == pytest.approx(8 * math.log(2.5), rel=1e-14)
    assert float(utility.marginal(0)) == pytest.approx(math.log(20), rel=1e-15)


def test_log_share_falls_beyond_r_over_e_and_that_is_not_full() -> None:
    # r = 20: r/e = 7.36. u(7) = 7 log(20/7) = 7.349, u(8) = 8 log(20/8) = 7.330: the eighth costs 0.018.
    utility = LogShareUtility(Fraction(20))
    assert utility.value(8) - utility.value(7) == pytest.approx(-0.0184, abs=5e-5)
    assert PoolClass("beyond its peak", utility, 60).capacity == 60


def test_alpha_fair_with_alpha_two_is_minus_x_squared_over_r() -> None:
    # g(y) = y^(1−2)/(1−2) = −1/y, so x g(r/x) = −x²/r. r = 10: u = 0, −0.1, −0.4, −0.9.
    assert marginals(AlphaFairUtility(Fraction(10), Fraction(2)), 3) == [-0.1, -0.3, -0.5]


def test_alpha_fair_with_alpha_three_is_minus_x_cubed_over_two_r_squared() -> None:
    # g(y) = y^−2/(−2), so x g(r/x) = −x³/(2r²). r = 5: u(1) = −1/50, u(2) = −8/50, so Δ(1) = −7/50.
    assert AlphaFairUtility(Fraction(5), Fraction(3)).marginal(1) == Rational(Fraction(-7, 50))


def test_alpha_fair_with_alpha_one_half_is_twice_the_root_of_r_x() -> None:
    # g(y) = √y / (1/2), so x g(r/x) = 2 √(r x). r = 9: u(4) = 2 · √36 = 12.
    assert AlphaFairUtility(Fraction(9), Fraction(1, 2)).value(4) == pytest.approx(12, rel=1e-14)


def test_alpha_fair_with_alpha_zero_is_worth_the_whole_resource_once_anyone_is_there() -> None:
    # g(y) = y, so x g(r/x) = r for every x ≥ 1, and u(0) = 0.
    assert marginals(AlphaFairUtility(Fraction(7), Fraction(0)), 3) == [7, 0, 0]


def test_alpha_fair_with_alpha_one_is_log_share() -> None:
    assert AlphaFairUtility(Fraction(20), Fraction(1)).marginal(3) == LogShareUtility(Fraction(20)).marginal(3)


def test_linear_sessions_do_not_disturb_each_other() -> None:
    assert marginals(LinearUtility(Fraction("0.1")), 3) == [0.1, 0.1, 0.1]


def test_quadratic_of_figure_3_loses_a_tenth_with_every_session() -> None:
    # u(x) = 2x − x²/20: Δ(x) = 2 − (2x+1)/20 = 1.95 − x/10. At x = 5 it is 1.45, the first below 3/2.
    utility = QuadraticUtility(Fraction(2), Fraction(-1, 20))
    assert marginals(utility, 6) == [1.95, 1.85, 1.75, 1.65, 1.55, 1.45]


def test_capped_linear_of_figure_3_is_worth_nothing_more_beyond_its_cap() -> None:
    # u(x) = 3x/2 up to 20 and 30 beyond.
    utility = CappedLinearUtility(Fraction(3, 2), Fraction(20))
    assert marginals(utility, 22) == [1.5] * 20 + [0, 0]


def test_capped_linear_gives_the_last_session_what_is_left_below_a_cap_between_integers() -> None:
    # u(x) = 2 min(x, 2.5): 2, 4, 5, 5.
    assert marginals(CappedLinearUtility(Fraction(2), Fraction("2.5")), 4) == [2, 2, 1, 0]


def test_weighted_least_connections_compares_sessions_over_weight() -> None:
    # u(x) = −x(x+1)/(2w) has Δ(x) = −(x+1)/w. w = 3 with 5 sessions equals w = 1 with 1: −6/3 = −2/1.
    heavy, light = WeightedLeastConnectionsUtility(Fraction(3)), WeightedLeastConnectionsUtility(Fraction(1))
    assert heavy.marginal(5) == light.marginal(1) == Rational(Fraction(-2))


def test_table_states_the_utility_of_every_number_of_sessions() -> None:
    assert marginals(table(0, 3, "4.5", "4.5"), 3) == [3, 1.5, 0]


CLOSED_FORMS = [
    (LogShareUtility(Fraction(20)), lambda x: x * math.log(20 / x)),
    (AlphaFairUtility(Fraction(20), Fraction(5, 2)), lambda x: x * (20 / x) ** -1.5 / -1.5),
    (AlphaFairUtility(Fraction(20), Fraction(1, 3)), lambda x: x * (20 / x) ** (2 / 3) / (2 / 3)),
    (AlphaFairUtility(Fraction(20), Fraction(4)), lambda x: x * (20 / x) ** -3 / -3),
    (LinearUtility(Fraction(3, 7)), lambda x: 3 * x / 7),
    (QuadraticUtility(Fraction(2), Fraction(-1, 20)), lambda x: 2 * x - x * x / 20),
    (CappedLinearUtility(Fraction(3, 2), Fraction(20)), lambda x: 1.5 * min(x, 20)),
    (WeightedLeastConnectionsUtility(Fraction(8)), lambda x: -x * (x + 1) / 16),
]


@pytest.mark.parametrize(("utility", "closed_form"), CLOSED_FORMS, ids=lambda case: type(case).__name__)
@given(x=st.integers(1, 500))
def test_marginals_add_up_to_the_closed_form(utility: Utility, closed_form: Callable[[int], float], x: int) -> None:
    assert utility.value(x) == pytest.approx(closed_form(x), rel=1e-12, abs=1e-12)


@given(utility=utilities)
def test_an_empty_pool_is_worth_nothing(utility: Utility) -> None:
    assert utility.value(0) == 0


@pytest.mark.parametrize("x", [1, 7, 100, 4095])
def test_floats_of_marginals_keep_their_digits_where_large_terms_cancel(x: int) -> None:
    # Δ(x) of log_share is the difference of two numbers near x log x; of 2 √(20 x), of two numbers near √x.
    with localcontext() as context:
        context.prec = 50
        exact_log = Decimal(20).ln() + x * Decimal(x).ln() - (x + 1) * Decimal(x + 1).ln()
        exact_root = 2 * (Decimal(20 * (x + 1)).sqrt() - Decimal(20 * x).sqrt())
    assert float(LogShare(Fraction(20), x)) == pytest.approx(float(exact_log), abs=1e-15, rel=1e-15)
    root = AlphaFairUtility(Fraction(20), Fraction(1, 2)).marginal(x)
    assert float(root) == pytest.approx(float(exact_root), rel=1e-14)


# --- Concavity and what is refused


def test_a_slope_of_one_tenth_is_concave_although_its_floating_sums_are_not() -> None:
    # 0.1 + 0.1 + 0.1 = 0.30000000000000004 > 3 · 0.1 in floats; here every marginal is exactly 1/10.
    assert first_convex_point(LinearUtility(Fraction("0.1")), 4096) is None


@given(utility=exact_utilities | irrational_utilities, capacity=st.integers(1, 6))
def test_marginals_never_rise_along_an_accepted_curve(utility: Utility, capacity: int) -> None:
    # Every curve drawn here is concave, and so accepted.
    accepted = PoolClass("class", utility, capacity).utility
    rises = [compare(accepted.marginal(x), accepted.marginal(x - 1)) for x in range(1, capacity)]
    assert 1 not in rises


@pytest.mark.parametrize(
    ("utility", "x"),
    [
        (QuadraticUtility(Fraction(1), Fraction(1, 100)), 1),  # Δ: 1.01, 1.03
        (table(0, 3, 4, 6, 6), 2),  # Δ: 3, 1, 2
        (table(0, 1, 2, "3.0000000000000001"), 2),  # Δ: 1, 1, a little more than 1
        (CappedLinearUtility(Fraction(-1), Fraction(2)), 2),  # Δ: −1, −1, 0
    ],
)
def test_a_curve_that_is_not_concave_is_refused_with_the_first_x_where_it_bends_the_wrong_way(
    utility: Utility, x: int
) -> None:
    with pytest.raises(ValueError, match=f"class wrong: .* not concave: its marginal utility rises at x = {x}$"):
        PoolClass("wrong", utility, 3 if isinstance(utility, TableUtility) else 10)


def test_a_bend_beyond_the_capacity_does_not_matter() -> None:
    # Δ: 3, 1, 2. With two sessions at most, Δ(2) is never met.
    utility = table(0, 3, 4, 6)
    assert PoolClass("class", utility, 2).capacity == 2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LogShareUtility(Fraction(0)), "resource must be positive"),
        (lambda: AlphaFairUtility(Fraction(-1), Fraction(2)), "resource must be positive"),
        (lambda: AlphaFairUtility(Fraction(1), Fraction(-1, 2)), "alpha must be from 0"),
        (lambda: AlphaFairUtility(Fraction(1), Fraction(17)), "alpha must be from 0 to 16"),
        (lambda: CappedLinearUtility(Fraction(1), Fraction(-1)), "cap must not be negative"),
        (lambda: WeightedLeastConnectionsUtility(Fraction(0)), "weight must be positive"),
        (lambda: table(0), "values must have"),
        (lambda: table(1, 2), "values must begin with u"),
        (
            lambda: PoolClass("small", LinearUtility(Fraction(1)), 0),
            "class small: capacity must be at least 1",
        ),
        (lambda: PoolClass("small", table(0, 1), 2), r"values end at u\(1\)"),
        (lambda: PoolClass("huge", LinearUtility(Fraction(10**400)), 1), "class huge: .* too large"),
        (lambda: PoolClass("huge", LinearUtility(Fraction(10**308)), 10), "class huge: .* too large"),
        (
            lambda: PoolClass("huge", AlphaFairUtility(Fraction(1, 10**21), Fraction(31, 2)), 4096),
            "too large",
        ),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused_with_what_is_wrong(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("alpha", [Fraction(MAX_ALPHA), Fraction(31, 2)])
def test_the_largest_alpha_is_still_computed_at_the_largest_capacity(alpha: Fraction) -> None:
    # Δ(x) is near −(16/15) (x/r)^15: 4096/20 = 204.8, and its 15th power is near 5e34.
    worst = AlphaFairUtility(Fraction(20), alpha).marginal(4095)
    assert -1e35 < float(worst) < -1e33
