"""Marginal utilities as integers, whose sums are exact."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given

from slta.core.integers import MAX_TOTAL, IntegerUtilities, integer_utilities
from slta.core.limits import MAX_POOLS
from slta.core.ranking import rank_coordinates
from slta.core.utility import PoolClass, Utility
from tests.core.curves import capped, linear
from tests.core.strategies import class_lists


def integers_of(utility: Utility, capacity: int) -> IntegerUtilities:
    return integer_utilities(rank_coordinates([PoolClass("only", utility, capacity)]))


def test_integers_use_the_largest_power_of_ten_that_65536_pools_can_add_up() -> None:
    # u = 1.5x up to 20: at most 30 a pool. 2^53/65,536 = 2^37 = 1.37e11: 30 · 10^9 fits, 30 · 10^10 not.
    integers = integers_of(capped("3/2", 20), capacity=25)
    assert integers.exponent == 9
    assert integers.marginals[0][:2] == (1_500_000_000, 1_500_000_000)
    assert integers.to_utility(1_500_000_000) == 1.5


def test_rounding_up_never_takes_the_integers_to_the_limit() -> None:
    # 4096 · 3.35544315 · 10^7 = 2^37 − 2048 would fit, but each marginal rounds from 33,554,431.5 to 2^25,
    # and 4096 · 2^25 · 65,536 is 2^53 itself. One digit less, then.
    integers = integers_of(linear("3.35544315"), capacity=4096)
    assert integers.exponent == 6


@pytest.mark.parametrize(("slope", "exponent"), [("0", 12), ("1e-320", 300), ("1e300", -290)])
def test_extreme_utilities_have_integers_too(slope: str, exponent: int) -> None:
    # At 10^−290 one pool counts 10^10; at 10^300 digits are lost but nothing overflows; zeros take any power.
    integers = integers_of(linear(slope), capacity=2)
    assert integers.exponent == exponent
    assert MAX_POOLS * sum(integers.marginals[0]) < MAX_TOTAL


@given(classes=class_lists())
def test_no_state_of_65536_pools_has_a_utility_that_a_double_cannot_count(classes: list[PoolClass]) -> None:
    integers = integer_utilities(rank_coordinates(classes))
    largest = max(abs(u) for column in integers.marginals for u in (*column, *accumulate(column)))
    assert MAX_POOLS * largest < MAX_TOTAL
    # And no precision is given away: ten times as much would not fit, but for half a unit a level.
    assert largest == 0 or MAX_POOLS * (10 * largest + 60) >= MAX_TOTAL


@given(classes=class_lists())
def test_integers_are_the_marginals_rounded_and_their_order_is_sorted(classes: list[PoolClass]) -> None:
    ranking = rank_coordinates(classes)
    integers = integer_utilities(ranking)
    for column, exact in zip(integers.marginals, ranking.marginals, strict=True):
        assert [u / 10.0**integers.exponent for u in column] == pytest.approx(exact, rel=1e-9, abs=1e-9)
    values = [integers.marginals[i][j - 1] for i, j in integers.order]
    assert values == sorted(values, reverse=True)
    assert sorted(integers.order) == sorted(ranking.order)
    assert integers.ranking().order == integers.order
    assert [ranks for ranks in integers.ranking().ranks if list(ranks) != sorted(ranks)] == []
