"""Curves of plain numbers, and their rankings."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import accumulate

from slta.core import utility
from slta.core.ranking import Ranking, rank_coordinates
from slta.core.utility import PoolClass, Utility

Number = int | str | Fraction
"""`"1/20"` and `"0.05"` are exact."""


def log_share(resource: Number) -> Utility:
    return utility.LogShareUtility(Fraction(resource))


def alpha_fair(resource: Number, alpha: Number) -> Utility:
    return utility.AlphaFairUtility(Fraction(resource), Fraction(alpha))


def linear(slope: Number) -> Utility:
    return utility.LinearUtility(Fraction(slope))


def quadratic(factor: Number, square: Number) -> Utility:
    return utility.QuadraticUtility(Fraction(factor), Fraction(square))


def capped(slope: Number, cap: Number) -> Utility:
    return utility.CappedLinearUtility(Fraction(slope), Fraction(cap))


def weighted(weight: Number) -> Utility:
    return utility.WeightedLeastConnectionsUtility(Fraction(weight))


def table(*values: Number) -> Utility:
    return utility.TableUtility(tuple(Fraction(value) for value in values))


def falling(marginals: Iterable[int]) -> Utility:
    """The table whose marginals are the numbers given."""
    return table(*accumulate(marginals, initial=0))


def ranking_of(*utilities: Utility, capacity: int = 3) -> Ranking:
    return rank_coordinates([PoolClass(f"class {i}", u, capacity) for i, u in enumerate(utilities)])


def log_shares(*resources: Number, capacity: int = 3) -> Ranking:
    return ranking_of(*map(log_share, resources), capacity=capacity)


def tables(*columns: Iterable[int]) -> Ranking:
    """Classes whose marginals are the numbers given; their capacities follow."""
    given = [tuple(column) for column in columns]
    return rank_coordinates([PoolClass(f"class {i}", falling(m), len(m)) for i, m in enumerate(given)])
