"""Marginal utilities as integers, so that the store's sums of them are exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from service.core.limits import MAX_POOLS
from service.core.ranking import Coordinate, Ranking, shared_coordinate

LARGEST_TOTAL = 2**53
"""Integers below this are exact as doubles, the only numbers that Lua has."""

LARGEST_EXPONENT = 300
"""10^300 is still a double: utilities below 1e-290 lose digits."""


@dataclass(frozen=True)
class IntegerUtilities:
    """Marginal utilities as integers: round(Δ · 10^exponent), so that sums are exact everywhere.

    `order` sorts them from the largest: greedy filling along it maximises the integer utility exactly, whatever
    order dispatches.
    """

    exponent: int
    marginals: tuple[tuple[int, ...], ...]
    order: tuple[Coordinate, ...]

    def to_utility(self, total: float) -> float:
        """A total in units of the fleet file."""
        return total / 10.0**self.exponent

    def ranking(self) -> Ranking:
        """The same as a `Ranking` in units of the fleet file, to evaluate bounds with."""
        return Ranking(self.order, tuple(tuple(map(self.to_utility, column)) for column in self.marginals))


def integer_utilities(ranking: Ranking) -> IntegerUtilities:
    """Integers in the largest power of ten for which MAX_POOLS pools stay below `LARGEST_TOTAL`."""
    largest = _largest(ranking.marginals) or 1.0
    exponent = math.ceil(math.log10(LARGEST_TOTAL / MAX_POOLS) - math.log10(largest))
    exponent = min(exponent, LARGEST_EXPONENT)
    while MAX_POOLS * _largest(marginals := _rounded(ranking, exponent)) >= LARGEST_TOTAL:
        exponent -= 1
    coordinates = (shared_coordinate(i, x + 1) for i, column in enumerate(marginals) for x in range(len(column)))
    order = sorted(coordinates, key=lambda c: (-marginals[c.pool_class][c.level - 1], c))
    return IntegerUtilities(exponent, marginals, tuple(order))


def _rounded(ranking: Ranking, exponent: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(round(m * 10.0**exponent) for m in column) for column in ranking.marginals)


def _largest(marginals: Sequence[Sequence[float]]) -> float:
    """The largest |Δ| or |u| of one pool."""
    return max((abs(u) for column in marginals for u in (*column, *accumulate(column))), default=0)
