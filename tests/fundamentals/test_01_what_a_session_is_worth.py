"""Chapter 1. What a session is worth.

A fleet consists of pools. A pool that shares a resource r among x sessions gives each of them r/x of it. If a session
values its share by the logarithm, all sessions of the pool together are worth u(x) = x log(r/x): the pool's utility.
Other curves will do as well, as long as they are concave: one more session never adds more than the one before it.
"""

from fractions import Fraction
from math import log

import pytest

from slta.core.utility import LogShareUtility, PoolClass, TableUtility

pool = LogShareUtility(resource=Fraction(20))


def test_a_pool_is_worth_what_its_sessions_are_worth_together() -> None:
    # Four sessions have a quarter of 20 each, and value it log 5.
    assert pool.value(4) == pytest.approx(4 * log(20 / 4))
    assert pool.value(0) == 0


def test_one_more_session_adds_the_marginal_utility() -> None:
    # It brings its own log(20/5) and takes a little from each of the four others.
    added = pool.value(5) - pool.value(4)
    assert float(pool.marginal(4)) == pytest.approx(added)
    assert added < log(20 / 5)


def test_every_further_session_adds_less_and_in_the_end_it_costs() -> None:
    added = [float(pool.marginal(x)) for x in range(12)]
    assert added == sorted(added, reverse=True)
    assert added[6] > 0 > added[7]  # x log(20/x) is largest at 20/e = 7.4


def test_a_curve_whose_sessions_add_more_and_more_is_refused() -> None:
    # 3, then 1, then 2: the third session adds more than the second.
    curve = TableUtility((Fraction(0), Fraction(3), Fraction(4), Fraction(6)))
    with pytest.raises(ValueError, match="not concave: its marginal utility rises at x = 2"):
        PoolClass("wrong", curve, capacity=3)
