"""The orders beside the paper's: ties settled by kinks, and the price of a session at a load."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.fleet import FleetSpec
from slta.core.marginals import compare
from slta.core.optimum import optimum
from slta.core.orders import PAPER, Index, Kink, Order
from slta.core.orders.index import prices
from slta.core.ranking import Coordinate, rank_coordinates, tied
from slta.core.utility import AlphaFairUtility, CappedLinearUtility, PoolClass, Utility
from tests.core.curves import capped, falling, linear, log_share
from tests.core.strategies import class_lists, exact_utilities

kinked = class_lists(exact_utilities)


def order_of(order: Order, *utilities: Utility, capacity: int = 4) -> list[tuple[int, int]]:
    """Coordinates as the order ranks them, classes counted from 0 and levels from 1."""
    classes = [PoolClass(f"class {i}", u, capacity) for i, u in enumerate(utilities)]
    return [(i, level) for i, level in order.arrange(classes, rank_coordinates(classes)).order]


def test_the_nearer_kink_comes_first_then_the_larger_weight_then_flat_curves() -> None:
    # All marginals of 1. Class 0 is flat. Class 1: 3, 1, 1, 1 has d = 1, 2, 3 at its levels 2, 3, 4 and the drop 2:
    # w = 1 · 2, 2 · 1 · 2. Class 2: 2, 2, 1, 1 has d = 1, 2 at its levels 3 and 4 and the drop 1: w = 2 · 1, 3 · 2 · 1.
    found = order_of(Kink(), falling([1, 1, 1, 1]), falling([3, 1, 1, 1]), falling([2, 2, 1, 1]))
    assert found[:3] == [(1, 1), (2, 1), (2, 2)]
    assert found[3:5] == [(1, 2), (2, 3)], "d = 1 both, and w = 2 both: by class"
    assert found[5:7] == [(2, 4), (1, 3)], "d = 2 both, and w = 6 and 4"
    assert found[7:] == [(1, 4), (0, 1), (0, 2), (0, 3), (0, 4)], "d = 3, then none at all"


def log_four(error: str) -> CappedLinearUtility:
    """u = a min(x, 1) with a = log 4 and a little more or less."""
    with localcontext(prec=90):
        return CappedLinearUtility(Fraction(Decimal(4).ln() + Decimal(error)), Fraction(1))


@pytest.mark.parametrize(
    ("error", "first"),
    [("-1e-40", 1), ("1e-40", 0), ("-1e-60", 0), ("1e-60", 0)],
    ids=["less", "more", "less than 50 digits show", "more than 50 digits show"],
)
def test_a_weight_with_a_logarithm_is_compared_in_fifty_digits(error: str, first: int) -> None:
    # x log(4/x) has Δ(1) = 0 behind a drop of log 4; a min(x, 1) has 0 behind a drop of a. As floats they are equal.
    found = order_of(Kink(), log_four(error), log_share(4), capacity=2)
    at_zero = [c for c in found if c in {(0, 2), (1, 2)}]
    assert at_zero == [(first, 2), (1 - first, 2)]


def test_weights_of_irrational_powers_are_not_compared_as_floats() -> None:
    # √r √x with r = 20 and a little more: the marginals tie to 1e-12, the drop of the second is larger.
    more = Fraction(20) + Fraction(1, 10**25)
    curves = [AlphaFairUtility(r, Fraction(1, 2)) for r in (Fraction(20), more)]
    assert float(curves[0].marginal(1)) == float(curves[1].marginal(1))
    assert order_of(Kink(), *curves, capacity=2) == [(0, 1), (1, 1), (1, 2), (0, 2)]


@given(classes=kinked, order=st.sampled_from([PAPER, Kink(), Index(0.5), Index(20.0)]))
def test_within_a_class_every_order_is_that_of_the_levels(classes: list[PoolClass], order: Order) -> None:
    found = order.arrange(classes, rank_coordinates(classes)).order
    assert sorted(found) == [(i, j) for i, c in enumerate(classes) for j in range(1, c.capacity + 1)]
    for i, c in enumerate(classes):
        assert [level for pool_class, level in found if pool_class == i] == list(range(1, c.capacity + 1))


def kink(classes: list[PoolClass], coordinate: Coordinate) -> tuple[float, float]:
    """d and w from their definition, w as a float; (∞, 0) without a d."""
    curve, x = classes[coordinate.pool_class].utility, coordinate.level - 1
    for d in range(1, x + 1):
        if compare(curve.marginal(x - d), curve.marginal(x)) > 0:
            return d, math.perm(x, d) * (float(curve.marginal(x - d)) - float(curve.marginal(x)))
    return math.inf, 0.0


@given(classes=kinked)
def test_kinks_move_coordinates_within_their_ties_only_and_rank_those_by_definition(classes: list[PoolClass]) -> None:
    paper = rank_coordinates(classes)
    order = list(Kink().arrange(classes, paper).order)
    for tie in tied(classes, paper.order):
        here, order = order[: len(tie)], order[len(tie) :]
        assert sorted(here) == sorted(tie)
        kinks = [kink(classes, c) for c in here]
        assert [d for d, _ in kinks] == sorted(d for d, _ in kinks)
        for _, group in groupby(kinks, key=lambda one: one[0]):
            weights = [w for _, w in group]
            assert [(a, b) for a, b in pairwise(weights) if not a >= b - 1e-9] == []


@given(classes=kinked)
def test_coordinates_whose_kinks_are_alike_stand_by_class(classes: list[PoolClass]) -> None:
    twins = [*classes, *classes]
    order = Kink().arrange(twins, rank_coordinates(twins)).order
    place = {c: at for at, c in enumerate(order)}
    firsts = [c for c in order if c.pool_class < len(classes)]
    assert [c for c in firsts if not place[c] < place[c._replace(pool_class=c.pool_class + len(classes))]] == []


def test_the_index_counts_what_a_session_is_worth_as_a_reserve() -> None:
    # min(x, 1) with Λ = 1: one session half of the time. A second adds nothing, yet W(1) = (1 − 1/2)/(2 − 1/2) = 1/3.
    assert prices((1.0, 0.0), 1.0) == (1.0, pytest.approx(1 / 3))
    # So at Λ = 1 that second level comes before x/10, which W leaves at 1/10; at Λ = 1,000 it does not.
    curves = (linear("1/10"), capped(1, 1))
    assert order_of(Index(1.0), *curves, capacity=2)[:2] == [(1, 1), (1, 2)]
    assert order_of(Index(1000.0), *curves, capacity=2)[:2] == [(1, 1), (0, 1)]


@given(classes=kinked, load=st.floats(0.01, 1000))
def test_the_bound_keeps_the_order_of_marginals_under_the_index(classes: list[PoolClass], load: float) -> None:
    named = tuple(PoolClass(str(i), c.utility, c.capacity) for i, c in enumerate(classes))
    paper, index = FleetSpec(named), FleetSpec(named, order=Index(load))
    assert index.optimal_ranking == paper.ranking
    assert (index.integers, index.bound_ranking) == (paper.integers, paper.bound_ranking)
    pools = [1] * len(named)
    assert optimum(index.optimal_ranking, pools, 2) == optimum(paper.ranking, pools, 2)


def test_an_order_by_marginals_fills_the_optimum_itself() -> None:
    classes = (PoolClass("a", falling([1, 1]), 2), PoolClass("b", falling([3, 1]), 2))
    spec = FleetSpec(classes, order=Kink())
    assert spec.optimal_ranking is spec.ranking
    assert spec.ranking.order == ((1, 1), (1, 2), (0, 1), (0, 2))
