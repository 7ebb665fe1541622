"""Self-Learning Threshold Assignment (paper section 3.2 and appendix A).

Most examples use two classes, A with marginal utilities 6, 3, 1 and B with 5, 4, 2:

    rank          1    2    3    4    5    6
    coordinate    A1   B1   B2   A2   B3   A3
    marginal      6    5    4    3    2    1
    (ℓ_A, ℓ_B)    0,0  1,0  1,1  1,2  2,2  2,3
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.occupancy import counts_of
from slta.core.optimum import optimum
from slta.core.policies import Occupancies, Slta
from slta.core.policies.choice import Decision
from slta.core.policies.tokens import Beta
from slta.core.ranking import Coordinate, rank_coordinates
from slta.core.utility import PoolClass
from tests.core.curves import log_share, tables
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


# --- Tokens


def test_at_rank_one_only_the_empty_pools_of_the_best_class_have_tokens() -> None:
    # ℓ = (0, 0): nobody is below a threshold; yellow: i_1 = A and x < j_1 = 1.
    assert slta([0, 1], [0, 0]).tokens() == ([[], []], [0])


def test_a_pool_may_have_both_tokens() -> None:
    green, yellow = slta([0, 1], [2, 2], rank=4).tokens()
    assert set(green[A]) & set(yellow) == {0}


@given(fleet=fleets(), at=st.integers(0, 100))
def test_token_counts_follow_from_the_occupancy_state(fleet: Fleet, at: int) -> None:
    # Green n − Σ n q(i, ℓ_i(r)), yellow n α(i_r) − n q(i_r, j_r) (3.2).
    policy = Slta(Occupancies(fleet.ranking, fleet.columns), Beta())
    ranking = policy.occupancies.ranking
    policy._set_rank(1 + at % len(ranking))
    green, yellow = policy.tokens()
    counts = [[*column, *[0] * 7] for column in counts_of(fleet.columns)]
    thresholds = ranking.thresholds(policy.rank)
    assert sum(map(len, green)) == sum(fleet.pools) - sum(c[level] for c, level in zip(counts, thresholds, strict=True))
    i, j = policy.estimate
    assert len(yellow) == fleet.pools[i] - counts[i][j]


@given(fleet=fleets(), at=st.integers(0, 100))
def test_a_step_of_r_turns_yellow_tokens_green_or_green_ones_yellow_and_moves_no_others(fleet: Fleet, at: int) -> None:
    # r ← r + 1: the green tokens of class i_r are its former yellow ones; r ← r − 1: the reverse.
    policy = Slta(Occupancies(fleet.ranking, fleet.columns), Beta())
    ranking = policy.occupancies.ranking
    if len(ranking) == 1 or sum(fleet.pools) == 1:
        return
    lower = 1 + at % (len(ranking) - 1)
    policy._set_rank(lower)
    green_at_lower, yellow_at_lower = policy.tokens()
    moving = policy.estimate.pool_class
    policy._set_rank(lower + 1)
    green_at_upper, _ = policy.tokens()
    assert green_at_upper[moving] == yellow_at_lower
    assert all(green_at_upper[i] == green_at_lower[i] for i in range(len(green_at_lower)) if i != moving)


# --- The dispatching rule, steps 1 to 4


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


def test_three_classes_share_the_green_tokens_that_are_not_of_the_previous_class() -> None:
    # Three equal curves: ranks go round the classes, 0, 1, 2, 0, …. r = 7 is (0, 3), i_6 = 2, ℓ = (2, 2, 2).
    # Green: one pool of each class. Classes 0 and 1 share the draws, class 2 waits.
    ranking = rank_coordinates([PoolClass(str(i), log_share(20), 3) for i in range(3)])

    def policy() -> Slta:
        made = Slta(Occupancies(ranking, [[1], [1], [1]]), TWO_GREEN)
        made._set_rank(7)
        return made

    assert ranking.coordinate(7) == (0, 3)
    assert chosen(policy) == {("green", 0, 0): 30, ("green", 1, 0): 30}


# --- The learning scheme


def test_the_last_yellow_token_raises_r_after_the_session_is_placed() -> None:
    # r = 1: one yellow token, no green. The session takes it, then r = 2: B's two empty pools are yellow.
    policy = slta([1, 0], [0, 0])
    assert policy.assign(0.5) == Decision("yellow", A, 1, 2)
    assert policy.tokens() == ([[], []], [0, 1])


def test_no_token_at_all_raises_r_too() -> None:
    policy = slta([2, 2], [2, 2], rank=4)
    assert policy.assign(0.0) == Decision("none", A, 0, 5)


def test_two_yellow_tokens_leave_r_where_it_is_although_one_is_used_up() -> None:
    # Judged on the state just before the arrival, not on the one yellow token left afterwards.
    assert slta([0, 0], [0, 0]).assign(0.0) == Decision("yellow", A, 0, 1)


def test_a_green_token_anywhere_keeps_r_from_rising() -> None:
    # r = 4: no yellow token, one green at B. It is used up by this very session, and still r stays.
    assert slta([2, 2], [1, 2], rank=4).assign(0.0) == Decision("green", B, 0, 4)


def test_enough_green_tokens_with_one_of_the_previous_class_lower_r() -> None:
    # r = 4, n = 4, nβ = 2: A0 and B0 are green, i_3 = B. The session goes to A0 by the old r, then r = 3.
    policy = slta([0, 1], [1, 2], rank=4)
    assert policy.assign(0.0) == Decision("green", A, 0, 3)
    # What was green of B is yellow now, at (B, 2).
    assert policy.tokens() == ([[], []], [0])


def test_green_tokens_only_of_other_classes_do_not_lower_r() -> None:
    # i_3 = B has none: (B, 2) is full, and a lower r would not see it.
    assert slta([0, 0], [2, 2], rank=4).assign(0.0) == Decision("green", A, 0, 4)


def test_too_few_green_tokens_do_not_lower_r() -> None:
    # n = 4, nβ = 3, two green.
    assert slta([0, 1], [1, 2], rank=4, beta=Beta(fixed=Fraction(3, 4))).assign(0.0).rank == 4


def test_the_n_of_n_beta_counts_active_pools_only() -> None:
    # β = 1/2 and two green tokens, of A0 and B0: enough of four active pools, whatever else is drained.
    policy = slta([0, 1, None, None], [1, 2, None, None], rank=4, beta=Beta(fixed=Fraction(1, 2)))
    assert policy.assign(0.0).rank == 3


def test_r_never_falls_below_one() -> None:
    assert slta([0, 0], [0, 0], rank=1).assign(0.0).rank == 1


def test_r_never_rises_beyond_the_last_coordinate() -> None:
    # r = 6 is (A, 3): the last session of the fleet takes the last yellow token.
    assert slta([2, 3], [3, 3], rank=6).assign(0.0) == Decision("yellow", A, 0, 6)


def test_a_new_dispatcher_starts_at_the_optimum_of_what_there_is() -> None:
    # Empty: r = 1. 5 sessions on 2 + 2 pools: A1, B1 are full, (B, 2) holds one of two.
    assert Slta(Occupancies(RANKING, [[0, 0], [0, 0]]), Beta()).rank == 1
    assert Slta(Occupancies(RANKING, [[2, 2], [1, 0]]), Beta()).rank == 3


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
def test_without_departures_every_arrival_leaves_r_at_its_optimum_and_the_fleet_too(
    fleet: Fleet, draws: list[float]
) -> None:
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


@given(fleet=fleets(), history=histories)
def test_r_moves_by_one_at_most_and_only_with_an_arrival(fleet: Fleet, history: list[float]) -> None:
    policy = Slta(Occupancies(fleet.ranking, fleet.columns), Beta())
    if sum(fleet.pools) == 1:
        return  # then r is computed, not learned
    ranks = [policy.rank]
    for x in history:
        step(policy, x)
        ranks.append(policy.rank)
    steps = [after - before for before, after in pairwise(ranks)]
    assert all(abs(step) <= (x >= 0) for step, x in zip(steps, history, strict=True))


def test_r_settles_at_its_optimum_from_far_above() -> None:
    # r = 6 = (A, 3), while 3 + 3 sessions on 3 + 3 pools need (B, 2), rank 3. Sessions come and go, one for one:
    # plenty of green tokens bring r down.
    policy = slta([1, 1, 1], [1, 1, 1], rank=6)
    for k in range(12):
        decision = policy.assign((k % 5) / 5)
        policy.complete(decision.pool_class, decision.pool)
    assert policy.rank == policy.occupancies.optimal_rank() == 3


# --- One pool, no pools, classes that empty and return


def test_a_single_pool_has_r_at_its_optimum_because_it_cannot_learn_it() -> None:
    # It never has two green tokens. x sessions on one pool of A: the next coordinate is (A, x + 1), but the last
    # one when it is full.
    policy = Slta(Occupancies(RANKING, [[0], []]), Beta())
    ranks = [policy.assign(0.5).rank for _ in range(3)]
    assert ranks == [2, 3, 3]
    policy.complete(A, 0)
    policy.complete(A, 0)
    assert (policy.rank, policy.estimate) == (2, Coordinate(A, 2))


def test_when_all_but_one_pool_go_r_is_set_to_the_optimum() -> None:
    policy = slta([1, 1], [0, 0], rank=6)
    policy.occupancies.columns = [[None, 1], [None, None]]
    policy.pools_changed()
    assert (policy.rank, policy.estimate) == (2, Coordinate(A, 2))


def test_a_class_that_arrives_shifts_the_rank_and_keeps_the_coordinate() -> None:
    # B alone: r = 2 = (B, 2). With A1 before it, rank 3.
    policy = slta([None, None], [1, 1], rank=2)
    policy.occupancies.columns[A] = [0, 0]
    policy.pools_changed()
    assert (policy.rank, policy.estimate) == (3, Coordinate(B, 2))


def test_the_first_pools_of_an_empty_fleet_are_filled_from_the_best_rank_there_is() -> None:
    # Classes in the file's order: the worse one first. Nothing active: r waits at the best coordinate, (good, 1).
    classes = [PoolClass("poor", log_share(2), 3), PoolClass("good", log_share(9), 3)]
    policy = Slta(Occupancies(rank_coordinates(classes), [[None, None], [None, None]]), Beta())
    assert policy.rank == 0
    policy.occupancies.columns[1] = [0, 0]
    policy.pools_changed()
    assert (policy.rank, policy.estimate) == (1, Coordinate(1, 1))


def test_r_survives_a_time_without_any_pool() -> None:
    policy = slta([1, 1], [1, 2], rank=4)
    policy.occupancies.columns = [[None, None], [None, None]]
    policy.pools_changed()
    assert policy.rank == 0
    policy.occupancies.columns = [[1, 1], [1, 2]]
    policy.pools_changed()
    assert (policy.rank, policy.estimate) == (4, Coordinate(A, 2))


def test_a_drained_class_does_not_hold_r_up() -> None:
    # r = 6, then A is drained. Counted among the ranks, (A, 2) and (A, 3) could never have the green token that a
    # step past them needs: r would hang. Left out, r falls to its optimum, (B, 2) at 3 sessions on 2 pools.
    policy = slta([2, 2], [2, 2], rank=6)
    policy.occupancies.columns = [[None, None], [1, 1]]
    policy.pools_changed()
    for _ in range(6):
        decision = policy.assign(0.3)
        policy.complete(decision.pool_class, decision.pool)
    assert policy.rank == policy.occupancies.optimal_rank() == 2


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
