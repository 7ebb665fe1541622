"""What both policies share: the uniform choice, and the occupancies they are judged on."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.policies.common import NOTHING, Occupancies, picker
from service.core.policies.slta import rules
from service.core.ranking import rank_coordinates
from service.core.utility import CappedLinearUtility, LinearUtility, PoolClass

pick = picker()

RANKING = rank_coordinates(
    [PoolClass("a", LinearUtility(Fraction(2)), 2), PoolClass("b", CappedLinearUtility(Fraction(3), Fraction(1)), 2)]
)  # Δ_a = 2, 2; Δ_b = 3, 0: the order (b,1), (a,1), (a,2), (b,2)


@pytest.mark.parametrize(
    ("draw", "chosen"),
    [
        # 2 + 0 + 3 pools: ⌊5 · draw⌋ counts through (0,0), (0,1), (2,0), (2,1), (2,2).
        (0.0, (0, 0)),
        (0.19, (0, 0)),
        (0.2, (0, 1)),
        (0.39, (0, 1)),
        (0.4, (2, 0)),
        (0.99, (2, 2)),
    ],
)
def test_candidates_are_numbered_class_by_class(draw: float, chosen: tuple[int, int]) -> None:
    assert pick([2, 0, 3], NOTHING, draw) == chosen


def test_an_excluded_class_is_counted_out() -> None:
    # Without class 0 three are left: ⌊3 · 0.4⌋ = 1.
    assert pick([2, 0, 3], 0, 0.4) == (2, 1)


@pytest.mark.parametrize(("counts", "excluded"), [([0, 0], NOTHING), ([2, 0], 0), ([], NOTHING)])
def test_nothing_is_chosen_from_nothing(counts: list[int], excluded: int) -> None:
    assert pick(counts, excluded, 0.5) == (NOTHING, 0)


@given(counts=st.lists(st.integers(0, 5), min_size=1, max_size=5), excluded=st.integers(-1, 4))
def test_equal_parts_of_the_draw_belong_to_every_candidate(counts: list[int], excluded: int) -> None:
    candidates = [(i, index) for i, count in enumerate(counts) if i != excluded for index in range(count)]
    total = len(candidates)
    chosen = Counter(pick(counts, excluded, (k + 0.5) / (4 * total)) for k in range(4 * total))
    assert chosen == dict.fromkeys(candidates, 4)


@given(count=st.integers(1, 65_536))
def test_the_largest_draw_below_one_chooses_the_last_candidate(count: int) -> None:
    # The product is rounded, but never up to the count.
    assert pick([count], NOTHING, math.nextafter(1, 0)) == (0, count - 1)


def test_every_part_of_a_rule_is_compiled() -> None:
    # So that no step of a compiled rule calls back into Python.
    compiled = []
    rules(compile=lambda function: compiled.append(function.__name__) or function)
    assert sorted(compiled) == ["choose", "next_rank", "pick"]


def test_pools_that_are_not_active_do_not_count() -> None:
    state = Occupancies(RANKING, [[1, None, 0], [None]])
    assert state.pools == [2, 0]
    assert state.sessions == 1
    assert state.below(0, 1) == [2]
    assert state.with_room() == [[0, 2], []]


def test_a_class_without_active_pools_is_left_out_of_the_enumeration() -> None:
    # Of (b,1), (a,1), (a,2), (b,2) two are left, and all of class a's pools hold one at most: r* = 2 at N = 2.
    state = Occupancies(RANKING, [[1, 1], [None]])
    assert state.ranking.order == ((0, 1), (0, 2))
    assert state.optimal_rank() == 2


def test_a_class_comes_back_into_the_enumeration_with_its_first_pool() -> None:
    state = Occupancies(RANKING, [[1, 1], [None]])
    state.columns[1][0] = 0
    state.refresh()
    assert state.ranking == RANKING


def test_without_active_pools_there_is_no_optimal_rank() -> None:
    assert Occupancies(RANKING, [[None], []]).optimal_rank() == 0
