"""The optimal assignment, the utility bound and its prices (paper sections 2.3 and 2.4, Theorem 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slta.core.integers import integer_utilities
from slta.core.optimum import Optimum, optimal_assignment, optimum, pool_worth, utility_bound
from slta.core.ranking import Coordinate, Ranking
from tests.core.curves import log_shares, tables
from tests.core.strategies import Fleet, fleets


def best_of(ranking: Ranking, pools: Sequence[float], sessions: float) -> Optimum:
    best = optimum(ranking, pools, sessions)
    assert best is not None
    return best


# --- Edges


TWO_TABLES = tables([4, 2], [3, 1])  # the order: (0,1), (1,1), (0,2), (1,2)


def test_exactly_full_has_the_last_coordinate_full() -> None:
    # 2 pools of 4 + 2 and one of 3 + 1: U = 12 + 4 = 16; r* is the last rank, the price Δ there.
    best = best_of(TWO_TABLES, [2, 1], 6)
    assert best == Optimum(4, Coordinate(1, 2), filled=1, utility=16, price=1, overload=False)
    assert optimal_assignment(TWO_TABLES, [2, 1], best) == [[2, 2, 2], [1, 1, 1]]


def test_a_load_beyond_capacity_has_the_bound_at_capacity_and_one_more_session_adds_nothing() -> None:
    best = best_of(TWO_TABLES, [2, 1], 7)
    assert best == Optimum(4, Coordinate(1, 2), filled=1, utility=16, price=0, overload=True)


def test_a_class_without_pools_is_passed_over() -> None:
    # Class 0 alone: 4, 4, 2, 2. The third session is the first at (0, 2), which keeps its rank 3 of all four.
    best = best_of(TWO_TABLES, [2, 0], 3)
    assert (best.rank, best.coordinate, best.filled, best.utility) == (3, Coordinate(0, 2), 1, 10)
    assert optimal_assignment(TWO_TABLES, [2, 0], best) == [[2, 2, 1], [0]]


def test_the_last_class_may_be_the_one_without_pools() -> None:
    # Exactly full at (0, 2): rank 4 is of class 1 and does not count.
    best = best_of(TWO_TABLES, [2, 0], 4)
    assert (best.rank, best.coordinate, best.filled) == (3, Coordinate(0, 2), 2)


def test_no_pools_at_all_have_no_optimum_and_a_bound_of_nothing() -> None:
    assert optimum(TWO_TABLES, [0, 0], 0) is None
    assert utility_bound(TWO_TABLES, [0, 0], 1) == 0


# --- The optimum is one


def best_by_looking(fleet: Fleet, sessions: int) -> float:
    """The largest Σ u_i(x_k) with Σ x_k = `sessions`, pool after pool: no order, no ranks."""
    best = {0: 0.0}
    for c, column in zip(fleet.classes, fleet.columns, strict=True):
        values = [c.utility.value(x) for x in range(c.capacity + 1)]
        for _ in column:
            wider: dict[int, float] = {}
            for total, utility in best.items():
                for x, value in enumerate(values):
                    wider[total + x] = max(wider.get(total + x, -math.inf), utility + value)
            best = wider
    return best[sessions]


@given(fleet=fleets())
def test_no_assignment_of_whole_sessions_is_worth_more_than_the_bound_and_one_is_worth_it(fleet: Fleet) -> None:
    best = best_of(fleet.ranking, fleet.pools, fleet.sessions)
    assert best.utility == pytest.approx(best_by_looking(fleet, fleet.sessions), rel=1e-12, abs=1e-12)


@given(fleet=fleets(), part=st.floats(0, 1))
def test_the_optimal_assignment_is_feasible_and_attains_the_bound(fleet: Fleet, part: float) -> None:
    # 0 ≤ q(i, j+1) ≤ q(i, j) ≤ q(i, 0) = A(i), Σ q = N, Σ q Δ = U* (2), at any fractional load.
    sessions = part * fleet.capacity()
    best = best_of(fleet.ranking, fleet.pools, sessions)
    columns = optimal_assignment(fleet.ranking, fleet.pools, best)
    assert [column[0] for column in columns] == fleet.pools
    assert [column for column in columns if not (column == sorted(column, reverse=True) and column[-1] >= 0)] == []
    assert sum(sum(column[1:]) for column in columns) == pytest.approx(sessions, abs=1e-9)
    utility = sum(
        count * marginal
        for column, marginals in zip(columns, fleet.ranking.marginals, strict=True)
        for count, marginal in zip(column[1:], marginals, strict=False)
    )
    assert utility == pytest.approx(best.utility, abs=1e-9)


@given(fleet=fleets())
def test_sigma_star_meets_its_definition(fleet: Fleet) -> None:
    # Σ A(i) over better coordinates ≤ N < the same with its own (5), unless all is full.
    best = best_of(fleet.ranking, fleet.pools, fleet.sessions)
    better = sum(fleet.pools[i] for i, _ in fleet.ranking.order[: best.rank - 1])
    own = fleet.pools[best.coordinate.pool_class]
    assert fleet.ranking.coordinate(best.rank) == best.coordinate
    if fleet.sessions == fleet.capacity():
        assert better + own == fleet.sessions
    else:
        assert better <= fleet.sessions < better + own
    assert best.filled == fleet.sessions - better


@given(fleet=fleets())
def test_in_integers_no_state_is_worth_more_than_the_bound_not_by_one_unit(fleet: Fleet) -> None:
    # U and U* are integers and compared exactly; the path-by-path form of Theorem 1.
    integers = integer_utilities(fleet.ranking)
    utility = sum(sum(integers.marginals[i][:x]) for i, column in enumerate(fleet.columns) for x in column)
    left, bound = fleet.sessions, 0
    for i, j in integers.order:
        taken = min(left, fleet.pools[i])
        left, bound = left - taken, bound + taken * integers.marginals[i][j - 1]
    assert utility <= bound
    best = best_of(integers.ranking(), fleet.pools, fleet.sessions)
    assert best.utility == pytest.approx(integers.to_utility(bound), rel=1e-12, abs=1e-12)


# --- Its shape: concave, piecewise linear, with prices

shapes = st.tuples(st.lists(st.floats(0, 9), min_size=5, max_size=5), st.floats(0, 1))
"""Pools of up to five classes, and a load as a part of their capacity."""


def point(fleet: Fleet, shape: tuple[list[float], float]) -> tuple[list[float], float]:
    """(A, N) with N at most the capacity of A."""
    pools = shape[0][: len(fleet.classes)]
    return pools, shape[1] * fleet.capacity(pools)


def bound_at(ranking: Ranking, pools: Sequence[float], sessions: float) -> float:
    best = optimum(ranking, pools, sessions)
    return best.utility if best else 0.0


STEP = 1 / 1024


@given(fleet=fleets(), load=st.integers(0, 100), offset=st.sampled_from([0.25, 0.5, 0.75]))
def test_price_and_worth_are_slopes_of_the_bound_at_fractional_loads(fleet: Fleet, load: int, offset: float) -> None:
    # U* is linear between integral loads: with at least ¼ session to the next kink, a step of 1/1024 of a
    # session, or of a pool with at most 6 levels, stays on one piece: the difference quotient is the slope.
    sessions = load % fleet.capacity() + offset
    best = best_of(fleet.ranking, fleet.pools, sessions)
    slope = (bound_at(fleet.ranking, fleet.pools, sessions + STEP) - best.utility) / STEP
    assert slope == pytest.approx(best.price, abs=1e-9)
    for i in range(len(fleet.classes)):
        more = [count + STEP * (k == i) for k, count in enumerate(fleet.pools)]
        worth = (bound_at(fleet.ranking, more, sessions) - best.utility) / STEP
        assert worth == pytest.approx(pool_worth(fleet.ranking, i, best), abs=1e-9)


@given(fleet=fleets(), shape=shapes)
def test_no_change_of_load_and_pools_gains_more_than_said(fleet: Fleet, shape: tuple[list[float], float]) -> None:
    # Duals of a concave programme: U*(N', A') ≤ U*(N, A) + price (N' − N) + Σ worth_i (A'_i − A_i).
    best = best_of(fleet.ranking, fleet.pools, fleet.sessions)
    pools, sessions = point(fleet, shape)
    plane = best.utility + best.price * (sessions - fleet.sessions)
    plane += sum(pool_worth(fleet.ranking, i, best) * (pools[i] - fleet.pools[i]) for i in range(len(pools)))
    assert bound_at(fleet.ranking, pools, sessions) <= plane + 1e-9 * (1 + abs(plane))


@given(fleet=fleets())
def test_what_everything_is_worth_adds_up_to_the_bound(fleet: Fleet) -> None:
    # Strong duality: U* = price · N + Σ worth_i · A(i).
    best = best_of(fleet.ranking, fleet.pools, fleet.sessions)
    total = best.price * fleet.sessions
    total += sum(pool_worth(fleet.ranking, i, best) * count for i, count in enumerate(fleet.pools))
    assert total == pytest.approx(best.utility, rel=1e-9, abs=1e-9)


def test_under_overload_one_more_pool_is_worth_all_it_can_hold() -> None:
    # Sessions wait outside, so a new pool is full at once: 4 + 2 or 3 + 1.
    best = best_of(TWO_TABLES, [1, 1], 9)
    assert [pool_worth(TWO_TABLES, i, best) for i in (0, 1)] == [6, 4]


@pytest.mark.parametrize("ranking", [TWO_TABLES, TWO_TABLES.restricted_to([1])], ids=["ranked", "left out"])
def test_a_class_without_pools_has_a_worth_too(ranking: Ranking) -> None:
    best = best_of(ranking, [0, 1], 1.5)
    assert (best.coordinate, best.price) == (Coordinate(1, 2), 1)
    assert pool_worth(ranking, 0, best) == (4 - 1) + (2 - 1)


def test_marginal_utilities_that_tie_do_not_make_a_worth_negative_by_rounding() -> None:
    # r = 5 and r = 20 tie at log 5; the float of Δ(1, 1) is 2e−16 above that of Δ(0, 0), and the price may be either.
    best = best_of(log_shares(5, 20, capacity=2), [0, 1], 1)
    assert best.price == pytest.approx(math.log(5), rel=1e-15)
    assert pool_worth(log_shares(5, 20, capacity=2), 0, best) == 0


@given(fleet=fleets())
def test_no_pool_is_worth_less_than_nothing_until_there_is_too_much(fleet: Fleet) -> None:
    # It could stay empty. (Full of sessions that nobody wants, u(capacity) < 0, it is another matter.)
    assume(fleet.sessions < fleet.capacity())
    best = best_of(fleet.ranking, fleet.pools, fleet.sessions)
    assert [i for i in range(len(fleet.classes)) if not pool_worth(fleet.ranking, i, best) >= 0] == []
