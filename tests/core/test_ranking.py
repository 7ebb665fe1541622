"""The order of coordinates, ranks and thresholds (paper sections 2.3 and 3.2)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.marginals import compare
from slta.core.ranking import Coordinate, Ranking, rank_coordinates
from slta.core.utility import PoolClass
from tests.core.curves import alpha_fair, capped, log_shares, ranking_of
from tests.core.strategies import class_lists, exact_utilities, log_utilities, rational_utilities

rankings = class_lists(exact_utilities).map(rank_coordinates)
ranked = rankings.flatmap(lambda ranking: st.tuples(st.just(ranking), st.integers(1, len(ranking))))

# --- The order


def test_irrational_powers_of_equal_curves_tie_level_by_level() -> None:
    root = alpha_fair(10, "1/2")
    assert ranking_of(root, root).order == ((0, 1), (1, 1), (0, 2), (1, 2), (0, 3), (1, 3))


@given(classes=class_lists(rational_utilities) | class_lists(log_utilities) | class_lists(exact_utilities))
def test_every_coordinate_has_one_rank_and_is_not_worse_than_the_next(classes: list[PoolClass]) -> None:
    ranking = rank_coordinates(classes)
    assert sorted(ranking.order) == [(i, j) for i, c in enumerate(classes) for j in range(1, c.capacity + 1)]
    for better, worse in pairwise(ranking.order):
        (i1, j1), (i2, j2) = better, worse
        by_marginal = compare(classes[i1].utility.marginal(j1 - 1), classes[i2].utility.marginal(j2 - 1))
        assert by_marginal == 1 or (by_marginal == 0 and (i1, j1 - 1) < (i2, j2 - 1))


@given(ranking=rankings)
def test_within_a_class_ranks_rise_with_the_level(ranking: Ranking) -> None:
    for i, ranks in enumerate(ranking.ranks):
        assert list(ranks) == [ranking.rank(Coordinate(i, j + 1)) for j in range(len(ranks))]
        assert list(ranks) == sorted(ranks)


@given(case=ranked)
def test_rank_and_coordinate_are_each_others_inverse(case: tuple[Ranking, int]) -> None:
    ranking, rank = case
    assert ranking.rank(ranking.coordinate(rank)) == rank


def test_marginals_are_looked_up_by_rank() -> None:
    # Rank 3 of u = 3x up to 2, u = 2x up to 2: 3, 3, 2, 2.
    steep, flat = (capped(a, 2) for a in (3, 2))
    assert [ranking_of(steep, flat).marginal_at(rank) for rank in (1, 2, 3, 4, 5)] == [3, 3, 2, 2, 0]


# --- Thresholds


@given(case=ranked)
def test_a_threshold_is_the_highest_level_that_ranks_strictly_better(case: tuple[Ranking, int]) -> None:
    # ℓ_i(r) = max{j ≥ 0: (i, j) ▷ (i_r, j_r) or j = 0}, by looking at every better coordinate.
    ranking, rank = case
    better = ranking.order[: rank - 1]
    highest = [max([0, *(j for i, j in better if i == k)]) for k in range(ranking.class_count)]
    assert list(ranking.thresholds(rank)) == highest


# --- Classes without active pools


def test_a_class_that_is_left_out_has_no_ranks_and_the_others_keep_their_order() -> None:
    # Of (1,1), (0,1), (1,2), (0,2), (1,3), (0,3) class 1 leaves (0,1), (0,2), (0,3).
    restricted = log_shares(20, 30).restricted_to([0])
    assert restricted.order == ((0, 1), (0, 2), (0, 3))
    assert restricted.thresholds(3) == (2, 0)
    assert restricted.class_count == 2


@pytest.mark.parametrize(
    ("left", "coordinate", "rank"),
    [
        ([0, 1], (1, 2), 3),  # still there
        ([0], (1, 2), 2),  # the next worse that exists is (0,2), second of (0,1), (0,2), (0,3)
        ([1], (0, 2), 3),  # the next worse is (1,3), third of (1,1), (1,2), (1,3)
        ([1], (0, 3), 3),  # nothing is worse than (0,3): the last
    ],
)
def test_an_estimate_stays_or_takes_the_next_worse(left: list[int], coordinate: tuple[int, int], rank: int) -> None:
    full = log_shares(20, 30)
    assert full.restricted_to(left).rank_at_or_after(Coordinate(*coordinate), full) == rank
