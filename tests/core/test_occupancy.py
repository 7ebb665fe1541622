"""The occupancy state, its sessions and its utility (paper section 2.1)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from slta.core.occupancy import counts_of, total_sessions, total_utility
from slta.core.ranking import rank_coordinates
from slta.core.utility import PoolClass
from tests.core.curves import log_share
from tests.core.strategies import Fleet, fleets

RANKING = rank_coordinates([PoolClass("only", log_share(20), 40)])


def test_counts_are_pools_with_at_least_so_many_sessions() -> None:
    # Occupancies 3, 0, 1: three pools hold at least 0, two at least 1, one at least 2 and 3.
    assert counts_of([[3, 0, 1], []]) == [[3, 2, 1, 1], [0]]


@given(fleet=fleets())
def test_counts_keep_sessions_and_utility(fleet: Fleet) -> None:
    counts = counts_of(fleet.columns)
    by_pool = sum(c.utility.value(x) for c, column in zip(fleet.classes, fleet.columns, strict=True) for x in column)
    assert total_sessions(counts) == fleet.sessions
    assert [column[0] for column in counts] == fleet.pools
    assert total_utility(fleet.ranking, counts) == pytest.approx(by_pool, rel=1e-12, abs=1e-12)


def test_the_mean_of_the_utility_is_the_utility_of_the_mean_counts() -> None:
    # Linear in q (eq. 3): half of the time 4 sessions, half of the time none, has counts ½, ½, ½, ½ and the
    # utility ½ · 4 log 5, although u itself is not linear: u(2) = 2 log 10 is more.
    mean = total_utility(RANKING, [[1, 0.5, 0.5, 0.5, 0.5]])
    assert mean == pytest.approx(2 * math.log(5), rel=1e-14)
    assert mean < 2 * math.log(10)
