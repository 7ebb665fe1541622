"""Bound of the mean utility over an interval, from integrals alone.

U*(N_1 … N_T, A) is the optimum of a linear programme with N and A on its right side: jointly concave and homogeneous.
So U*(∫N, ∫A) is at least the integral of U*, and over two intervals together at least the sum over both. A window's
bound is that of any intervals that make it up, and the finer these are the closer it is to the integral.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from slta.core.ranking import Ranking
from slta.core.session_types.bound import bound
from slta.core.session_types.sets import TypeSets


class Interval(NamedTuple):
    """Integrals over an interval: of U*(N, A) as if there were no types, of the pools by class, of N_t by type."""

    optimum: float
    pools: tuple[float, ...]
    sessions: tuple[float, ...]

    @classmethod
    def of(cls, numbers: Sequence[float], classes: int) -> Interval:
        """The interval of its numbers in this order."""
        return cls(numbers[0], tuple(numbers[1 : 1 + classes]), tuple(numbers[1 + classes :]))


def excess(sets: TypeSets, ranking: Ranking, interval: Interval) -> float:
    """By how much the integral of U*(N, A) exceeds the bound of the types, at least 0, in the unit of `ranking`.

    Without types the bound is exact, so that the smaller one of both is a bound as well, and may be added up likewise.

    >>> from slta.core.ranking import Coordinate
    >>> ranking = Ranking((Coordinate(0, 1), Coordinate(1, 1)), ((5.0,), (3.0,)))
    >>> excess(TypeSets(((1,),)), ranking, Interval(10.0, (2, 2), (2,)))
    4.0
    """
    return max(0.0, interval.optimum - bound(sets, ranking, interval.pools, interval.sessions).utility)
