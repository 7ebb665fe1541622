"""Chapter 4. Join the Largest Marginal Utility.

JLMU looks at every pool and sends a session where it adds most; among equals the draw decides. A draw is a random
number in [0, 1) that is handed in, so that the same state and the same draw always give the same decision.
"""

from fractions import Fraction

from slta.core.policies import Jlmu, Occupancies
from slta.core.policies.choice import Decision
from slta.core.ranking import rank_coordinates
from slta.core.utility import LogShareUtility, PoolClass

SMALL, LARGE = 0, 1
ranking = rank_coordinates([PoolClass(f"r = {r}", LogShareUtility(Fraction(r)), capacity=3) for r in (20, 30)])
# From the best: (LARGE, 1), (SMALL, 1), (LARGE, 2), (SMALL, 2), (LARGE, 3), (SMALL, 3)


def test_a_session_joins_the_pool_where_it_adds_most() -> None:
    # One small pool is empty, with coordinates (SMALL, 1), rank 2; the large ones have (LARGE, 2), rank 3.
    policy = Jlmu(Occupancies(ranking, [[1, 0], [1, 1]]))
    assert policy.assign(draw=0.5) == Decision("open", SMALL, pool=1, rank=0)


def test_among_equal_pools_the_draw_decides() -> None:
    # Of two candidates the draw 0.3 takes number ⌊2 · 0.3⌋ = 0, the draw 0.7 takes number 1.
    for draw, pool in ((0.3, 0), (0.7, 1)):
        policy = Jlmu(Occupancies(ranking, [[1, 1], [1, 1]]))
        assert policy.assign(draw) == Decision("open", LARGE, pool, rank=0)


def test_a_departure_leaves_a_hole_that_the_next_session_fills() -> None:
    policy = Jlmu(Occupancies(ranking, [[1, 1], [2, 2]]))
    policy.complete(LARGE, 0)
    assert policy.assign(draw=0.9) == Decision("open", LARGE, pool=0, rank=0)
