"""SLTA-greedy: SLTA's tokens, taken by the worth of their class, and an r that does not wait for one class.

Most examples use two classes, A with marginal utilities 6, 3, 1 and B with 5, 4, 2:

    rank          1    2    3    4    5    6
    coordinate    A1   B1   B2   A2   B3   A3
    marginal      6    5    4    3    2    1
    (ℓ_A, ℓ_B)    0,0  1,0  1,1  1,2  2,2  2,3
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from slta.core.policies import Jlmu, Occupancies, Slta, SltaGreedy
from slta.core.policies.choice import Decision
from slta.core.policies.tokens import Beta
from slta.core.ranking import Coordinate
from tests.core.curves import tables
from tests.core.policies.drawing import chosen, histories, step
from tests.core.strategies import Fleet, fleets

A, B, C = 0, 1, 2
TWO_GREEN = Beta(fixed=Fraction(1, 2))  # of four pools


RANKING = tables((6, 3, 1), (5, 4, 2))


def greedy(a: list[int | None], b: list[int | None], *, rank: int = 1, beta: Beta = TWO_GREEN) -> SltaGreedy:
    policy = SltaGreedy(Occupancies(RANKING, [a, b]), beta)
    policy._set_rank(rank)
    return policy


def slta_like(policy: SltaGreedy) -> Slta:
    """SLTA with the same occupancies and the same r."""
    twin = Slta(Occupancies(policy.occupancies.full_ranking, policy.occupancies.columns), policy.beta)
    twin._set_rank(policy.rank)
    return twin


# --- Steps 1 and 2


def test_of_three_classes_with_green_tokens_the_one_whose_threshold_ranks_best_is_served_first() -> None:
    # Ranks A1, B1, C1, A2, … with marginals 9, 8, 7, 3, …; r = 4: ℓ = (1, 1, 1), all pools are empty.
    ranking = tables((9, 3), (8, 2), (7, 1))

    def made() -> SltaGreedy:
        policy = SltaGreedy(Occupancies(ranking, [[0, 0], [0, 0], [0]]), TWO_GREEN)
        policy._set_rank(4)
        return policy

    assert ranking.coordinate(4) == Coordinate(A, 2)
    assert chosen(made) == {("green", A, 0): 30, ("green", A, 1): 30}
    by_slta = Counter(slta_like(made()).assign((k + 0.5) / 60).pool_class for k in range(60))
    assert by_slta == {A: 30, B: 30}, "all but class i_3 = C alike"


def test_within_the_class_every_green_pool_is_as_likely_however_full_it_is() -> None:
    # r = 6: ℓ = (2, 3), (B, 3) ranks 5 and (A, 2) ranks 4: class A first, a pool with 0 as likely as one with 1.
    assert chosen(lambda: greedy([0, 1, 2], [0, 0], rank=6)) == {("green", A, 0): 30, ("green", A, 1): 30}


def test_the_class_before_the_estimate_is_last_by_itself() -> None:
    # r = 4 is (A, 2): i_3 = B. (A, 1) ranks 1 and (B, 2) ranks 3.
    assert chosen(lambda: greedy([0, 1], [0, 0], rank=4)) == {("green", A, 0): 60}
    assert chosen(lambda: greedy([1, 1], [0, 2], rank=4)) == {("green", B, 0): 60}


def test_without_green_tokens_a_yellow_one_is_drawn_uniformly() -> None:
    assert chosen(lambda: greedy([1, 2, 1], [2, 2], rank=4)) == {("yellow", A, 0): 30, ("yellow", A, 2): 30}


# --- Step 0


def test_without_any_token_r_rises_until_a_pool_has_one_before_the_session_is_placed() -> None:
    # r = 1: A holds 2 each, B 2 each. No pool has fewer than 1 (A1, B1), 2 (B2, A2); (B, 3) at rank 5 is the first.
    policy = greedy([2, 2], [2, 2, 2], rank=1)
    assert policy.tokens() == ([[], []], [])
    assert policy.assign(0.5) == Decision("yellow", B, 1, 5)


def test_the_learning_after_step_0_reads_the_tokens_that_it_found() -> None:
    # One pool of B has room at (B, 3): the last yellow token, so r goes on to 6 after the session.
    assert greedy([2, 2], [2, 3], rank=1).assign(0.5) == Decision("yellow", B, 0, 6)


@given(fleet=fleets(), draw=st.floats(0, 1, exclude_max=True), at=st.integers(0, 100))
def test_step_0_ends_at_the_best_frontier_of_all_classes_and_only_there(fleet: Fleet, draw: float, at: int) -> None:
    # What production does in one leap. The best frontier is where JLMU places.
    policy = SltaGreedy(Occupancies(fleet.ranking, fleet.columns), Beta())
    policy._set_rank(1 + at % len(policy.occupancies.ranking))
    green, yellow = policy.tokens()
    before = policy.rank
    if any(green) or yellow or not any(policy.occupancies.with_room()):
        return
    frontiers = [Jlmu(policy.occupancies).frontier(i)[0] for i in range(fleet.ranking.class_count)]
    policy.rise_to_a_token()
    assert policy.rank == min(rank for rank in frontiers if rank) > before
    assert not any(policy.tokens()[0]), "nothing became green on the way"


# --- The learning scheme


def test_enough_green_tokens_of_any_classes_lower_r() -> None:
    # i_3 = B has none: SLTA would wait for one.
    assert greedy([0, 0], [2, 2], rank=4).assign(0.0) == Decision("green", A, 0, 3)
    assert slta_like(greedy([0, 0], [2, 2], rank=4)).assign(0.0).rank == 4


def test_r_may_fall_onto_a_full_coordinate_and_comes_back_with_the_next_session_but_one() -> None:
    # From r = 4 to r = 3 = (B, 2), which is full. The green token of A1 is taken; then no pool has a token.
    policy = greedy([0, 0], [2, 2], rank=4)
    assert [policy.assign(0.0) for _ in range(3)] == [
        Decision("green", A, 0, 3),
        Decision("green", A, 1, 3),
        Decision("yellow", A, 0, 4),
    ]


def test_too_few_green_tokens_do_not_lower_r() -> None:
    assert greedy([0, 1], [1, 2], rank=4, beta=Beta(fixed=Fraction(3, 4))).assign(0.0).rank == 4


def test_r_never_falls_below_one_nor_rises_beyond_the_last_coordinate() -> None:
    assert greedy([0, 0], [0, 0], rank=1).assign(0.0).rank == 1
    assert greedy([2, 3], [3, 3], rank=6).assign(0.0) == Decision("yellow", A, 0, 6)


def test_the_last_yellow_token_raises_r_and_a_green_one_keeps_it() -> None:
    assert greedy([1, 0], [0, 0]).assign(0.5) == Decision("yellow", A, 1, 2)
    assert greedy([2, 2], [1, 2], rank=4).assign(0.0) == Decision("green", B, 0, 4)


# --- What follows, over whole histories


@given(fleet=fleets(), history=histories)
def test_a_session_never_goes_beyond_the_estimate_that_step_0_left(fleet: Fleet, history: list[float]) -> None:
    policy = SltaGreedy(Occupancies(fleet.ranking, fleet.columns), Beta())
    for x in history:
        if x >= 0 and any(policy.occupancies.with_room()):
            policy.rise_to_a_token()
        estimate = policy.rank
        if decision := step(policy, x):
            reached = policy.occupancies.columns[decision.pool_class][decision.pool]
            assert policy.occupancies.ranking.rank(Coordinate(decision.pool_class, reached)) <= estimate


@given(fleet=fleets(), history=histories)
def test_with_one_or_two_classes_it_places_as_slta_does_while_r_is_the_same(fleet: Fleet, history: list[float]) -> None:
    # One class or two: without class i_{r−1} one is left, so the order among the others says nothing.
    ranking = fleet.ranking.restricted_to([0, 1])
    policy = SltaGreedy(Occupancies(ranking, fleet.columns[:2] + [[] for _ in fleet.columns[2:]]), Beta())
    for x in history:
        green, yellow = policy.tokens()
        twin = slta_like(policy)
        if x < 0 or not (any(green) or yellow):
            step(policy, x)
            continue
        mine, other = step(policy, x), step(twin, x)
        assert mine
        assert other
        assert (mine.token, mine.pool_class, mine.pool) == (other.token, other.pool_class, other.pool)


def test_r_settles_at_its_optimum_from_far_above() -> None:
    policy = greedy([1, 1, 1], [1, 1, 1], rank=6)
    for k in range(12):
        decision = policy.assign((k % 5) / 5)
        policy.complete(decision.pool_class, decision.pool)
    assert policy.rank == policy.occupancies.optimal_rank() == 3


def test_a_single_pool_has_r_at_its_optimum() -> None:
    policy = SltaGreedy(Occupancies(RANKING, [[0], []]), Beta())
    assert [policy.assign(0.5).rank for _ in range(3)] == [2, 3, 3]
    policy.complete(A, 0)
    assert policy.rank == 3
