"""The placement gap that is to be expected of JLMU, beside fleets that are solved exactly, and its properties."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum
from slta.core.ranking import Coordinate, Ranking
from slta.fleet_file import FleetFile
from slta_planning.expected_gap import (
    NotByMarginalError,
    TooLargeError,
    blocking,
    expected_placement_gap,
    gap,
    mismatch,
    offered_load,
    steps_of,
    usual_gap,
)
from tests.core.strategies import Fleet, fleets

State = tuple[tuple[int, ...], ...]
"""The occupancies of each class's pools, from the smallest: pools of a class do not differ."""


def ranking_of(*marginals: Sequence[float], ties: Sequence[int] | None = None) -> Ranking:
    """The order by these marginals; classes that come first in `ties` win them."""
    first = {i: at for at, i in enumerate(ties or range(len(marginals)))}
    entries = [(-m, first[i], x, i) for i, column in enumerate(marginals) for x, m in enumerate(column)]
    order = tuple(Coordinate(i, x + 1) for _, _, x, i in sorted(entries))
    return Ranking(order, tuple(tuple(map(float, column)) for column in marginals))


def moved(state: State, pool_class: int, occupancy: int, change: int) -> State:
    """A pool of so many sessions has one more, or one less."""
    pools = list(state[pool_class])
    pools[pools.index(occupancy)] += change
    return (*state[:pool_class], tuple(sorted(pools)), *state[pool_class + 1 :])


def flows(ranking: Ranking, state: State, load: float) -> Counter[State]:
    """Where JLMU goes from a state, and how fast; the mean holding time is 1."""
    rates: Counter[State] = Counter()
    for i, level in ranking.order:
        if level - 1 in state[i]:
            rates[moved(state, i, level - 1, 1)] += load  # type: ignore[assignment]
            break
    for i, pools in enumerate(state):
        for occupancy in filter(None, pools):
            rates[moved(state, i, occupancy, -1)] += occupancy
    return rates


def exact_gap(ranking: Ranking, pools: Sequence[int], load: float) -> float:
    """⟨U*(N) − U⟩ per pool from the stationary distribution of all occupancies."""
    states: list[State] = [tuple((0,) * count for count in pools)]
    at = {states[0]: 0}
    for state in states:
        for after in flows(ranking, state, load):
            if after not in at:
                at[after] = len(states)
                states.append(after)
    balance = np.zeros((len(states) + 1, len(states)))
    balance[-1] = 1.0
    for state in states:
        for after, rate in flows(ranking, state, load).items():
            balance[at[after], at[state]] += rate
            balance[at[state], at[state]] -= rate
    right = np.zeros(len(states) + 1)
    right[-1] = 1.0
    weights = np.linalg.lstsq(balance, right, rcond=None)[0]
    return float(sum(w * lost(ranking, pools, state) for w, state in zip(weights, states, strict=True))) / sum(pools)


def lost(ranking: Ranking, pools: Sequence[int], state: State) -> float:
    """U*(N) − U of one state."""
    values = [list(accumulate(column, initial=0.0)) for column in ranking.marginals]
    utility = sum(values[i][x] for i, occupancies in enumerate(state) for x in occupancies)
    best = optimum(ranking, pools, sum(map(sum, state)))
    assert best is not None
    return best.utility - utility


@pytest.mark.parametrize("load", [0.7, 2.5, 4.0])
def test_pools_of_one_session_are_exact(load: float) -> None:
    """Sessions beyond a rank leave at the rate 1 each: nothing is estimated."""
    ranking, pools = ranking_of([5], [3], [2.5], [1]), (2, 1, 3, 2)
    assert expected_placement_gap(ranking, pools, load) == pytest.approx(exact_gap(ranking, pools, load), rel=1e-9)


@pytest.mark.parametrize("load", [0.5, 2.0, 3.5])
def test_equal_pools_of_two_sessions_are_exact(load: float) -> None:
    """H counts the empty pools, E those that hold two."""
    ranking = ranking_of([4, 1])
    assert expected_placement_gap(ranking, [3], load) == pytest.approx(exact_gap(ranking, [3], load), rel=1e-9)


@pytest.mark.parametrize(
    ("marginals", "pools", "load"),
    [
        (([5, 3, 1.5, 0.5], [4, 2, 1]), (2, 2), 4.0),
        (([5, 3, 1.5, 0.5], [4, 2, 1]), (2, 2), 7.0),
        (([3, 2, 1], [2.5, 2.5, 0.5]), (2, 2), 5.0),
        (([1, 1, 1], [2, 1.5, 0.5], [1.2, 0.1]), (1, 2, 1), 5.0),
        (([4, 1, 1, 1, 1], [2, 2, 2, 0.5]), (2, 2), 6.0),
        (([1.5] * 3 + [0.1] * 3, [1.9, 1.6, 1.4, 1.2, 0.8, 0.3]), (2, 2), 9.0),
    ],
)
def test_tiny_fleets_are_near(marginals: tuple[list[float], ...], pools: tuple[int, ...], load: float) -> None:
    """Where misplaced sessions are left out of the estimate, each is 3 to 8 % wrong."""
    ranking = ranking_of(*marginals)
    assert expected_placement_gap(ranking, pools, load) == pytest.approx(exact_gap(ranking, pools, load), rel=0.03)


@pytest.mark.parametrize(
    ("marginals", "pools", "load", "gap"),
    [
        (([5, 3, 1.5, 0.5], [4, 2, 1]), (2, 2), 12.0, 0.097337),
        (([5, 3, 1.5, 0.5], [4, 2, 1]), (2, 2), 15.0, 0.078299),
        (([3, 2, 1], [2.5, 2.5, 0.5]), (2, 2), 11.0, 0.104490),
        (([4, 1, 1, 1, 1], [2, 2, 2, 0.5]), (2, 2), 17.0, 0.101199),
    ],
)
def test_tiny_fleets_that_refuse_sessions_are_near(
    marginals: tuple[list[float], ...], pools: tuple[int, ...], load: float, gap: float
) -> None:
    """`gap` is the exact one, of the stationary distribution; of the offered `load` 12 to 22 % are refused."""
    ranking = ranking_of(*marginals)
    assert exact_gap(ranking, pools, load) == pytest.approx(gap, abs=1e-6)
    assert expected_placement_gap(ranking, pools, load) == pytest.approx(gap, rel=0.03)


def erlang(load: float, places: int) -> float:
    """Erlang B by its recursion."""
    found = 1.0
    for k in range(1, places + 1):
        found = load * found / (k + load * found)
    return found


@pytest.mark.parametrize(("load", "places"), [(0.3, 1), (8.0, 10), (95.0, 100), (110.0, 100), (5e4, 5e4), (3.0, 500)])
def test_the_offered_load_has_the_mean_that_is_present(load: float, places: int) -> None:
    refused = erlang(load, int(places))
    assert blocking(load, places) == pytest.approx(refused, rel=1e-9, abs=1e-300)
    assert offered_load(load * (1 - refused), places, 0.3) == pytest.approx(load, rel=1e-6)
    if refused > 1e-6:
        assert offered_load(load * (1 - refused), places, 0.99 * refused) is None
    else:
        assert offered_load(load, places) == load


TWO_CLASSES = ranking_of([math.log(20 / (x + 1)) for x in range(60)], [math.log(30 / (x + 1)) for x in range(60)])


def test_a_wider_window_changes_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = expected_placement_gap(TWO_CLASSES, [10, 10], 195.0)
    monkeypatch.setattr(mismatch, "WIDTH", 7.0)
    assert expected_placement_gap(TWO_CLASSES, [10, 10], 195.0) == pytest.approx(usual, rel=1e-3)


def test_a_wider_window_changes_next_to_nothing_at_a_load_above_the_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    ranking = ranking_of([math.log(20 / (x + 1)) for x in range(8)], [math.log(30 / (x + 1)) for x in range(12)])
    usual = expected_placement_gap(ranking, [30, 30], 690.0)
    monkeypatch.setattr(mismatch, "WIDTH", 10.0)
    assert expected_placement_gap(ranking, [30, 30], 690.0) == pytest.approx(usual, rel=1e-2)


def test_weights_that_are_scaled_down_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = expected_placement_gap(TWO_CLASSES, [10, 10], 195.0)
    monkeypatch.setattr(mismatch, "LARGEST", 1e3)
    assert expected_placement_gap(TWO_CLASSES, [10, 10], 195.0) == pytest.approx(usual, rel=1e-9)


def test_a_class_that_fills_far_below_the_frontier_counts() -> None:
    """Ten pools of two sessions, worth 9 each, are refilled at each departure: of 1,000 sessions 20 are there."""
    ranking = ranking_of([9, 9], [1 - x / 1000 for x in range(100)])
    alone = expected_placement_gap(ranking, [0, 20], 980.0) * 20
    assert expected_placement_gap(ranking, [10, 20], 1000.0) * 30 - alone > 8 * 20 / 1000 / 2


def test_nothing_is_lost_without_pools_without_sessions_and_where_all_sessions_are_worth_the_same() -> None:
    assert expected_placement_gap(TWO_CLASSES, [0, 0], 3.0) == 0
    assert expected_placement_gap(TWO_CLASSES, [3, 3], 0.0) == 0
    assert expected_placement_gap(ranking_of([2] * 9, [2] * 9), [3, 3], 20.0) == 0


def test_ties_may_be_in_any_order() -> None:
    """50 sessions are worth 2. Those beyond leave sooner from pools of which they are the sixth than the second."""
    marginals = ([2.0] * 5 + [1.0] * 5, [2.0] + [1.0] * 9)
    one, other = (expected_placement_gap(ranking_of(*marginals, ties=t), [8, 10], 50.0) for t in ((0, 1), (1, 0)))
    assert 0 < one < 0.9 * other


def test_an_order_that_is_not_by_marginal_is_refused() -> None:
    ranking = Ranking((Coordinate(1, 1), Coordinate(0, 1)), ((4.0,), (3.0,)))
    with pytest.raises(NotByMarginalError):
        expected_placement_gap(ranking, [1, 1], 1.0)


def test_what_takes_too_many_steps_is_refused_before_it_begins() -> None:
    steps = steps_of(gap.slots_of(TWO_CLASSES, [10, 10]), 195.0)
    assert expected_placement_gap(TWO_CLASSES, [10, 10], 195.0, most_steps=steps) > 0
    with pytest.raises(TooLargeError):
        expected_placement_gap(TWO_CLASSES, [10, 10], 195.0, most_steps=steps - 1)


@given(fleets(), st.floats(0.05, 0.7), st.floats(-3, 3))
def test_it_is_not_negative_and_a_slope_of_all_classes_is_no_loss(fleet: Fleet, part: float, slope: float) -> None:
    assume(sum(fleet.pools) > 0)
    load = part * fleet.capacity()
    found = expected_placement_gap(fleet.ranking, fleet.pools, load)
    tilted = tuple(tuple(m + slope for m in column) for column in fleet.ranking.marginals)
    scale = max(abs(m) for column in (*tilted, *fleet.ranking.marginals) for m in column)
    assert found >= -1e-9 * scale
    same = expected_placement_gap(Ranking(fleet.ranking.order, tilted), fleet.pools, load)
    assert same == pytest.approx(found, rel=1e-6, abs=1e-9 * scale * load)


def nearly_full(**changes: object) -> FleetSpec:
    """Two pools of 20 places in all, of which sessions beyond the first ten are worth less."""
    tables = {"a": [0, *accumulate([5] * 5 + [1] * 5)], "b": [0, *accumulate([4] * 5 + [3] * 5)]}
    classes = [
        {"name": name, "capacity": 10, "utility": {"kind": "table", "values": values}}
        for name, values in tables.items()
    ]
    return FleetFile.read({"classes": classes, **changes}).to_spec()


def test_the_usual_gap_of_a_nearly_full_fleet_is_that_of_its_offered_load() -> None:
    """Of 20 sessions 0.158892 are refused, of 19 0.13376144 (Erlang B for 20 places)."""
    spec, present = nearly_full(), 19 * (1 - 0.13376144)
    best = optimum(spec.ranking, [1, 1], present)
    assert best is not None
    lost = expected_placement_gap(spec.ranking, [1, 1], 19.0) * 2
    assert usual_gap(spec, [1, 1], present) == pytest.approx(lost / best.utility, rel=1e-6)
    assert usual_gap(spec, [1, 1], 20 * (1 - 0.158892)) is None


def test_there_is_no_usual_gap_with_session_types_another_order_or_too_much_to_compute() -> None:
    typed = nearly_full(policy="jlmu", session_types={"narrow": ["a"]})
    ordered = nearly_full(policy="jlmu", order={"kind": "index", "load_per_pool": 1, "pools": 1})
    assert [usual_gap(spec, [1, 1], 5.0) for spec in (typed, ordered)] == [None, None]
    assert usual_gap(nearly_full(), [1_000_000, 1_000_000], 1e7) is None
    assert usual_gap(nearly_full(), [1, 1], 0.0) == 0.0
