"""Chapter 5. Tokens.

JLMU must know the occupancy of every pool. Self-Learning Threshold Assignment, SLTA, makes do with two bits per pool
and one number: r, an estimate of the rank σ* that is being filled at the optimum. From r follow a threshold for each
class, the level up to which it should be full. A pool below its threshold has a green token; a pool of the class at
rank r that is at most at its threshold has a yellow one. Green goes before yellow.
"""

from fractions import Fraction

from slta.core.policies import Occupancies, Slta
from slta.core.policies.tokens import Beta
from slta.core.ranking import rank_coordinates
from slta.core.utility import LogShareUtility, PoolClass

SMALL, LARGE = 0, 1
ranking = rank_coordinates([PoolClass(f"r = {r}", LogShareUtility(Fraction(r)), capacity=3) for r in (20, 30)])
# From the best: (LARGE, 1), (SMALL, 1), (LARGE, 2), (SMALL, 2), (LARGE, 3), (SMALL, 3)


def test_thresholds_say_how_full_each_class_should_be() -> None:
    # r = 4 is (SMALL, 2). Better are one level of the small class and two of the large one.
    assert ranking.thresholds(4) == (1, 2)


def test_a_pool_knows_its_tokens_from_its_own_occupancy_and_its_threshold() -> None:
    # Seven sessions are what the first three ranks hold on three small and two large pools, 2 + 3 + 2. So the next one
    # belongs at rank 4, (SMALL, 2), and that is where a new dispatcher sets r. Green: fewer than 1 session on a small
    # pool, fewer than 2 on a large one. Yellow: at most 1 on a small pool. The empty small pool has both.
    policy = Slta(Occupancies(ranking, [[0, 1, 2], [3, 1]]), Beta())
    assert policy.rank == 4
    green, yellow = policy.tokens()
    assert green == [[0], [1]]
    assert yellow == [0, 1]


def test_green_tokens_are_used_before_yellow_ones() -> None:
    # Seven sessions again, so r = 4. Only large pool 1 has a green token; small pools 0 and 1 have yellow ones.
    policy = Slta(Occupancies(ranking, [[1, 1, 2], [2, 1]]), Beta())
    first = policy.assign(draw=0.9)
    assert (first.token, first.pool_class, first.pool) == ("green", LARGE, 1)
    second = policy.assign(draw=0.9)
    assert (second.token, second.pool_class, second.pool) == ("yellow", SMALL, 1)
