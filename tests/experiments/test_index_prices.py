"""The index order: its prices are those of their definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate

import pytest

from slta.core.orders import Index
from slta.core.orders.index import prices
from slta_experiments.fleets import TABLE_1


def truncated(load: float, threshold: int, value: Callable[[int], float]) -> Fraction:
    """E of a function of the occupancy of an Erlang loss system, term by term and exactly."""
    weights = [Fraction(load) ** k / math.factorial(k) for k in range(threshold + 1)]
    return sum((w * Fraction(value(k)) for k, w in enumerate(weights)), Fraction(0)) / sum(weights)


@pytest.mark.parametrize("load", [0.5, 3.0, 20.0])
def test_the_price_is_the_quotient_of_its_definition(load: float) -> None:
    marginals = TABLE_1.ranking.marginals[0][:12]
    u = [0.0, *accumulate(marginals)].__getitem__
    for threshold, price in enumerate(prices(marginals, load)):
        earned = truncated(load, threshold + 1, u) - truncated(load, threshold, u)
        taken = truncated(load, threshold + 1, int) - truncated(load, threshold, int)
        assert price == pytest.approx(float(earned / taken), rel=1e-9)


def test_the_price_tends_to_the_marginal_utility_as_the_load_grows() -> None:
    marginals = TABLE_1.ranking.marginals[1][:15]
    # E_T[X] = T − T/Λ + …, so W(T) differs from Δ by less than T (Δ(0) − Δ(T)) / Λ.
    for price, marginal, level in zip(prices(marginals, 1e6), marginals, range(15), strict=True):
        assert price == pytest.approx(marginal, abs=level * (marginals[0] - marginals[14]) / 1e6 + 1e-12)


def test_the_index_order_is_greedys_on_table_1_from_a_few_pools_on() -> None:
    for n in (4, 10, 100):
        levels = [c for c in TABLE_1.arranged(Index(9.75 * n)).order if c.level <= 14]
        assert levels == [c for c in TABLE_1.ranking.order if c.level <= 14]
