"""Time averages, their bound and the two gaps (paper sections 2.4 and 3.4.1)."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.gaps import Averages, Gaps, gaps
from slta.core.occupancy import counts_of, total_sessions, total_utility
from slta.core.optimum import optimum
from slta.core.ranking import rank_coordinates
from slta.core.utility import PoolClass, TableUtility
from tests.core.strategies import Fleet, fleets

FOUR_THEN_TWO = rank_coordinates([PoolClass("only", TableUtility((Fraction(0), Fraction(4), Fraction(6))), 2)])


def test_a_gap_relative_to_a_negative_bound_is_a_fraction_of_its_size() -> None:
    # Weighted least connections has negative utilities only: −2 against −1.5 falls short by a third of 1.5.
    found = Gaps(mean_pools=1, mean_sessions_per_pool=1, utility_mean=-2, utility_optimum_mean=-1.5, utility_bound=-1.5)
    assert found.relative(found.utility_gap) == pytest.approx(1 / 3)


def test_nothing_is_relative_to_a_bound_of_zero() -> None:
    found = gaps(FOUR_THEN_TWO, Averages(pools=(1,), sessions=0, utility=0, momentary_optimum=0))
    assert found is not None
    assert found.relative(found.utility_gap) is None


def test_without_active_pools_there_are_no_averages_per_pool() -> None:
    assert gaps(FOUR_THEN_TWO, Averages(pools=(0,), sessions=0, utility=0, momentary_optimum=0)) is None


@st.composite
def histories(draw: st.DrawFn) -> tuple[Fleet, list[tuple[float, list[list[int]]]]]:
    """A fleet, and states with the time spent in each: any pools, any sessions."""
    fleet = draw(fleets())
    states = []
    for _ in range(draw(st.integers(1, 5))):
        columns = [draw(st.lists(st.integers(0, c.capacity), max_size=4)) for c in fleet.classes]
        states.append((draw(st.floats(0.1, 10)), columns))
    return fleet, states


@given(history=histories())
def test_the_mean_the_optimum_and_the_bound_ascend(history: tuple[Fleet, list[tuple[float, list[list[int]]]]]) -> None:
    # ⟨U⟩ ≤ ⟨U*(N, A)⟩ ≤ U*(⟨N⟩, ⟨A⟩), whatever placed the sessions and while pools come and go.
    fleet, states = history
    duration = sum(time for time, _ in states)
    pools = [sum(time * len(columns[i]) for time, columns in states) / duration for i in range(len(fleet.classes))]
    sessions = utility = momentary = 0.0
    for time, columns in states:
        counts = counts_of(columns)
        best = optimum(fleet.ranking, [len(column) for column in columns], total_sessions(counts))
        sessions += time * total_sessions(counts) / duration
        utility += time * total_utility(fleet.ranking, counts) / duration
        momentary += time * (best.utility if best else 0) / duration
    found = gaps(fleet.ranking, Averages(tuple(pools), sessions, utility, momentary))
    if found is None:
        assert sum(pools) == 0
    else:
        assert found.placement_gap >= -1e-9
        assert found.swing_gap >= -1e-9
        assert found.utility_gap == pytest.approx(found.placement_gap + found.swing_gap, abs=1e-9)
        assert found.mean_sessions_per_pool == pytest.approx(sessions / sum(pools))
