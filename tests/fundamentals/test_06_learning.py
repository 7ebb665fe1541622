"""Chapter 6. Learning.

Nobody tells SLTA the load. When the tokens run out the estimate r was too low, and rises by one; when green tokens pile
up, to nβ of them or more, it was too high, and falls by one (if the class at the threshold that would move, that of
rank r − 1, has one of them). Both are judged on the state just before an arrival and done once it is placed.
"""

from fractions import Fraction
from random import Random

from slta.core.policies import Occupancies, Slta
from slta.core.policies.tokens import Beta
from slta.core.ranking import rank_coordinates
from slta.core.utility import LogShareUtility, PoolClass

ranking = rank_coordinates([PoolClass(f"r = {r}", LogShareUtility(Fraction(r)), capacity=60) for r in (20, 30)])


def empty_fleet() -> Slta:
    return Slta(Occupancies(ranking, [[0] * 10, [0] * 10]), Beta())


def test_with_the_last_token_the_estimate_rises() -> None:
    # r = 1 is (1, 1): the ten empty large pools have yellow tokens. Nine arrivals leave one, the tenth takes it.
    policy = empty_fleet()
    assert [policy.assign(draw=0.0).rank for _ in range(10)] == [1] * 9 + [2]


def test_while_sessions_only_arrive_they_fill_the_ranking_itself() -> None:
    # 200 sessions, 10 per pool: 8 on every small pool, 12 on every large one, which no assignment can better.
    policy = empty_fleet()
    for k in range(200):
        policy.assign(draw=(k % 7) / 7)
    assert policy.occupancies.columns == [[8] * 10, [12] * 10]
    assert policy.rank == policy.occupancies.optimal_rank() == 21


def test_when_sessions_leave_green_tokens_pile_up_and_the_estimate_falls() -> None:
    # Half of the sessions leave. 20^0.55 = 5.2: six green tokens lower r, one step at each arrival. The draws do not
    # matter for where r ends; a seed makes them the same every time.
    policy = empty_fleet()
    chance = Random(1)
    for _ in range(200):
        policy.assign(chance.random())
    for pool in range(10):
        for _ in range(4):
            policy.complete(0, pool)
        for _ in range(6):
            policy.complete(1, pool)
    assert policy.rank == 21
    assert policy.occupancies.optimal_rank() == 11

    for _ in range(300):  # one arrives, one leaves somewhere: 100 sessions all the time
        policy.assign(chance.random())
        busy = [(i, k) for i, column in enumerate(policy.occupancies.columns) for k, x in enumerate(column) if x]
        policy.complete(*chance.choice(busy))
    assert policy.rank == policy.occupancies.optimal_rank() == 11
