"""Marginal utilities that compare exactly (paper section 2.3).

A marginal utility Δ(x) = u(x+1) − u(x) is a rational, or the logarithm of a rational. Rounding would otherwise turn
`0.1 x` into a curve that is not concave, and lose the true ties between classes on which the order of section 2.3
depends. Irrational powers compare to 1e-12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

TOLERANCE = 1e-12
"""Floats closer than this do not decide an order: the exact forms do, where they exist."""


@dataclass(frozen=True, slots=True)
class Rational:
    """A marginal utility that is a rational number."""

    value: Fraction

    def __float__(self) -> float:
        return float(self.value)

    def decimal(self, digits: int) -> Decimal:
        """To so many digits."""
        with localcontext(prec=digits):
            return Decimal(self.value.numerator) / self.value.denominator


@dataclass(frozen=True, slots=True)
class LogShare:
    """The marginal utility log(r · x^x / (x+1)^(x+1)) of `x log(r/x)`."""

    resource: Fraction
    sessions: int

    def __float__(self) -> float:
        # log(r/(x+1)) − x log(1 + 1/x): no cancellation of large terms.
        tail = self.sessions * math.log1p(1 / self.sessions) if self.sessions else 0.0
        return math.log(self.resource / (self.sessions + 1)) - tail

    def decimal(self, digits: int) -> Decimal:
        """Computed with so many digits; those that log r and (x+1) log(x+1) have before the point are lost."""
        x = self.sessions
        with localcontext(prec=digits):
            return _log(self.resource, digits) + x * _log(x or 1, digits) - (x + 1) * _log(x + 1, digits)

    def ratio(self) -> tuple[int, int]:
        """Numerator and denominator of e^Δ, not reduced."""
        x = self.sessions
        return self.resource.numerator * x**x, self.resource.denominator * (x + 1) ** (x + 1)


@dataclass(frozen=True, slots=True)
class Irrational:
    """A marginal utility that is compared as a float."""

    value: float

    def __float__(self) -> float:
        return self.value

    def decimal(self, digits: int) -> Decimal:
        """The float to so many digits."""
        with localcontext(prec=digits):
            return +Decimal(self.value)


@dataclass(frozen=True, slots=True)
class PowerShare(Irrational):
    """The marginal utility r^(1−α) [(x+1)^α − x^α] / (1−α) of an irrational power; `value` is it as a float."""

    resource: Fraction
    alpha: Fraction
    sessions: int

    def decimal(self, digits: int) -> Decimal:
        """Computed with so many digits; those that the difference of the powers loses are lost."""
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
    """−1, 0 or 1 as `left` is smaller than, equal to or larger than `right`; exact but for `Irrational`.

    The first session on a pool of resource 5 and the second on one of 20 add the same, log 5 = log(100/20):

    >>> compare(LogShare(Fraction(5), sessions=0), LogShare(Fraction(20), sessions=1))
    0
    """
    if left == right:
        return 0
    a, b = float(left), float(right)
    if isinstance(left, Irrational) or isinstance(right, Irrational):
        return _sign(a - b) if abs(a - b) > TOLERANCE * max(abs(a), abs(b)) else 0
    # Near 0 a logarithm's float is wrong by 1e-16 absolutely, which no relative tolerance would forgive.
    if abs(a - b) > TOLERANCE * max(abs(a), abs(b), 1.0):
        return _sign(a - b)
    return _compare_exactly(left, right)


def _compare_exactly(left: Rational | LogShare, right: Rational | LogShare) -> int:
    if isinstance(left, Rational):
        return _sign(left.value - right.value) if isinstance(right, Rational) else -_compare_log(right, left)
    return _compare_logs(left, right) if isinstance(right, LogShare) else _compare_log(left, right)


def _sign(value: float | Fraction | Decimal) -> int:
    return (value > 0) - (value < 0)


def _compare_logs(left: LogShare, right: LogShare) -> int:
    (a, b), (c, d) = left.ratio(), right.ratio()
    return _sign(Fraction(a * d - c * b))


def _compare_log(left: LogShare, right: Rational) -> int:
    """Compare log(a/b) with p/q: equal only when both are 0, for e^(p/q) is irrational unless p = 0."""
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
