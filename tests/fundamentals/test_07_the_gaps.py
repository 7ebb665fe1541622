"""Chapter 7. The gaps.

Over any time, the mean utility is at most the mean of the optimum, and that at most the bound at the mean load:
⟨U⟩ ≤ ⟨U*(N)⟩ ≤ U*(⟨N⟩). What lies between the first two is what better placement could win, the placement gap; what
lies between the last two is what the load's own swings cost under every dispatcher, the swing gap.
"""

from fractions import Fraction

import pytest

from slta.core.gaps import Averages, gaps
from slta.core.occupancy import counts_of, total_sessions, total_utility
from slta.core.optimum import optimum
from slta.core.ranking import rank_coordinates
from slta.core.utility import PoolClass, TableUtility

# The first session on a pool is worth 4, the second 2.
ranking = rank_coordinates([PoolClass("only", TableUtility((Fraction(0), Fraction(4), Fraction(6))), capacity=2)])


def averages(*states: list[int]) -> Averages:
    """Of two pools that spend the same time in each of these states."""
    counts = [counts_of([state]) for state in states]
    optima = [optimum(ranking, [2], total_sessions(count)).utility for count in counts]
    return Averages(
        pools=(2,),
        sessions=sum(map(total_sessions, counts)) / len(states),
        utility=sum(total_utility(ranking, count) for count in counts) / len(states),
        momentary_optimum=sum(optima) / len(states),
    )


def test_two_sessions_on_one_pool_leave_a_placement_gap() -> None:
    # Both on one pool are worth 6, one on each 4 + 4. Nothing swings. Per pool: (8 − 6)/2.
    found = gaps(ranking, averages([2, 0]))
    assert (found.placement_gap, found.swing_gap) == (1, 0)


def test_a_load_that_swings_leaves_a_swing_gap_although_everything_is_placed_well() -> None:
    # Half of the time nothing, half of the time two sessions on each pool: ⟨U⟩ = 12/2. The mean load is two
    # sessions, which would be worth 4 + 4 if they were always there. Per pool: (8 − 6)/2.
    found = gaps(ranking, averages([0, 0], [2, 2]))
    assert (found.placement_gap, found.swing_gap) == (0, 1)


def test_both_add_up_to_what_the_fleet_falls_short_of_its_bound() -> None:
    # U = 6 and 10 at N = 2 and 3, where U* = 8 and 10. ⟨U⟩ = 8, ⟨U*⟩ = 9, U*(2.5) = 8 + 2/2 = 9: per pool 4, 4.5, 4.5.
    found = gaps(ranking, averages([2, 0], [2, 1]))
    assert (found.utility_mean, found.utility_optimum_mean, found.utility_bound) == (4, 4.5, 4.5)
    assert found.utility_gap == found.placement_gap + found.swing_gap == 0.5
    assert found.relative(found.utility_gap) == pytest.approx(1 / 9)
