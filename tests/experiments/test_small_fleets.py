"""Section 9.3, the optimum of small fleets, and the index order."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate

import pytest

from lab.studies.index import orders
from lab.studies.small import KINKED, SMOOTH, TIED, reversed_ties, section_9_3
from lab.studies.suboptimal import all_to_two, exact_row, greedy, momentary_bound
from slta.core.orders import Index
from slta.core.orders.index import prices
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import TABLE_1, FleetShape
from slta_experiments.optimal_control import best_and_ordered, chain_of
from slta_experiments.workload import generator, stationary


@pytest.mark.parametrize("load", [0.3, 1.0, 3.0])
def test_the_process_gives_jlmus_exact_value_in_section_9_3(load: float) -> None:
    row = exact_row(load)
    assert row["jlmu_process"] == pytest.approx(greedy(0.05, load), rel=1e-6)
    assert row["jlmu_process"] <= row["optimum"] + 1e-9
    assert all_to_two(load) <= row["optimum"] + 1e-6
    assert row["optimum"] <= row["momentary_bound"] + 1e-9 <= row["bound"] + 2e-9


def test_greedy_loses_where_the_papers_inequality_holds() -> None:
    # ερ + ρ/(ρ+1) < 1 − e^−ρ at ε = 1/20, ρ = 1: 0.05 + 0.5 < 0.632.
    assert all_to_two(1.0) > 0.05 * 1 + 1 / 2
    assert greedy(0.05, 1.0) < all_to_two(1.0)


def test_simulated_jlmu_agrees_with_the_formula() -> None:
    # n · horizon is 20,000 holding times: the standard error of P(Y = 1) is about √(0.25 / 20,000) ≈ 0.004.
    shape, load = section_9_3(Fraction(1, 20)), 1.0
    workload = stationary(generator(93), load, 10_010.0)
    seen = 2 * simulate(shape, 2, "JLMU", workload, Run(horizon=10_010.0)).gaps.utility_mean
    assert seen == pytest.approx(greedy(0.05, load), abs=0.02)


def truncated(load: float, threshold: int, value: Callable[[int], float]) -> Fraction:
    """E of a function of the occupancy of an Erlang loss system, term by term and exactly."""
    weights = [Fraction(load) ** k / math.factorial(k) for k in range(threshold + 1)]
    return sum((w * Fraction(value(k)) for k, w in enumerate(weights)), Fraction(0)) / sum(weights)


@pytest.mark.parametrize("load", [0.5, 3.0, 20.0])
def test_the_price_is_the_quotient_of_its_definition(load: float) -> None:
    marginals = TABLE_1.ranking.marginals[0][:12]
    u = [0.0, *accumulate(marginals)].__getitem__
    for threshold, price in enumerate(prices(marginals, load)):
        earned = truncated(load, threshold + 1, u) - truncated(load, threshold, u)
        taken = truncated(load, threshold + 1, int) - truncated(load, threshold, int)
        assert price == pytest.approx(float(earned / taken), rel=1e-9)


def test_the_price_tends_to_the_marginal_utility_as_the_load_grows() -> None:
    marginals = TABLE_1.ranking.marginals[1][:15]
    # E_T[X] = T − T/Λ + …, so W(T) differs from Δ by less than T (Δ(0) − Δ(T)) / Λ.
    for price, marginal, level in zip(prices(marginals, 1e6), marginals, range(15), strict=True):
        assert price == pytest.approx(marginal, abs=level * (marginals[0] - marginals[14]) / 1e6 + 1e-12)


def test_the_index_order_is_greedys_on_table_1_from_a_few_pools_on() -> None:
    for n in (4, 10, 100):
        levels = [c for c in TABLE_1.arranged(Index(9.75 * n)).order if c.level <= 14]
        assert levels == [c for c in TABLE_1.ranking.order if c.level <= 14]


@pytest.mark.parametrize(("shape", "load"), [(section_9_3(), 0.5), (KINKED, 1.5), (SMOOTH, 1.0), (TIED, 2.0)])
def test_the_index_is_nearly_optimal_for_two_pools_where_greedy_is_not(shape: FleetShape, load: float) -> None:
    chain = chain_of(shape.ranking, (1, 1), 14)
    best, values = best_and_ordered(chain, 2 * load, orders(shape, 2, load))
    assert values["JLMU"] < 0.997 * best
    assert 0.9995 * best < values["index"] <= best + 1e-6
    assert best <= momentary_bound(shape, 2, load) + 1e-6


def test_reversing_ties_changes_ties_between_classes_only() -> None:
    for shape in (TIED, SMOOTH):
        first, second = shape.ranking, reversed_ties(shape)
        assert first.order != second.order
        marginals = [first.marginal_at(k) for k in range(1, len(first) + 1)]
        assert marginals == pytest.approx([second.marginal_at(k) for k in range(1, len(second) + 1)])
        assert second.ranks[0] == tuple(sorted(second.ranks[0]))
