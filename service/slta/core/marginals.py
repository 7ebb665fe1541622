"""Marginal utilities with exact comparison (paper section 2.3).

A marginal utility Δ(x) = u(x+1) − u(x) is a rational, or the logarithm of a rational. Rounding would make `0.1 x` not
concave, and lose ties between classes, on which the order of section 2.3 depends. Irrational powers compare to 1e-12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

TOLERANCE = 1e-12
"""Relative difference below which floats are compared by their exact form, if any."""


@dataclass(frozen=True, slots=True)
class Rational:
    """Rational marginal utility."""

    value: Fraction

    def __float__(self) -> float:
        return float(self.value)

    def decimal(self, digits: int) -> Decimal:
        """The value to `digits` digits."""
        with localcontext(prec=digits):
            return Decimal(self.value.numerator) / self.value.denominator


@dataclass(frozen=True, slots=True)
class LogShare:
    """Marginal utility log(r · x^x / (x+1)^(x+1)) of `x log(r/x)`."""

    resource: Fraction
    sessions: int

    def __float__(self) -> float:
        # log(r/(x+1)) − x log(1 + 1/x): no cancellation of large terms.
        tail = self.sessions * math.log1p(1 / self.sessions) if self.sessions else 0.0
        numerator, denominator = self.resource.as_integer_ratio()  # a Fraction takes four times as long to divide
        return math.log(numerator / (denominator * (self.sessions + 1))) - tail

    def decimal(self, digits: int) -> Decimal:
        """Computed with `digits` digits, minus the integer digits of log r and (x+1) log(x+1)."""
        x = self.sessions
        with localcontext(prec=digits):
            return _log(self.resource, digits) + x * _log(x or 1, digits) - (x + 1) * _log(x + 1, digits)

    def ratio(self) -> tuple[int, int]:
        """Numerator and denominator of e^Δ, not reduced."""
        x = self.sessions
        return self.resource.numerator * x**x, self.resource.denominator * (x + 1) ** (x + 1)


@dataclass(frozen=True, slots=True)
class Irrational:
    """Marginal utility compared as a float."""

    value: float

    def __float__(self) -> float:
        return self.value

    def decimal(self, digits: int) -> Decimal:
        """The float to `digits` digits."""
        with localcontext(prec=digits):
            return +Decimal(self.value)


@dataclass(frozen=True, slots=True)
class PowerShare(Irrational):
    """Marginal utility r^(1−α) [(x+1)^α − x^α] / (1−α) of an irrational power; `value` is its float."""

    resource: Fraction
    alpha: Fraction
    sessions: int

    def decimal(self, digits: int) -> Decimal:
        """Computed with `digits` digits, minus the cancellation in the difference of powers."""
        x, alpha = self.sessions, self.alpha
        with localcontext(prec=digits):
            grown = _power(x + 1, alpha, digits) - (_power(x, alpha, digits) if x else 0)
            return _power(self.resource, 1 - alpha, digits) * grown / _power(1 - alpha, 1, digits)


@lru_cache(maxsize=8192)
def _log(value: Fraction | int, digits: int) -> Decimal:
    with localcontext(prec=digits):
        return (Decimal(value.numerator) / value.denominator).ln()


@lru_cache(maxsize=8192)
def _power(base: Fraction | int, exponent: Fraction | int, digits: int) -> Decimal:
    with localcontext(prec=digits) as context:
        raised = Decimal(exponent.numerator) / exponent.denominator
        return context.power(Decimal(base.numerator) / base.denominator, raised)


Marginal = Rational | LogShare | Irrational


def compare(left: Marginal, right: Marginal) -> int:
    """−1, 0 or 1 for `left` <, = or > `right`; exact except for `Irrational`.

    The first session on a pool of resource 5 and the second on one of 20 have equal marginals, log 5 = log(100/20):

    >>> compare(LogShare(Fraction(5), sessions=0), LogShare(Fraction(20), sessions=1))
    0
    """
    if left == right:
        return 0
    a, b = float(left), float(right)
    if isinstance(left, Irrational) or isinstance(right, Irrational):
        return _sign(a - b) if abs(a - b) > TOLERANCE * max(abs(a), abs(b)) else 0
    # Near 0 a logarithm's float has an absolute error of 1e-16, beyond any relative tolerance.
    if abs(a - b) > TOLERANCE * max(abs(a), abs(b), 1.0):
        return _sign(a - b)
    return _compare_exactly(left, right)


def _compare_exactly(left: Rational | LogShare, right: Rational | LogShare) -> int:
    if isinstance(left, Rational):
        return _sign(left.value - right.value) if isinstance(right, Rational) else -_compare_log(right, left)
    if isinstance(right, Rational):
        return _compare_log(left, right)
    (a, b), (c, d) = left.ratio(), right.ratio()
    return _sign(Fraction(a * d - c * b))


def _sign(value: float | Fraction | Decimal) -> int:
    return (value > 0) - (value < 0)


def _compare_log(left: LogShare, right: Rational) -> int:
    """Compare log(a/b) with p/q: equal only if both are 0, as e^(p/q) is irrational unless p = 0."""
    a, b = left.ratio()
    if right.value == 0:
        return _sign(Fraction(a - b))
    with localcontext() as context:
        context.prec = 50
        while True:
            logarithm = Decimal(a).ln() - Decimal(b).ln()
            difference = logarithm - right.decimal(context.prec)
            if abs(difference) > Decimal(10) ** (10 - context.prec):
                return _sign(difference)
            context.prec *= 2
