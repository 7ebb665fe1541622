"""Chapter 8. Pools come and go.

Only active pools count: those that may receive sessions. In the paper every class has some. A class without active
pools is therefore left out of the ranking, or r could wait for ever for a token of a class that has none. When that
changes, r keeps its coordinates, not its number.
"""

from fractions import Fraction

from slta.core.optimum import optimum, pool_worth
from slta.core.policies import Occupancies, Slta
from slta.core.policies.tokens import Beta
from slta.core.ranking import Coordinate, rank_coordinates
from slta.core.utility import LogShareUtility, PoolClass

SMALL, LARGE = 0, 1
ranking = rank_coordinates([PoolClass(f"r = {r}", LogShareUtility(Fraction(r)), capacity=3) for r in (20, 30)])
# From the best: (LARGE, 1), (SMALL, 1), (LARGE, 2), (SMALL, 2), (LARGE, 3), (SMALL, 3)


def test_a_drained_pool_is_given_nothing_more() -> None:
    fleet = Occupancies(ranking, [[0, 0], [1, 1]])
    policy = Slta(fleet, Beta())
    fleet.columns[SMALL][0] = None
    policy.pools_changed()
    assert policy.assign(draw=0.0).pool == 1


def test_a_class_without_active_pools_takes_its_ranks_along() -> None:
    # 2 + 2 pools that hold 1 and 2 sessions: r = 4, (SMALL, 2). Without small pools (LARGE, 3) is next, rank 3 of 3.
    fleet = Occupancies(ranking, [[1, 1], [2, 2]])
    policy = Slta(fleet, Beta())
    assert (policy.rank, policy.estimate) == (4, Coordinate(SMALL, 2))

    fleet.columns[SMALL] = [None, None]
    policy.pools_changed()
    assert (policy.rank, policy.estimate) == (3, Coordinate(LARGE, 3))

    fleet.columns[SMALL] = [1, 1]
    policy.pools_changed()
    assert (policy.rank, policy.estimate) == (5, Coordinate(LARGE, 3))


def test_the_bound_says_what_one_more_pool_of_each_class_would_be_worth() -> None:
    # 5 sessions on 2 + 2 pools: each has one, and one large pool has a second. What that adds, 2.01, is the price of
    # load. One more small pool would take over a session: 3.00 − 2.01. A large one likewise: 3.40 − 2.01.
    best = optimum(ranking, [2, 2], 5)
    assert round(best.price, 2) == 2.01
    assert [round(pool_worth(ranking, i, best), 2) for i in (SMALL, LARGE)] == [0.98, 1.39]
