"""Ranking of coordinates by the order ▷, and thresholds (paper sections 2.3 and 3.2)."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key, lru_cache
from itertools import groupby
from typing import NamedTuple

from slta.core.limits import MAX_LEVELS
from slta.core.marginals import Marginal, compare
from slta.core.utility import PoolClass


class Coordinate(NamedTuple):
    """(i, j): a pool of class i with j − 1 sessions. Classes are numbered from 0, levels from 1."""

    pool_class: int
    level: int


_sort_key = cmp_to_key(compare)
"""Key of a marginal utility for sorting and grouping."""
shared_coordinate = lru_cache(maxsize=MAX_LEVELS)(Coordinate)
"""Interned coordinate, shared by all rankings: a thousand fleets would have a hundred thousand."""


@dataclass(frozen=True)
class Ranking:
    """Enumeration of coordinates (i_1, j_1), (i_2, j_2), … from the best, rank 1.

    `order[k-1]` has rank k; `marginals[i][x]` is Δ(i, x) for x below the class's capacity.
    Within a class ranks rise with the level. Excluded classes have no ranks.

    >>> order = (Coordinate(0, 1), Coordinate(1, 1), Coordinate(0, 2))
    >>> ranking = Ranking(order, marginals=((4.0, 2.0), (3.0,)))
    >>> ranking.rank(Coordinate(0, 2)), ranking.thresholds(3)
    (3, (1, 1))
    """

    order: tuple[Coordinate, ...]
    marginals: tuple[tuple[float, ...], ...]
    ranks: tuple[tuple[int, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ranks: list[list[int]] = [[] for _ in self.marginals]
        for rank, (pool_class, _) in enumerate(self.order, start=1):
            ranks[pool_class].append(rank)
        object.__setattr__(self, "ranks", tuple(map(tuple, ranks)))

    def __len__(self) -> int:
        return len(self.order)

    @property
    def class_count(self) -> int:
        """m, including excluded classes."""
        return len(self.marginals)

    def coordinate(self, rank: int) -> Coordinate:
        """(i_r, j_r) for `rank` from 1 to `len(self)`."""
        return self.order[rank - 1]

    def rank(self, coordinate: Coordinate) -> int:
        """Rank of a coordinate whose class is not excluded."""
        return self.ranks[coordinate.pool_class][coordinate.level - 1]

    def marginal_at(self, rank: int) -> float:
        """Δ(i_r, j_r − 1)."""
        pool_class, level = self.coordinate(rank)
        return self.marginals[pool_class][level - 1]

    def threshold(self, pool_class: int, rank: int) -> int:
        """ℓ_i(r): the highest level of class i that ranks strictly better than r, else 0."""
        return bisect_left(self.ranks[pool_class], rank)

    def thresholds(self, rank: int) -> tuple[int, ...]:
        """ℓ_i(r) of every class (section 3.2)."""
        return tuple(self.threshold(i, rank) for i in range(self.class_count))

    def restricted_to(self, pool_classes: Collection[int]) -> Ranking:
        """Enumeration of these classes only, those with active pools: the paper assumes α(i) > 0."""
        return Ranking(tuple(c for c in self.order if c.pool_class in pool_classes), self.marginals)

    def rank_at_or_after(self, coordinate: Coordinate, full: Ranking) -> int:
        """Rank of `coordinate`, or if its class is excluded, of the next worse coordinate that has a rank, or the last.

        `full` is the enumeration of all classes.
        """
        for candidate in full.order[full.rank(coordinate) - 1 :]:
            if self.ranks[candidate.pool_class]:
                return self.rank(candidate)
        return len(self)


def rank_coordinates(classes: Sequence[PoolClass]) -> Ranking:
    """Order ▷ of all (i, j) with j up to the capacity of class i.

    Larger marginal first; ties by smaller class index, then smaller level (section 2.3).

    >>> from fractions import Fraction
    >>> from slta.core.utility import LogShareUtility
    >>> five, twenty = (PoolClass(f"r = {r}", LogShareUtility(Fraction(r)), capacity=2) for r in (5, 20))
    >>> [tuple(coordinate) for coordinate in rank_coordinates([five, twenty]).order]  # Δ: log 20, log 5, log 5, …
    [(1, 1), (0, 1), (1, 2), (0, 2)]
    """
    columns = [[c.utility.marginal(x) for x in range(c.capacity)] for c in classes]
    marginals = tuple(tuple(float(m) for m in column) for column in columns)
    return Ranking(larger_first(columns), marginals)


def larger_first(columns: Sequence[Sequence[Marginal]]) -> tuple[Coordinate, ...]:
    """All (i, j) by `columns[i][j-1]`, largest first, ties by class and level. Columns must not increase."""
    entries = ([(value, shared_coordinate(i, x + 1)) for x, value in enumerate(col)] for i, col in enumerate(columns))
    merged = heapq.merge(*entries, key=lambda entry: _sort_key(entry[0]), reverse=True)
    return tuple(coordinate for _, coordinate in merged)


def tied(classes: Sequence[PoolClass], order: Iterable[Coordinate]) -> Iterator[tuple[Coordinate, ...]]:
    """Groups of consecutive coordinates with equal marginals, of one coordinate without a tie."""
    groups = groupby(order, lambda c: _sort_key(classes[c.pool_class].utility.marginal(c.level - 1)))
    return (tuple(group) for _, group in groups)
