"""Chapter 3. The bound.

Fill the ranking from the best with all sessions there are, and the fleet is worth as much as it can be: the optimal
assignment q*, with utility U*. No dispatcher, however clever, is better at the same number of sessions, and its mean
over time is never above U* of the mean number of sessions (Theorem 1). It is a yardstick to measure any dispatcher by.
"""

from fractions import Fraction
from itertools import product
from math import log

import pytest

from slta.core.optimum import optimal_assignment, optimum
from slta.core.ranking import rank_coordinates
from slta.core.utility import LogShareUtility, PoolClass

small, large = LogShareUtility(Fraction(20)), LogShareUtility(Fraction(30))
ranking = rank_coordinates([PoolClass("small", small, capacity=60), PoolClass("large", large, capacity=60)])


def test_the_best_assignment_fills_the_ranking_from_the_top() -> None:
    # 50 + 50 pools and 975 sessions: 8 on every small pool, 11 on every large one, and 25 large ones have a 12th.
    best = optimum(ranking, [50, 50], 975)
    small_pools, large_pools = optimal_assignment(ranking, [50, 50], best)
    assert small_pools == [50] * 9  # 50 pools hold at least 0, at least 1, … at least 8
    assert large_pools == [50] * 12 + [25]
    assert best.utility == pytest.approx(50 * 8 * log(20 / 8) + 25 * 11 * log(30 / 11) + 25 * 12 * log(30 / 12))


def test_no_other_way_to_place_as_many_sessions_is_worth_more() -> None:
    # Two pools of each kind and 10 sessions, placed in every possible way.
    worth = {
        (a, b, c, d): small.value(a) + small.value(b) + large.value(c) + large.value(d)
        for a, b, c, d in product(range(11), repeat=4)
        if a + b + c + d == 10
    }
    best = optimum(ranking, [2, 2], 10)
    assert max(worth.values()) == pytest.approx(best.utility)
    assert max(worth, key=worth.get) == (2, 2, 3, 3)


def test_the_bound_has_a_price_what_one_more_session_adds() -> None:
    at_975, at_976 = (optimum(ranking, [50, 50], sessions) for sessions in (975, 976))
    assert at_976.utility - at_975.utility == pytest.approx(at_975.price)
