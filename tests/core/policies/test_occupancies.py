"""The occupancies on which the specifications place sessions."""

from __future__ import annotations

from slta.core.policies import Occupancies
from slta.core.ranking import rank_coordinates
from slta.core.utility import PoolClass
from tests.core.curves import capped, linear

RANKING = rank_coordinates(
    [PoolClass("a", linear(2), 2), PoolClass("b", capped(3, 1), 2)]
)  # Δ_a = 2, 2; Δ_b = 3, 0: the order (b,1), (a,1), (a,2), (b,2)


def test_pools_that_are_not_active_do_not_count() -> None:
    state = Occupancies(RANKING, [[1, None, 0], [None]])
    assert state.pools == [2, 0]
    assert state.sessions == 1
    assert state.below(0, 1) == [2]
    assert state.with_room() == [[2, 0], []]


def test_a_class_without_active_pools_is_left_out_of_the_enumeration() -> None:
    # Of (b,1), (a,1), (a,2), (b,2) two are left, and all of class a's pools hold one at most: r* = 2 at N = 2.
    state = Occupancies(RANKING, [[1, 1], [None]])
    assert state.ranking.order == ((0, 1), (0, 2))
    assert state.optimal_rank() == 2


def test_a_class_comes_back_into_the_enumeration_with_its_first_pool() -> None:
    state = Occupancies(RANKING, [[1, 1], [None]])
    state.columns[1][0] = 0
    state.refresh()
    assert state.ranking == RANKING


def test_without_active_pools_there_is_no_optimal_rank() -> None:
    assert Occupancies(RANKING, [[None], []]).optimal_rank() == 0
