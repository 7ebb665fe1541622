"""Chapter 2. The order.

A pool of class i with j − 1 sessions has the coordinates (i, j): a new session would be its j-th. All coordinates can
be ranked once and for all, by what a session adds there: rank 1 is the best place for a session in an empty fleet.
Classes count from 0 here, levels and ranks from 1.
"""

from fractions import Fraction

from slta.core.ranking import rank_coordinates
from slta.core.utility import LogShareUtility, PoolClass

SMALL, LARGE = 0, 1


def fleet(small: int, large: int) -> list[PoolClass]:
    return [
        PoolClass("small", LogShareUtility(Fraction(small)), capacity=3),
        PoolClass("large", LogShareUtility(Fraction(large)), capacity=3),
    ]


def test_coordinates_are_ranked_by_what_a_session_adds_there() -> None:
    # What the 1st, 2nd and 3rd session add:   small 3.00, 1.61, 1.09   large 3.40, 2.01, 1.49.
    ranking = rank_coordinates(fleet(20, 30))
    assert ranking.order == ((LARGE, 1), (SMALL, 1), (LARGE, 2), (SMALL, 2), (LARGE, 3), (SMALL, 3))
    assert [round(ranking.marginal_at(rank), 2) for rank in (1, 2, 3)] == [3.40, 3.00, 2.01]


def test_where_sessions_add_the_same_the_class_that_comes_first_in_the_file_is_better() -> None:
    # The first session on r = 5 adds log 5; the second on r = 20 adds 2 log 10 − log 20, which is log 5 as well.
    # Floating numbers could not be trusted with that, so marginal utilities are compared exactly.
    ranking = rank_coordinates(fleet(5, 20))
    assert ranking.order[:3] == ((LARGE, 1), (SMALL, 1), (LARGE, 2))
