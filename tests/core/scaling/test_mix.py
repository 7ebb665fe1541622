"""The fluid mix is the optimum of its linear programme."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from slta.core.scaling.mix import fluid_mix, hull_of

COLUMNS = st.lists(st.integers(-2, 9), min_size=1, max_size=5).map(lambda values: sorted(values, reverse=True))


class Case(NamedTuple):
    """Marginals and costs by class, classes and sessions by type, and an aim as a part of the way to the best."""

    marginals: list[list[int]]
    costs: list[int]
    classes: list[list[int]]
    loads: list[int]
    part: float


@st.composite
def cases(draw: st.DrawFn) -> Case:
    marginals = draw(st.lists(COLUMNS, min_size=1, max_size=4))
    costs = [draw(st.integers(1, 9)) for _ in marginals]
    own = st.lists(st.integers(0, len(marginals) - 1), min_size=1, unique=True)
    classes = draw(st.lists(own, min_size=1, max_size=3))
    return Case(marginals, costs, classes, [draw(st.integers(1, 50)) for _ in classes], draw(st.floats(0, 1)))


def least_cost(case: Case, aim: float) -> float:
    """Of sessions by type, class and level of their pool whose utility is `aim`."""
    points = [
        (t, c, k) for t, own in enumerate(case.classes) for c in own for k in range(1, 1 + len(case.marginals[c]))
    ]
    of_type = [[float(t == own) for t, *_ in points] for own in range(len(case.loads))]
    utility = [-sum(case.marginals[c][:k]) / k for _, c, k in points]
    cost = [case.costs[c] / k for _, c, k in points]
    return float(linprog(cost, [utility], [-aim], of_type, case.loads).fun)


@given(case=cases())
def test_it_costs_what_the_linear_programme_of_all_levels_costs(case: Case) -> None:
    parts = [
        (hull_of(case.marginals, case.costs, own), load) for own, load in zip(case.classes, case.loads, strict=True)
    ]
    least, best = (sum(load * hull[at].utility for hull, load in parts) for at in (0, -1))
    aim = least + case.part * (best - least)
    pools = fluid_mix(parts, "utility", aim, len(case.costs))
    cost = sum(map(float.__mul__, pools, map(float, case.costs)))
    assert cost == pytest.approx(least_cost(case, aim - 1e-7), rel=1e-5)
    assert fluid_mix(parts, "cost", cost, len(case.costs)) == pytest.approx(pools, abs=1e-5)


def test_half_the_money_that_the_cheapest_pools_cost_buys_half_of_them() -> None:
    assert fluid_mix([(hull_of([(2, 1)], [3], [0]), 10.0)], "cost", 7.5, 1) == [2.5]
