"""SLTA-greedy: SLTA's tokens, taken by the worth of their class, and an r that does not wait for one class.

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

CHOICES: dict[str, tuple[list[int | None], list[int | None], int, list[tuple[str, int, int]]]] = {
    # r = 6: ℓ = (2, 3), (B, 3) ranks 5 and (A, 2) ranks 4.
    "the class whose threshold ranks best, however full its pools": (
        [0, 1, 2],
        [0, 0],
        6,
        [("green", A, k) for k in (0, 1)],
    ),
    # r = 4 is (A, 2): i_3 = B. (A, 1) ranks 1 and (B, 2) ranks 3.
    "the class before the estimate last": ([0, 1], [0, 0], 4, [("green", A, 0)]),
    "yellow tokens without green ones": ([1, 2, 1], [2, 2], 4, [("yellow", A, 0), ("yellow", A, 2)]),
}


@pytest.mark.parametrize("among", CHOICES)
def test_a_session_is_drawn_uniformly_among(among: str) -> None:
    a, b, rank, places = CHOICES[among]
    assert chosen(lambda: greedy(a, b, rank=rank)) == dict.fromkeys(places, 60 // len(places))


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
    assert [pool for pool, green in enumerate(policy.tokens()[0]) if green] == [], "nothing became green on the way"


# --- The learning scheme


def test_enough_green_tokens_of_any_classes_lower_r() -> None:
    # i_3 = B has none: SLTA would wait for one.
    assert greedy([0, 0], [2, 2], rank=4).assign(0.0) == Decision("green", A, 0, 3)
    assert slta_like(greedy([0, 0], [2, 2], rank=4)).assign(0.0).rank == 4


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
