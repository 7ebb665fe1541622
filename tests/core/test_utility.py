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
from slta.core.utility import AlphaFairUtility, PoolClass, TableUtility, Utility, first_convex_point
from tests.core.curves import alpha_fair, capped, linear, log_share, quadratic, table, weighted
from tests.core.strategies import exact_utilities, irrational_utilities, utilities


def marginals(utility: Utility, count: int) -> list[float]:
    return [float(utility.marginal(x)) for x in range(count)]


# --- Each family, with its arithmetic


def test_log_share_falls_beyond_r_over_e_and_that_is_not_full() -> None:
    # r = 20: r/e = 7.36. u(7) = 7 log(20/7) = 7.349, u(8) = 8 log(20/8) = 7.330: the eighth costs 0.018.
    utility = log_share(20)
    assert utility.value(8) - utility.value(7) == pytest.approx(-0.0184, abs=5e-5)
    assert PoolClass("beyond its peak", utility, 60).capacity == 60


def test_alpha_fair_with_alpha_three_is_minus_x_cubed_over_two_r_squared() -> None:
    # g(y) = y^−2/(−2), so x g(r/x) = −x³/(2r²). r = 5: u(1) = −1/50, u(2) = −8/50, so Δ(1) = −7/50.
    assert alpha_fair(5, 3).marginal(1) == Rational(Fraction(-7, 50))


def test_alpha_fair_with_alpha_zero_is_worth_the_whole_resource_once_anyone_is_there() -> None:
    # g(y) = y, so x g(r/x) = r for every x ≥ 1, and u(0) = 0.
    assert marginals(alpha_fair(7, 0), 3) == [7, 0, 0]


def test_alpha_fair_with_alpha_one_is_log_share() -> None:
    assert alpha_fair(20, 1).marginal(3) == log_share(20).marginal(3)


def test_capped_linear_gives_the_last_session_what_is_left_below_a_cap_between_integers() -> None:
    # u(x) = 2 min(x, 2.5): 2, 4, 5, 5.
    assert marginals(capped(2, "2.5"), 4) == [2, 2, 1, 0]


def test_weighted_least_connections_compares_sessions_over_weight() -> None:
    # u(x) = −x(x+1)/(2w) has Δ(x) = −(x+1)/w. w = 3 with 5 sessions equals w = 1 with 1: −6/3 = −2/1.
    heavy, light = weighted(3), weighted(1)
    assert heavy.marginal(5) == light.marginal(1) == Rational(Fraction(-2))


def test_table_states_the_utility_of_every_number_of_sessions() -> None:
    assert marginals(table(0, 3, "4.5", "4.5"), 3) == [3, 1.5, 0]


CLOSED_FORMS = [
    (log_share(20), lambda x: x * math.log(20 / x)),
    (alpha_fair(20, "5/2"), lambda x: x * (20 / x) ** -1.5 / -1.5),
    (alpha_fair(20, "1/3"), lambda x: x * (20 / x) ** (2 / 3) / (2 / 3)),
    (alpha_fair(20, 4), lambda x: x * (20 / x) ** -3 / -3),
    (linear("3/7"), lambda x: 3 * x / 7),
    (quadratic(2, "-1/20"), lambda x: 2 * x - x * x / 20),
    (capped("3/2", 20), lambda x: 1.5 * min(x, 20)),
    (weighted(8), lambda x: -x * (x + 1) / 16),
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
    root = alpha_fair(20, "1/2").marginal(x)
    assert float(root) == pytest.approx(float(exact_root), rel=1e-14)


# --- Concavity and what is refused


def test_a_slope_of_one_tenth_is_concave_although_its_floating_sums_are_not() -> None:
    # 0.1 + 0.1 + 0.1 = 0.30000000000000004 > 3 · 0.1 in floats; here every marginal is exactly 1/10.
    assert first_convex_point(linear("0.1"), 4096) is None


@given(utility=exact_utilities | irrational_utilities, capacity=st.integers(1, 6))
def test_marginals_never_rise_along_an_accepted_curve(utility: Utility, capacity: int) -> None:
    # Every curve drawn here is concave, and so accepted.
    accepted = PoolClass("class", utility, capacity).utility
    assert 1 not in [compare(accepted.marginal(x), accepted.marginal(x - 1)) for x in range(1, capacity)]


@pytest.mark.parametrize(
    ("utility", "x"),
    [
        (quadratic(1, "1/100"), 1),  # Δ: 1.01, 1.03
        (table(0, 3, 4, 6, 6), 2),  # Δ: 3, 1, 2
        (table(0, 1, 2, "3.0000000000000001"), 2),  # Δ: 1, 1, a little more than 1
        (capped(-1, 2), 2),  # Δ: −1, −1, 0
    ],
)
def test_a_curve_that_is_not_concave_is_refused_with_the_first_x_that_bends(utility: Utility, x: int) -> None:
    with pytest.raises(ValueError, match=f"class wrong: .* not concave: its marginal utility rises at x = {x}$"):
        PoolClass("wrong", utility, 3 if isinstance(utility, TableUtility) else 10)


def test_a_bend_beyond_the_capacity_does_not_matter() -> None:
    # Δ: 3, 1, 2. With two sessions at most, Δ(2) is never met.
    utility = table(0, 3, 4, 6)
    assert PoolClass("class", utility, 2).capacity == 2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: log_share(0), "resource must be positive"),
        (lambda: alpha_fair(-1, 2), "resource must be positive"),
        (lambda: alpha_fair(1, "-1/2"), "alpha must be from 0"),
        (lambda: alpha_fair(1, 17), "alpha must be from 0 to 16"),
        (lambda: capped(1, -1), "cap must not be negative"),
        (lambda: weighted(0), "weight must be positive"),
        (lambda: table(0), "values must have"),
        (lambda: table(1, 2), "values must begin with u"),
        (lambda: PoolClass("small", linear(1), 0), "class small: capacity must be at least 1"),
        (lambda: PoolClass("small", table(0, 1), 2), r"values end at u\(1\)"),
        (lambda: PoolClass("huge", linear(10**400), 1), "class huge: .* too large"),
        (lambda: PoolClass("huge", linear(10**308), 10), "class huge: .* too large"),
        (lambda: PoolClass("huge", alpha_fair(Fraction(1, 10**21), "31/2"), 4096), "too large"),
    ],
)
def test_a_bad_parameter_is_refused_with_the_reason(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("alpha", [Fraction(MAX_ALPHA), Fraction(31, 2)])
def test_the_largest_alpha_is_still_computed_at_the_largest_capacity(alpha: Fraction) -> None:
    # Δ(x) is near −(16/15) (x/r)^15: 4096/20 = 204.8, and its 15th power is near 5e34.
    assert -1e35 < float(AlphaFairUtility(Fraction(20), alpha).marginal(4095)) < -1e33
