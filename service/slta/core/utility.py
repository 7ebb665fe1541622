"""Utility functions u_i(x), and pool classes (paper section 2.1)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction

from slta.core.limits import MAX_ALPHA
from slta.core.marginals import LogShare, Marginal, PowerShare, Rational, compare


class Utility(ABC):
    """Concave function u of a pool's number of sessions x, with u(0) = 0."""

    @abstractmethod
    def marginal(self, sessions: int) -> Marginal:
        """Δ(x) = u(x+1) − u(x) for x = `sessions` ≥ 0, in utility per session."""

    def value(self, sessions: int) -> float:
        """u(x), the sum of the marginals below x."""
        return math.fsum(float(self.marginal(x)) for x in range(sessions))


@dataclass(frozen=True, slots=True)
class LogShareUtility(Utility):
    """`x log(r/x)`: each of x sessions gets r/x of the resource and values its logarithm (section 2.3.1).

    Its maximum is near r/e; beyond it the marginal utility is negative.

    >>> curve = LogShareUtility(Fraction(20))
    >>> [round(curve.value(x), 3) for x in (1, 7, 8)]
    [2.996, 7.349, 7.33]
    """

    resource: Fraction

    def __post_init__(self) -> None:
        _require(self.resource > 0, "resource must be positive")

    def marginal(self, sessions: int) -> Marginal:
        """log(r · x^x / (x+1)^(x+1))."""
        return LogShare(self.resource, sessions)


@dataclass(frozen=True, slots=True)
class AlphaFairUtility(Utility):
    """`x g(r/x)`, g(y) = y^(1−α)/(1−α), or log y at α = 1 (Mo and Walrand 2000; x g(r/x): section 2.3.1)."""

    resource: Fraction
    alpha: Fraction

    def __post_init__(self) -> None:
        _require(self.resource > 0, "resource must be positive")
        _require(0 <= self.alpha <= MAX_ALPHA, f"alpha must be from 0 to {MAX_ALPHA}")

    def marginal(self, sessions: int) -> Marginal:
        """r^(1−α) [(x+1)^α − x^α] / (1−α), where 0^α counts as 0 since u(0) = 0."""
        if self.alpha == 1:
            return LogShare(self.resource, sessions)
        if self.alpha.denominator == 1:
            return Rational(self._exact(sessions + 1) - self._exact(sessions))
        return PowerShare(self._difference(sessions), self.resource, self.alpha, sessions)

    def _exact(self, sessions: int) -> Fraction:
        power = int(self.alpha)
        occupied = Fraction(sessions) ** power if sessions else Fraction(0)
        return self.resource ** (1 - power) * occupied / (1 - power)

    def _difference(self, sessions: int) -> float:
        alpha = float(self.alpha)
        scale = math.pow(self.resource, 1 - alpha) / (1 - alpha)
        if sessions == 0:
            return scale
        return scale * math.pow(sessions, alpha) * math.expm1(alpha * math.log1p(1 / sessions))


@dataclass(frozen=True, slots=True)
class LinearUtility(Utility):
    """`a x`: sessions do not interfere."""

    slope: Fraction

    def marginal(self, sessions: int) -> Marginal:  # noqa: ARG002 - the same for every x
        """The slope a."""
        return Rational(self.slope)


@dataclass(frozen=True, slots=True)
class QuadraticUtility(Utility):
    """`b x + c x²` with c ≤ 0 (figure 3, right: b = 2, c = −1/20)."""

    linear: Fraction
    quadratic: Fraction

    def marginal(self, sessions: int) -> Marginal:
        """b + c (2x + 1)."""
        return Rational(self.linear + self.quadratic * (2 * sessions + 1))


@dataclass(frozen=True, slots=True)
class CappedLinearUtility(Utility):
    """`a min(x, cap)`: saturates at the cap (figure 3, right: a = 3/2, cap = 20)."""

    slope: Fraction
    cap: Fraction

    def __post_init__(self) -> None:
        _require(self.cap >= 0, "cap must not be negative")

    def marginal(self, sessions: int) -> Marginal:
        """a while x + 1 ≤ cap, then the remainder, then 0."""
        return Rational(self.slope * (min(Fraction(sessions + 1), self.cap) - min(Fraction(sessions), self.cap)))


@dataclass(frozen=True, slots=True)
class WeightedLeastConnectionsUtility(Utility):
    """`−x (x+1) / (2w)`: makes JLMU weighted least connections with weight w."""

    weight: Fraction

    def __post_init__(self) -> None:
        _require(self.weight > 0, "weight must be positive")

    def marginal(self, sessions: int) -> Marginal:
        """−(x+1)/w."""
        return Rational(Fraction(-(sessions + 1)) / self.weight)


@dataclass(frozen=True, slots=True)
class TableUtility(Utility):
    """u(0), u(1), …, u(capacity) as given."""

    values: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        _require(len(self.values) > 1, "values must have at least u(0) and u(1)")
        _require(
            self.values[0] == 0, "values must begin with u(0) = 0: give the utility that sessions add to an empty pool"
        )

    def marginal(self, sessions: int) -> Marginal:
        """values[x+1] − values[x]; x below the last index."""
        last = len(self.values) - 1
        _require(sessions < last, f"values end at u({last}): give them up to the capacity")
        return Rational(self.values[sessions + 1] - self.values[sessions])


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - an assertion, not a switch
    if not condition:
        raise ValueError(message)


def first_convex_point(utility: Utility, capacity: int) -> int | None:
    """The first x in 1 … capacity − 1 with Δ(x) > Δ(x−1), or None if the curve is concave up to `capacity`.

    >>> first_convex_point(TableUtility(tuple(map(Fraction, (0, 3, 4, 6)))), capacity=3)  # Δ: 3, 1, 2
    2
    """
    previous = utility.marginal(0)
    for x in range(1, capacity):
        present = utility.marginal(x)
        if compare(present, previous) > 0:
            return x
        previous = present
    return None


def _is_finite(utility: Utility, capacity: int) -> bool:
    try:
        return math.isfinite(utility.value(capacity))
    except OverflowError:
        return False


@dataclass(frozen=True, slots=True)
class PoolClass:
    """Class i of server pools: the utility and the capacity of one pool."""

    name: str
    utility: Utility
    capacity: int

    def __post_init__(self) -> None:
        _require(self.capacity >= 1, f"class {self.name}: capacity must be at least 1")
        _require(_is_finite(self.utility, self.capacity), f"class {self.name}: the utility is too large for a float")
        x = first_convex_point(self.utility, self.capacity)
        _require(x is None, f"class {self.name}: the utility is not concave: its marginal utility rises at x = {x}")
