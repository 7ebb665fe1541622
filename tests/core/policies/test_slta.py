"""Self-Learning Threshold Assignment (paper section 3.2 and appendix A).

Most examples use two classes, A with marginal utilities 6, 3, 1 and B with 5, 4, 2:

    rank          1    2    3    4    5    6
    coordinate    A1   B1   B2   A2   B3   A3
    marginal      6    5    4    3    2    1
    (ℓ_A, ℓ_B)    0,0  1,0  1,1  1,2  2,2  2,3
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.occupancy import counts_of
from slta.core.optimum import optimum
from slta.core.policies import Occupancies, Slta
from slta.core.policies.choice import Decision
from slta.core.policies.tokens import Beta
from slta.core.ranking import Coordinate
from tests.core.curves import tables
from tests.core.policies.drawing import chosen, histories, step
from tests.core.strategies import Fleet, fleets
from tests.naive import power_beta

A, B = 0, 1
RANKING = tables((6, 3, 1), (5, 4, 2))
TWO_GREEN = Beta(fixed=Fraction(1, 2))  # of four pools


def slta(a: list[int | None], b: list[int | None], *, rank: int = 1, beta: Beta = TWO_GREEN) -> Slta:
    policy = Slta(Occupancies(RANKING, [a, b]), beta)
    policy._set_rank(rank)
    return policy


# --- The dispatching rule, steps 1 to 4, and the learning scheme


CHOICES: dict[str, tuple[list[int | None], list[int | None], int, list[tuple[str, int, int]]]] = {
    # r = 4 is (A, 2), i_3 = B. Green: A0 and B0, B1.
    "green tokens, those of the previous class last": ([0, 1], [1, 0], 4, [("green", A, 0)]),
    # Green: B0 and B1, with 1 and 0 sessions: the emptier one is not preferred.
    "green tokens of the previous class alone": ([1, 1], [1, 0], 4, [("green", B, 0), ("green", B, 1)]),
    # r = 5 is (B, 3), i_4 = A, ℓ = (2, 2). Green of B: 0 and 1 and 1 sessions; green of A, with 0, must wait.
    "all green tokens of other classes": ([0], [0, 1, 1], 5, [("green", B, k) for k in range(3)]),
    # A with 1 session are yellow, nobody is green.
    "yellow tokens without green ones": ([1, 2, 1], [2, 2], 4, [("yellow", A, 0), ("yellow", A, 2)]),
    # Every pool has at least j_r = 2 or ℓ_B = 2. A0 is full, and so is B1.
    "pools with room without tokens": ([3, 2], [2, 3, 2], 4, [("none", A, 1), ("none", B, 0), ("none", B, 2)]),
}


@pytest.mark.parametrize("among", CHOICES)
def test_a_session_is_drawn_uniformly_among(among: str) -> None:
    a, b, rank, places = CHOICES[among]
    assert chosen(lambda: slta(a, b, rank=rank)) == dict.fromkeys(places, 60 // len(places))


LEARNING: dict[str, tuple[list[int | None], list[int | None], int, Decision]] = {
    "the last yellow token raises r after the session is placed": ([1, 0], [0, 0], 1, Decision("yellow", A, 1, 2)),
    "no token at all raises r": ([2, 2], [2, 2], 4, Decision("none", A, 0, 5)),
    # Judged on the state just before the arrival, not on the one yellow token left afterwards.
    "two yellow tokens leave r": ([0, 0], [0, 0], 1, Decision("yellow", A, 0, 1)),
    "a green token anywhere leaves r": ([2, 2], [1, 2], 4, Decision("green", B, 0, 4)),
    # n = 4, nβ = 2, i_3 = B.
    "enough green tokens, one of the previous class, lower r": ([0, 1], [1, 2], 4, Decision("green", A, 0, 3)),
    "green tokens only of other classes leave r": ([0, 0], [2, 2], 4, Decision("green", A, 0, 4)),
    "n counts active pools": ([0, 1, None, None], [1, 2, None, None], 4, Decision("green", A, 0, 3)),
    "r never rises beyond the last coordinate": ([2, 3], [3, 3], 6, Decision("yellow", A, 0, 6)),
}


@pytest.mark.parametrize("case", LEARNING)
def test_an_arrival_moves_r_by_the_tokens_before_it(case: str) -> None:
    a, b, rank, decision = LEARNING[case]
    assert slta(a, b, rank=rank).assign(0.5 if decision.pool else 0.0) == decision


def test_too_few_green_tokens_do_not_lower_r() -> None:
    # n = 4, nβ = 3, two green.
    assert slta([0, 1], [1, 2], rank=4, beta=Beta(fixed=Fraction(3, 4))).assign(0.0).rank == 4


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
        assert all(counts[i][j] < counts[i][0] for i, j in state.ranking.order[policy.rank - 1 : -1])


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
