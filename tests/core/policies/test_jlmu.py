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


def place(ranking: Ranking, columns: list[list[int | None]], draw: float) -> Decision | None:
    return Jlmu(Occupancies(ranking, columns)).assign(draw)


WEIGHTED = rank_coordinates([PoolClass(f"w = {w}", weighted(w), 10) for w in (1, 3)])
SECTION_9_3 = rank_coordinates([PoolClass("one", linear("1/10"), 10), PoolClass("two", capped(1, 1), 10)])
"""u_1 = x/10, u_2 = min(y, 1)."""
PLACES: dict[str, tuple[Ranking, list[list[int | None]], float, tuple[int, int]]] = {
    # r = (5, 20): log 5 for the first session of class 0 and for the second of class 1.
    "on a tie the smaller class": (log_shares(5, 20), [[0], [1]], 0.0, (0, 0)),
    # x log(1/x) falls from the second session on: Δ(1) = −2 log 2.
    "a session that costs utility is placed": (log_shares(1), [[1]], 0.0, (0, 0)),
    "a full class and pools that are not active are passed over": (LOG_SHARES, [[3, None, 2], [3, 3]], 0.0, (0, 2)),
    "equal classes: join the shortest queue": (LOG_SHARES, [[], [2, 1, 2]], 0.9, (1, 1)),
    # (x+1)/w: 3/1 for the light pool, 5/3 for the heavy one.
    "weights: weighted least connections": (WEIGHTED, [[2], [4]], 0.0, (1, 0)),
    "section 9.3: pool two when it is empty": (SECTION_9_3, [[3], [0]], 0.0, (1, 0)),
    "section 9.3: pool one otherwise": (SECTION_9_3, [[3], [1]], 0.0, (0, 0)),
}


@pytest.mark.parametrize("case", PLACES)
def test_a_session_joins_the_largest_marginal_utility(case: str) -> None:
    ranking, columns, draw, (pool_class, pool) = PLACES[case]
    assert place(ranking, columns, draw) == Decision("open", pool_class, pool, 0)


@given(fleet=fleets(), draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_without_departures_jlmu_is_optimal_after_every_arrival(fleet: Fleet, draws: list[float]) -> None:
    # Greedy along a sorted list: the first N coordinates are full, which is q* for N.
    columns = [[0] * len(column) for column in fleet.columns]
    policy = Jlmu(Occupancies(fleet.ranking, columns))
    for sessions, draw in enumerate(draws[: int(fleet.capacity())], start=1):
        policy.assign(draw)
        utility = total_utility(fleet.ranking, counts_of(policy.occupancies.columns))
        assert utility == pytest.approx(optimum(fleet.ranking, fleet.pools, sessions).utility, rel=1e-12, abs=1e-12)
