"""Integer marginal utilities, for exact sums in the store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from slta.core.limits import MAX_POOLS
from slta.core.ranking import Coordinate, Ranking, shared_coordinate

MAX_TOTAL = 2**53
"""Integers below this are exact as doubles, Lua's only number type."""

MAX_EXPONENT = 300
"""10^300 is a finite double: utilities below 1e-290 lose digits."""


@dataclass(frozen=True)
class IntegerUtilities:
    """Marginal utilities as integers round(Δ · 10^exponent), whose sums are exact.

    `order` sorts them from the largest: filling in this order maximises the integer utility exactly.
    """

    exponent: int
    marginals: tuple[tuple[int, ...], ...]
    order: tuple[Coordinate, ...]

    def to_utility(self, total: float) -> float:
        """Convert a total to the unit of the fleet file."""
        return total / 10.0**self.exponent

    @cached_property
    def totals(self) -> Ranking:
        """The integers as a `Ranking`, for exact sums."""
        return Ranking(self.order, self.marginals)

    def ranking(self) -> Ranking:
        """The integers as a `Ranking` in the unit of the fleet file, for bounds."""
        return Ranking(self.order, tuple(tuple(map(self.to_utility, column)) for column in self.marginals))


def integer_utilities(ranking: Ranking) -> IntegerUtilities:
    """Scale by the largest power of ten at which MAX_POOLS pools stay below `MAX_TOTAL`."""
    largest = _largest(ranking.marginals) or 1.0
    exponent = math.ceil(math.log10(MAX_TOTAL / MAX_POOLS) - math.log10(largest))
    exponent = min(exponent, MAX_EXPONENT)
    while MAX_POOLS * _largest(marginals := _rounded(ranking, exponent)) >= MAX_TOTAL:
        exponent -= 1
    coordinates = (shared_coordinate(i, x + 1) for i, column in enumerate(marginals) for x in range(len(column)))
    order = sorted(coordinates, key=lambda c: (-marginals[c.pool_class][c.level - 1], c))
    return IntegerUtilities(exponent, marginals, tuple(order))


def _rounded(ranking: Ranking, exponent: int) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(round(m * 10.0**exponent) for m in column) for column in ranking.marginals)


def _largest(marginals: Sequence[Sequence[float]]) -> float:
    """Largest |Δ| or |u| of one pool."""
    return max((abs(u) for column in marginals for u in (*column, *accumulate(column))), default=0)
