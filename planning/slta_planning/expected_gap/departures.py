"""Departure rate of the pools whose top session is beyond a rank."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import NamedTuple

from slta.core.ranking import Coordinate
from slta_planning.expected_gap.mismatch import NONE, Departures, Mismatch, Window


class First(NamedTuple):
    """Best coordinate of a class beyond the rank: its rank and level, its pools, and the slots better than it."""

    rank: int
    level: int
    pools: int
    slots: int


class Beyond:
    """Ranks worse than k, for k decreasing from the worst.

    A pool whose top session is beyond k has the j sessions up to its first level beyond, and those above. So the
    departure rate is the number of sessions beyond, and j − 1 more for each at a first coordinate (i, j):

        e = E + Σ_i (j_i − 1) n_i

    n_i, of rank l, is estimated as E_{l−1} − E_l: with E itself for E_k, and for worse ranks, solved before, with
    E_l = max(0, N − C_l) + E[min(H_l, E_l) | N]. This mean is the only approximation of the chain.
    """

    def __init__(self) -> None:
        """Start with no rank beyond."""
        self._firsts: dict[int, First] = {}
        self._next = First(0, 0, 0, 0)
        self._mismatches: dict[int, Mismatch] = {}

    def include(self, coordinate: Coordinate, rank: int, pools: int, slots: int) -> None:
        """Add the next better rank; it has `pools` slots, and `slots` are better."""
        self._next = self._firsts[coordinate.pool_class] = First(rank, coordinate.level, pools, slots)

    def solved(self, rank: int, mismatch: Mismatch) -> None:
        """Store the mismatch of a rank that will be beyond."""
        self._mismatches[rank] = mismatch

    def rate(self, beyond: int, total: int) -> float:
        """e without holes: E = `beyond` of N = `total`."""
        return self._row(beyond, [total], [self._after(self._next, total)], [self._others(total)])[0]

    def departures(self, window: Window) -> Departures:
        """Function that returns e for the rows of a window."""
        totals = range(window.slots + window.most, window.smallest_total - 1, -1)
        after, others = [self._after(self._next, total) for total in totals], list(map(self._others, totals))

        def departures(beyond: int, holes: int) -> list[float]:
            here = slice(window.most - beyond, window.most - beyond + holes + 1)
            return self._row(beyond, totals[here], after[here], others[here])

        return departures

    def _row(self, beyond: int, totals: Sequence[int], after: Sequence[float], others: Sequence[float]) -> list[float]:
        """e for one E and several N; `after` is E_l of the next rank, `others` the sum of the other classes, by N."""
        pools, more = self._next.pools, self._next.level - 1
        steepest = beyond * max(first.level for first in self._firsts.values())
        rates = [
            beyond + more * min(max(beyond - worse, 0.0), pools) + rest
            for worse, rest in zip(after, others, strict=True)
        ]
        return [max(beyond, min(rate, total, steepest)) for rate, total in zip(rates, totals, strict=True)]

    def _others(self, total: int) -> float:
        """Σ (j_i − 1) n_i, excluding the next rank."""
        return fsum(
            (first.level - 1) * min(max(self._worse(first, total) - self._after(first, total), 0.0), first.pools)
            for first in self._firsts.values()
            if first.level > 1 and first is not self._next
        )

    def _worse(self, first: First, total: int) -> float:
        """E_{l−1} of a first coordinate's rank l."""
        return max(0, total - first.slots) + self._misplaced(first.rank - 1, total)

    def _after(self, first: First, total: int) -> float:
        """E_l."""
        return max(0, total - first.slots - first.pools) + self._misplaced(first.rank, total)

    def _misplaced(self, rank: int, total: int) -> float:
        return self._mismatches.get(rank, NONE).at(total)
