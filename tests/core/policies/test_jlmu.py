"""Join the Largest Marginal Utility (paper section 3.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.occupancy import counts_of, total_utility
from slta.core.optimum import optimum
from slta.core.policies import Jlmu, Occupancies
from slta.core.policies.choice import Decision
from slta.core.ranking import Ranking, rank_coordinates
from slta.core.utility import PoolClass
from tests.core.curves import capped, linear, log_shares, weighted
from tests.core.strategies import Fleet, fleets

LOG_SHARES = log_shares(20, 30)
# The order is (1,1), (0,1), (1,2), (0,2), (1,3), (0,3), counting classes from 0.


def place(ranking: Ranking, columns: list[list[int | None]], draw: float = 0.0) -> Decision | None:
    return Jlmu(Occupancies(ranking, columns)).assign(draw)


def test_on_a_tie_the_smaller_class_takes_the_session() -> None:
    # r = (5, 20): log 5 for the first session of class 0 and for the second of class 1.
    ranking = log_shares(5, 20)
    assert place(ranking, [[0], [1]]) == Decision("open", 0, 0, 0)


def test_a_session_that_costs_utility_is_placed_all_the_same() -> None:
    # x log(1/x) falls from the second session on: Δ(1) = −2 log 2. A negative marginal utility is not "full".
    ranking = log_shares(1)
    assert place(ranking, [[1]]) == Decision("open", 0, 0, 0)


def test_a_full_class_and_pools_that_are_not_active_are_passed_over() -> None:
    assert place(LOG_SHARES, [[3, None, 2], [3, 3]]) == Decision("open", 0, 2, 0)


def test_with_equal_classes_jlmu_is_join_the_shortest_queue() -> None:
    assert place(LOG_SHARES, [[], [2, 1, 2]], draw=0.9) == Decision("open", 1, 1, 0)


def test_with_weights_jlmu_is_weighted_least_connections() -> None:
    # (x+1)/w: 3/1 for the light pool, 5/3 for the heavy one, which has twice as many sessions.
    ranking = rank_coordinates([PoolClass(f"w = {w}", weighted(w), 10) for w in (1, 3)])
    assert place(ranking, [[2], [4]]) == Decision("open", 1, 0, 0)


@pytest.mark.parametrize(("two", "goes_to"), [(0, 1), (1, 0), (5, 0)])
def test_in_the_example_of_section_9_3_pool_two_gets_a_session_only_when_it_is_empty(two: int, goes_to: int) -> None:
    # u_1 = x/10, u_2 = min(y, 1): 1 > 1/10 for the first session of pool two, 0 < 1/10 for every further one.
    ranking = rank_coordinates([PoolClass("one", linear("1/10"), 10), PoolClass("two", capped(1, 1), 10)])
    assert place(ranking, [[3], [two]]) == Decision("open", goes_to, 0, 0)


def test_a_class_that_comes_back_is_used_at_once() -> None:
    policy = Jlmu(Occupancies(LOG_SHARES, [[0], [None]]))
    policy.occupancies.columns[1][0] = 0
    policy.pools_changed()
    assert policy.assign(0.0) == Decision("open", 1, 0, 0)


@given(fleet=fleets(), draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_without_departures_jlmu_is_optimal_after_every_arrival(fleet: Fleet, draws: list[float]) -> None:
    # Greedy along a sorted list: the first N coordinates are full, which is q* for N.
    columns = [[0] * len(column) for column in fleet.columns]
    policy = Jlmu(Occupancies(fleet.ranking, columns))
    for sessions, draw in enumerate(draws[: int(fleet.capacity())], start=1):
        policy.assign(draw)
        utility = total_utility(fleet.ranking, counts_of(policy.occupancies.columns))
        assert utility == pytest.approx(optimum(fleet.ranking, fleet.pools, sessions).utility, rel=1e-12, abs=1e-12)


@given(fleet=fleets(), draw=st.floats(0, 1, exclude_max=True))
def test_no_pool_with_room_would_have_gained_more(fleet: Fleet, draw: float) -> None:
    decision = place(fleet.ranking, fleet.columns, draw)
    gains = [
        fleet.ranking.marginals[i][x]
        for i, column in enumerate(fleet.columns)
        for x in column
        if x < fleet.classes[i].capacity
    ]
    if decision is None:
        assert not gains
    else:
        occupancy = fleet.columns[decision.pool_class][decision.pool]
        assert fleet.ranking.marginals[decision.pool_class][occupancy] >= max(gains) - 1e-12
