"""Marginal utilities compare exactly (paper section 2.3)."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.marginals import Irrational, LogShare, Marginal, Rational, compare
from slta.core.utility import LogShareUtility
from tests.core.curves import alpha_fair, log_share
from tests.core.strategies import exact_utilities, resources, utilities

ZERO = Rational(Fraction(0))


def exact_value(marginal: Marginal) -> Decimal:
    """To 60 digits, by another way than the code's."""
    with localcontext() as context:
        context.prec = 70
        if isinstance(marginal, Rational):
            return Decimal(marginal.value.numerator) / Decimal(marginal.value.denominator)
        assert isinstance(marginal, LogShare)
        x = marginal.sessions
        occupied = x * Decimal(x).ln() if x else Decimal(0)
        r = Decimal(marginal.resource.numerator) / Decimal(marginal.resource.denominator)
        return r.ln() + occupied - (x + 1) * Decimal(x + 1).ln()


exact_marginals = st.builds(lambda utility, x: utility.marginal(x), exact_utilities, st.integers(0, 5))
all_marginals = st.builds(lambda utility, x: utility.marginal(x), utilities, st.integers(0, 5))


@given(left=exact_marginals, right=exact_marginals)
def test_marginals_compare_as_they_do_with_sixty_digits(left: Marginal, right: Marginal) -> None:
    difference = exact_value(left) - exact_value(right)
    expected = 0 if abs(difference) < Decimal("1e-60") else (difference > 0) - (difference < 0)
    assert compare(left, right) == expected


@given(left=all_marginals, right=all_marginals)
def test_comparison_does_not_depend_on_the_side(left: Marginal, right: Marginal) -> None:
    assert compare(left, right) == -compare(right, left)


def test_five_and_twenty_tie_at_the_logarithm_of_five() -> None:
    # r = 5, x = 0: log 5. r = 20, x = 1: u(2) − u(1) = 2 log 10 − log 20 = log(100/20) = log 5.
    five, twenty = log_share(5).marginal(0), log_share(20).marginal(1)
    assert compare(five, twenty) == 0


@pytest.mark.parametrize("x", range(12))
def test_a_logarithm_that_is_zero_ties_with_every_other_zero(x: int) -> None:
    # r = (x+1)^(x+1)/x^x makes Δ(x) = log 1 = 0; for x = 5, r = 14.92992, its float is −1.1e−16.
    zero = LogShareUtility(Fraction((x + 1) ** (x + 1), x**x)).marginal(x)
    assert compare(zero, log_share(4).marginal(1)) == 0
    assert compare(zero, ZERO) == compare(ZERO, zero) == 0


@given(x=st.integers(1, 60), y=st.integers(1, 60), e=st.sampled_from(["1.000001", "0.9999999", "3"]))
def test_logarithms_near_zero_tie_only_when_they_are_equal(x: int, y: int, e: str) -> None:
    # Both are log e exactly. A resource larger by 1e−15 of itself makes Δ larger by 1e−15.
    left, right = (LogShare(Fraction(e) * Fraction((z + 1) ** (z + 1), z**z), z) for z in (x, y))
    larger = LogShare(right.resource * (1 + Fraction(1, 10**15)), y)
    assert compare(left, right) == 0
    assert compare(left, larger) == -1


@pytest.mark.parametrize("digits", [10, 20, 60])
def test_a_logarithm_is_told_from_a_rational_that_agrees_in_many_digits(digits: int) -> None:
    # log 5 = 1.6094379124341003746…: cut after a digit it is smaller, with one unit more there larger.
    with localcontext() as context:
        context.prec = 100
        cut = Fraction(Decimal(5).ln()).limit_denominator(10**90)
    below = Fraction(math.floor(cut * 10**digits), 10**digits)
    above = below + Fraction(1, 10**digits)
    five = log_share(5).marginal(0)
    assert compare(five, Rational(below)) == 1
    assert compare(Rational(above), five) == 1


@given(resource=resources.filter(lambda r: r != 1), p=st.integers(-50, 50), q=st.integers(1, 50))
def test_a_logarithm_other_than_zero_never_ties_with_a_rational(resource: Fraction, p: int, q: int) -> None:
    # e^(p/q) is irrational for p ≠ 0, and r itself is rational.
    assert compare(LogShare(resource, 0), Rational(Fraction(p, q))) != 0


def test_irrational_powers_tie_when_they_agree_to_twelve_digits() -> None:
    # 2 √(r x) with r = 1 and r = 4: Δ(0) of the second is 2 √4 = 4, twice that of the first.
    one, four = (alpha_fair(r, "1/2").marginal(0) for r in (1, 4))
    assert compare(one, Rational(Fraction(2))) == 0
    assert compare(four, Rational(Fraction(2))) == 1
    assert compare(Irrational(2 + 1e-13), Irrational(2.0)) == 0
    assert compare(Irrational(2 + 1e-11), Irrational(2.0)) == 1


def test_irrational_powers_of_small_size_are_not_all_equal() -> None:
    # The twelve digits are relative: 3e−20 is larger than 2e−20.
    assert compare(Irrational(3e-20), Irrational(2e-20)) == 1
