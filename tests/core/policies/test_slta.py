"""Self-Learning Threshold Assignment (paper section 3.2 and appendix A): what follows from its rule.

The rule itself is held by `test_agreement`, and by hand in `tests/fundamentals` and docs/policies.md.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.occupancy import counts_of
from slta.core.optimum import optimum
from slta.core.policies import Occupancies, Slta
from slta.core.policies.tokens import Beta
from slta.core.ranking import Coordinate
from tests.core.policies.drawing import histories, step
from tests.core.strategies import Fleet, fleets
from tests.naive import power_beta

# --- What follows, over whole histories


@given(fleet=fleets(), history=histories)
def test_from_empty_a_session_is_never_placed_at_random(fleet: Fleet, history: list[float]) -> None:
    # Remark 1: while nβ_n > 1, there is always a token: r only falls past a coordinate that leaves yellow tokens.
    policy = Slta(Occupancies(fleet.ranking, [[0] * len(column) for column in fleet.columns]), Beta())
    decisions = [step(policy, x) for x in history]
    assert "none" not in [decision.token for decision in decisions if decision]


@given(fleet=fleets(), history=histories)
def test_from_empty_no_coordinate_beyond_the_estimate_is_ever_filled(fleet: Fleet, history: list[float]) -> None:
    # (13b): q(i, j) < α(i) for every (i, j) from (i_r, j_r) on, and so sessions go to (i_r, j_r) or better. All but
    # the last coordinate: r has nowhere to go when it fills up. Then all is full, and departures leave green tokens.
    policy = Slta(Occupancies(fleet.ranking, [[0] * len(column) for column in fleet.columns]), Beta())
    for x in history:
        estimate = policy.rank
        decision = step(policy, x)
        state = policy.occupancies
        if decision:
            reached = state.columns[decision.pool_class][decision.pool]
            assert state.ranking.rank(Coordinate(decision.pool_class, reached)) <= estimate
        counts = [[*column, *[0] * 7] for column in counts_of(state.columns)]
        assert [(i, j) for i, j in state.ranking.order[policy.rank - 1 : -1] if not counts[i][j] < counts[i][0]] == []


@given(fleet=fleets(), draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=60))
def test_without_departures_every_arrival_leaves_r_and_fleet_at_the_optimum(fleet: Fleet, draws: list[float]) -> None:
    # The yellow coordinate fills up, then r moves to the next one: the enumeration itself, as under JLMU.
    policy = Slta(Occupancies(fleet.ranking, [[0] * len(column) for column in fleet.columns]), Beta())
    for sessions, draw in enumerate(draws[: int(fleet.capacity())], start=1):
        decision = policy.assign(draw)
        best = optimum(policy.occupancies.ranking, fleet.pools, sessions)
        assert decision.rank == best.rank
        counts = [[*column, *[0] * 7] for column in counts_of(policy.occupancies.columns)]
        order = policy.occupancies.ranking.order
        assert [counts[i][j] for i, j in order[: best.rank - 1]] == [fleet.pools[i] for i, _ in order[: best.rank - 1]]
        assert counts[best.coordinate.pool_class][best.coordinate.level] == best.filled


# --- nβ_n


@pytest.mark.parametrize(
    ("beta", "pools", "green"),
    [
        (Beta(), 100, 13),  # 100^0.55 = 12.59
        (Beta(exponent=Fraction(1, 2)), 400, 20),  # √400, not one more by rounding
        (Beta(exponent=Fraction(1, 3)), 1000, 100),  # 1000^(2/3) = 99.99999999999997 or 100.00000000000001 in floats
        (Beta(fixed=Fraction(1, 20)), 100, 5),  # 100 · 0.05
        (Beta(fixed=Fraction(1, 20)), 101, 6),  # 5.05
        (Beta(fixed=Fraction(7, 100)), 100, 7),  # 100 · 0.07 = 7.000000000000001 in floats
        (Beta(fixed=Fraction(1, 200)), 100, 2),  # 0.5, raised to just above 1
        (Beta(fixed=Fraction(1, 100)), 100, 2),  # 1, raised too
        (Beta(fixed=Fraction(1)), 100, 100),
        (Beta(), 1, 2),
    ],
)
def test_enough_green_tokens_are_beta_n_times_n_rounded_up_and_two_at_least(beta: Beta, pools: int, green: int) -> None:
    assert beta.min_green(pools) == green


def test_no_number_of_pools_makes_rounding_ask_for_one_green_token_more_or_less() -> None:
    # green ≥ n^(11/20) is green^20 ≥ n^11, in integers, for every n that a cell can have.
    enough, beta = power_beta(Fraction(9, 20)), Beta()
    for n in range(1, 65_537):
        green = beta.min_green(n)
        assert enough(green, n)
        assert green == 2 or not enough(green - 1, n)
