"""Fleets of the studies."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from slta.core.integers import IntegerUtilities, integer_utilities
from slta.core.optimum import Optimum, optimal_assignment, optimum, utility_bound
from slta.core.orders import Order
from slta.core.ranking import Ranking, rank_coordinates
from slta.core.utility import (
    CappedLinearUtility,
    LinearUtility,
    LogShareUtility,
    PoolClass,
    QuadraticUtility,
    WeightedLeastConnectionsUtility,
)


@dataclass(frozen=True)
class FleetShape:
    """Classes of pools and their shares: `shares[i]` pools of class i in every sum(shares)."""

    name: str
    classes: tuple[PoolClass, ...]
    shares: tuple[int, ...]

    @cached_property
    def ranking(self) -> Ranking:
        """Order ▷ of the classes' coordinates."""
        return rank_coordinates(self.classes)

    @cached_property
    def integers(self) -> IntegerUtilities:
        """Marginal utilities as integers, as the store sums them."""
        return integer_utilities(self.ranking)

    @property
    def capacities(self) -> tuple[int, ...]:
        """Maximum sessions of a pool, by class."""
        return tuple(c.capacity for c in self.classes)

    @property
    def fractions(self) -> tuple[Fraction, ...]:
        """α(i)."""
        return tuple(Fraction(share, sum(self.shares)) for share in self.shares)

    def pools(self, n: int) -> tuple[int, ...]:
        """A(i) of n pools; n must be a multiple of the sum of the shares."""
        if n <= 0 or n % sum(self.shares):
            raise ValueError(
                f"{n} pools cannot be divided in the ratio {self.shares}; use a multiple of {sum(self.shares)}"
            )
        return tuple(n // sum(self.shares) * share for share in self.shares)

    def bound(self, offered_load: float) -> float:
        """u*(ρ), in utility per pool."""
        return utility_bound(self.ranking, [float(f) for f in self.fractions], offered_load)

    def optimum(self, n: int, sessions: float) -> Optimum:
        """σ*, q* and U*(N, A) for n pools."""
        best = optimum(self.ranking, self.pools(n), sessions)
        assert best is not None  # noqa: S101 - every shape has classes and every class pools
        return best

    def mean_occupancies(self, offered_load: float) -> list[float]:
        """Sessions per pool of each class in the optimal assignment at ρ."""
        fractions = [float(f) for f in self.fractions]
        best = optimum(self.ranking, fractions, offered_load)
        assert best is not None  # noqa: S101 - every shape has classes and every class pools
        columns = optimal_assignment(self.ranking, fractions, best)
        return [sum(column[1:]) / column[0] for column in columns]

    def arranged(self, order: Order) -> Ranking:
        """Coordinates in an order of the fleet file."""
        return order.arrange(self.classes, self.ranking)

    def weighted(self, weights: tuple[float, ...]) -> Ranking:
        """Order of weighted least connections, one weight per class; equal weights: least connections."""
        curves = (WeightedLeastConnectionsUtility(Fraction(w)) for w in weights)
        return rank_coordinates([PoolClass(c.name, u, c.capacity) for c, u in zip(self.classes, curves, strict=True)])


def log_share(name: str, resources: tuple[int, ...], shares: tuple[int, ...], capacity: int) -> FleetShape:
    """Classes with `x log(r/x)`."""
    classes = tuple(PoolClass(f"r{r}", LogShareUtility(Fraction(r)), capacity) for r in resources)
    return FleetShape(name, classes, shares)


TABLE_1 = log_share("table 1", (20, 30), (1, 1), 96)
"""Two classes of equal size, r = (20, 30). Capacity 96 is never reached at the loads studied."""

FIGURE_3_LEFT = log_share("figure 3, left", (5, 10, 15), (2, 1, 1), 64)

FIGURE_3_RIGHT = FleetShape(
    "figure 3, right",
    (
        PoolClass("linear", LinearUtility(Fraction(1)), 96),
        PoolClass("quadratic", QuadraticUtility(Fraction(2), Fraction(-1, 20)), 96),
        PoolClass("capped", CappedLinearUtility(Fraction(3, 2), Fraction(20)), 96),
    ),
    (2, 1, 1),
)

STRONG = log_share("strongly heterogeneous", (5, 80), (1, 1), 192)

SIX_CAPPED = FleetShape(
    "six capped classes",
    tuple(
        PoolClass(f"to {cap}", CappedLinearUtility(Fraction(slope), Fraction(cap)), 96)
        for slope, cap in (("1", 5), ("1.5", 4), ("2", 3), ("1.2", 8), ("0.8", 12), ("0.5", 20))
    ),
    (1,) * 6,
)

SIX_QUADRATIC = FleetShape(
    "six quadratic classes",
    tuple(
        PoolClass(f"{b} x {c} x²", QuadraticUtility(Fraction(b), Fraction(c)), 96)
        for b, c in (("3", "-0.2"), ("2.5", "-0.1"), ("2", "-0.05"), ("1.5", "-0.03"), ("1.2", "-0.04"), ("1", "-0.01"))
    ),
    (1,) * 6,
)
