"""The utility of an even spread, against sums by hand and the optimum."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.least_connections import least_connections_utility
from slta.core.optimum import optimum
from tests.core.curves import tables
from tests.core.strategies import Fleet, fleets

UNEQUAL = tables([4, 3, 2], [3, 2])


@pytest.mark.parametrize(
    ("pools", "sessions", "utility"),
    [
        ([1, 1], 2, 4 + 3),
        ([1, 1], 3, 4 + 3 + (3 + 2) / 2),
        ([1, 1], 4.5, 4 + 3 + 3 + 2 + 0.5 * 2),  # b is full: what is left goes to a
        ([1, 3], 2, (4 + 3 * 3) / 2),  # half of the four pools have a session, of each class its share
        ([0, 2], 2, 2 * 3),
        ([1, 1], 9, 9 + 5),  # more than there is room for
        ([0, 0], 2, 0),
    ],
)
def test_every_pool_has_as_many_sessions_or_is_full(pools: list[int], sessions: float, utility: float) -> None:
    assert least_connections_utility(UNEQUAL, pools, sessions) == pytest.approx(utility)


@given(fleets(), st.floats(0, 30))
def test_it_is_at_most_the_optimum(fleet: Fleet, sessions: float) -> None:
    best = optimum(fleet.ranking, fleet.pools, sessions)
    bound = best.utility if best else 0
    assert least_connections_utility(fleet.ranking, fleet.pools, sessions) <= bound + 1e-9 * (1 + abs(bound))


@given(st.floats(0, 20))
def test_of_equal_pools_it_is_the_optimum(sessions: float) -> None:
    ranking = tables([4, 3, 2, 1])
    best = optimum(ranking, [5], sessions)
    assert best is not None
    assert least_connections_utility(ranking, [5], sessions) == pytest.approx(best.utility)
