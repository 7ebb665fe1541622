"""Snapshots in the paper's terms, checked on states that are written down by hand."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slta.core.fleet import FleetSpec
from slta.fleet_file import FleetFile
from slta.models import ClassSnapshot, Differences, DifferenceSums, Integrals, Snapshot
from slta.models.errors import InvalidIntegralsError, UtilitiesChangedError
from slta.views.averages import (
    averages,
    decode_integrals,
    differences_by_source,
    encode_integrals,
    mean_difference,
    observe_averages,
)
from slta.views.state import observe_state

SECOND = 1_000_000


def spec(policy: str = "slta") -> FleetSpec:
    """u_a = 4, 7, 9; u_b = 3, 5: the order is (a,1) 4, (a,2) 3, (b,1) 3, (a,3) 2, (b,2) 2."""
    curves = {"a": [0, 4, 7, 9], "b": [0, 3, 5]}
    utilities = {name: {"kind": "table", "values": values} for name, values in curves.items()}
    classes = [{"name": n, "capacity": len(curves[n]) - 1, "utility": u} for n, u in utilities.items()]
    return FleetFile.read({"classes": classes, "policy": policy}).to_spec()


SPEC = spec()
OBSERVING = spec("observe")
SCALE = 10**SPEC.integers.exponent


def class_snapshot(name: str, counts: list[int], **changes: Any) -> ClassSnapshot:
    fields: dict[str, Any] = {
        "draining_pools": 0,
        "failed_pools": 0,
        "draining_sessions": 0,
        "green": 0,
        "assigned": {"green": 0, "yellow": 0, "none": 0, "open": 0},
    }
    return ClassSnapshot(name=name, counts=counts, **(fields | changes))


def integrals(**changes: Any) -> Integrals:
    fields: dict[str, Any] = {
        "store_epoch": 7, "utilities_version": 1, "time": 0, "sessions": (0.0, 0.0), "utility": (0.0, 0.0),
        "optimum": (0.0, 0.0), "pools": ((0.0, 0.0), (0.0, 0.0)),
    }  # fmt: skip
    return Integrals(**(fields | changes))


def snapshot(a: list[int], b: list[int], **changes: Any) -> Snapshot:
    fields: dict[str, Any] = {
        "fleet": "f", "document": "", "config_version": 3, "policy": "slta", "store_epoch": 7, "suspect": False,
        "time": 12_500_000, "clock": 19_500_000,
        "sessions": sum(a[1:]) + sum(b[1:]), "draining_sessions": 0, "utility": 0, "optimum": 0,
        "rank": 1, "yellow": 0, "min_green": 2, "classes": [class_snapshot("a", a), class_snapshot("b", b)],
        "counters": {}, "integrals": integrals(), "past": {},
    }  # fmt: skip
    return Snapshot(**(fields | changes))


def test_a_store_that_went_back_is_told_with_how_long_ago() -> None:
    assert observe_state(snapshot([2], [2]), SPEC).went_back_seconds is None
    assert observe_state(snapshot([2], [2], counters={"went_back": 1}), SPEC).went_back_seconds == 12.5


def test_a_state_that_is_not_optimal() -> None:
    """Two pools a class. a holds 3 and 0, b holds 1 and 1: U = 9 + 0 + 3 + 3 = 15.

    Five sessions at best: (a,1) twice 8, (a,2) twice 6, (b,1) once 3: U* = 17 at r* = 3, a threshold of 2.
    """
    taken = snapshot([2, 1, 1, 1], [2, 2], rank=4, utility=15 * SCALE, optimum=17 * SCALE, min_green=2)
    seen = observe_state(taken, SPEC)
    assert (seen.utility, seen.utility_bound, seen.relative_gap) == (15, 17, pytest.approx(2 / 17))
    assert (seen.utility_per_pool, seen.utility_bound_per_pool) == (3.75, 4.25)
    assert (seen.estimate_rank, seen.optimal_rank, seen.load_price) == (4, 3, 3)
    assert (seen.time, seen.capacity, seen.offered_load_estimate) == (12.5, 10, 1.25)
    a, b = seen.classes
    # ℓ(4): (a,3) is not better than rank 4; (b,1) is.
    assert (a.threshold, b.threshold) == (2, 1)
    assert (a.optimal_threshold, b.optimal_threshold) == (2, 0)
    assert (a.optimal_occupancy, b.optimal_occupancy) == ([2, 2, 2], [2, 1])
    # An empty pool of a is worth 4 to one more session; b's pools hold one each: 2.
    assert (a.marginal_utility, b.marginal_utility) == (4, 2)
    assert (a.marginal_utilities, b.marginal_utilities) == ([4, 3, 2], [3, 2])
    # One more pool of a: 4 + 3 for two sessions that were worth the price 3 elsewhere; of b nothing.
    assert (a.pool_worth, b.pool_worth) == (1, 0)


def test_ranks_and_thresholds_are_those_of_the_order_that_dispatches_and_the_bound_is_not() -> None:
    """a: 1, then 0; b: 0.1 and 0.1. At a load of one session the index fills a's second level before b's first."""
    utilities = {"kind": "table", "values": [0, 1, 1]}, {"kind": "linear", "slope": Decimal("0.1")}
    classes = [{"name": name, "capacity": 2, "utility": u} for name, u in zip("ab", utilities, strict=True)]
    order = {"kind": "index", "load_per_pool": 1, "pools": 1}
    spec = FleetFile.read({"policy": "jlmu", "order": order, "classes": classes}).to_spec()
    seen = observe_state(snapshot([1, 1, 1], [1], rank=3, optimum=round(1.1 * 10**spec.integers.exponent)), spec)
    assert (seen.estimate_rank, seen.optimal_rank) == (3, 3), "both places of a, then b's first is next"
    assert [c.optimal_threshold for c in seen.classes] == [2, 0]
    assert (seen.utility_bound, seen.load_price) == (pytest.approx(1.1), pytest.approx(0.1))
    assert [c.optimal_occupancy for c in seen.classes] == [[1, 1], [1, 1]], "the best there is: one on each"


def test_yellow_tokens_belong_to_the_class_of_the_estimate() -> None:
    seen = observe_state(snapshot([2, 1], [2, 1], rank=3, yellow=1), SPEC)
    assert [(c.tokens.green, c.tokens.yellow) for c in seen.classes if c.tokens] == [(0, 0), (0, 1)]


def test_a_class_that_emptied_is_left_out_of_both_ranks() -> None:
    # Of b's coordinates only: (b,1), (b,2). Three sessions on two pools: r* = 2.
    seen = observe_state(snapshot([0], [2, 2, 1], rank=2, yellow=1), SPEC)
    assert (seen.estimate_rank, seen.optimal_rank) == (2, 2)
    a, b = seen.classes
    assert (a.threshold, b.threshold, a.tokens and a.tokens.yellow, b.tokens and b.tokens.yellow) == (0, 1, 0, 1)
    assert (a.marginal_utility, a.occupancy, a.optimal_occupancy) == (None, [0], [0.0])
    # A pool of a would take sessions at 4 and 3, above the price 2.
    assert (seen.load_price, a.pool_worth) == (2, 3)


def test_draining_pools_and_their_sessions_are_counted_apart() -> None:
    classes = [
        class_snapshot("a", [1, 1], draining_pools=2, failed_pools=1, draining_sessions=5),
        class_snapshot("b", [1]),
    ]
    seen = observe_state(snapshot([1, 1], [1], classes=classes, draining_sessions=5), SPEC)
    assert dataclasses.astuple(seen.pools) == (2, 2, 1, 0, 0, 0)
    assert dataclasses.astuple(seen.sessions) == (1, 5)
    assert dataclasses.astuple(seen.classes[0].sessions) == (1, 5)


def test_averages_are_differences_of_integrals_over_the_time_between() -> None:
    """10 s with one pool a class and a session for half of them on a: ⟨U⟩ = ⟨U*⟩ = 2, on two pools."""
    worth, pools = (20.0 * SECOND * SCALE, 0.0), ((10.0 * SECOND, 0.0),) * 2
    newer = integrals(time=20 * SECOND, sessions=(5.0 * SECOND, 0.0), utility=worth, optimum=worth, pools=pools)
    found = averages(newer, integrals(time=10 * SECOND), SPEC)
    assert found is not None
    assert (found.mean_pools, found.mean_sessions_per_pool) == (2, 0.25)
    assert (found.utility_mean, found.utility_optimum_mean, found.utility_bound) == (1, 1, 1)
    assert (found.placement_gap, found.swing_gap) == (0, 0)


def test_swings_cost_even_when_each_placement_is_the_best() -> None:
    """Half of the time four sessions, else none: U* is 14 or 0. At the mean of two it would be 8."""
    half = 5.0 * SECOND
    worth, pools = (14 * half * SCALE, 0.0), ((20.0 * SECOND, 0.0),) * 2
    newer = integrals(time=10 * SECOND, sessions=(4 * half, 0.0), utility=worth, optimum=worth, pools=pools)
    found = averages(newer, integrals(), SPEC)
    assert found is not None
    assert (found.placement_gap, found.swing_gap) == (0, (8 - 7) / 4)
    answer = observe_averages(snapshot([4], [4], integrals=newer), integrals(), SPEC)
    assert (answer.relative_placement_gap, answer.relative_swing_gap) == (0, 1 / 8)


def test_the_low_parts_of_the_sums_count() -> None:
    """After years the high part has no room for a second's worth; the pair keeps it."""
    big = 2.0**70
    newer = integrals(time=SECOND, sessions=(big, 3.0), pools=((big, 1.0), (0.0, 0.0)))
    found = averages(newer, integrals(sessions=(big, 1.0), pools=((big, 0.0), (0.0, 0.0))), SPEC)
    assert found is not None
    assert found.mean_sessions_per_pool == 2


def test_windows_without_time_or_pools_have_no_averages() -> None:
    assert averages(integrals(), integrals(), SPEC) is None
    assert averages(integrals(time=SECOND), integrals(), SPEC) is None
    answer = observe_averages(snapshot([0], [0], integrals=integrals(time=SECOND)), integrals(), SPEC)
    assert (answer.window_seconds, answer.utility_mean, answer.relative_gap) == (1, None, None)


@pytest.mark.parametrize("changes", [{"utilities_version": 2}, {"store_epoch": 8}, {"pools": ((0.0, 0.0),)}])
def test_windows_across_another_kind_of_utility_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UtilitiesChangedError):
        averages(integrals(time=SECOND), integrals(**changes), SPEC)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidIntegralsError):
        averages(integrals(), integrals(time=SECOND), SPEC)


doubles = st.floats(-1e90, 1e90, allow_nan=False)
pairs = st.tuples(doubles, doubles)
sums = st.builds(DifferenceSums, sessions=st.integers(0, 2**53), total=doubles, squares=doubles)
any_differences = st.none() | st.builds(Differences, since=st.integers(0, 2**53), placed=sums, reported=sums)
any_integrals = st.builds(
    integrals,
    differences=any_differences,
    store_epoch=st.integers(0, 2**40),
    utilities_version=st.integers(0, 2**31),
    time=st.integers(0, 2**60),
    sessions=pairs,
    utility=pairs,
    optimum=pairs,
    pools=st.lists(pairs, max_size=64).map(tuple),
)


@given(any_integrals)
def test_integrals_survive_their_text_to_the_last_bit(given_integrals: Integrals) -> None:
    text = encode_integrals("f", given_integrals)
    assert decode_integrals("f", text) == given_integrals
    assert [c for c in text if not (c.isalnum() or c in "-_")] == []
    assert len(text) < 2048


@given(st.text() | st.binary().map(lambda b: b.hex()))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidIntegralsError):
        decode_integrals("f", text)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e308])
def test_integrals_that_nobody_could_have_got_are_refused(number: float) -> None:
    with pytest.raises(InvalidIntegralsError):
        decode_integrals("f", encode_integrals("f", integrals(utility=(number, 0.0))))


def drawn(since: int, placed: Sequence[float] = (), reported: Sequence[float] = ()) -> Integrals:
    """Integrals after sessions with these differences."""
    sums = [
        DifferenceSums(
            sessions=len(values), total=sum(values) * SCALE, squares=sum(value * value for value in values) * SCALE**2
        )
        for values in (placed, reported)
    ]
    return integrals(differences=Differences(since=since, placed=sums[0], reported=sums[1]))


def test_the_difference_at_placing_of_a_fleet_that_observes_is_a_mean_over_the_reports_between() -> None:
    early, late = drawn(0, reported=[1, 4]), drawn(0, reported=[1, 4, 0, 1])
    assert mean_difference(late, early, OBSERVING) == pytest.approx(0.5)
    assert mean_difference(late, None, OBSERVING) == pytest.approx(1.5)
    assert mean_difference(drawn(5, reported=[3]), early, OBSERVING) == pytest.approx(3), "from before a change"
    assert (mean_difference(late, early, SPEC), differences_by_source(late, early, OBSERVING)) == (None, None)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=30), st.lists(st.integers(0, 20), max_size=30))
def test_differences_of_a_source_have_a_sample_s_mean_and_standard_error(later: list[int], earlier: list[int]) -> None:
    found = differences_by_source(drawn(5, reported=[*earlier, *later]), drawn(5, reported=earlier), SPEC)
    assert found
    error = statistics.stdev(later) / len(later) ** 0.5
    assert found.reported.sessions == len(later)
    assert found.reported.mean == pytest.approx(statistics.mean(later), abs=1e-9)
    assert found.reported.standard_error == pytest.approx(error, abs=1e-5)
    assert (found.placed.sessions, found.placed.mean, found.placed.standard_error) == (0, None, None)


def test_one_session_has_a_difference_and_no_standard_error() -> None:
    found = differences_by_source(drawn(5, placed=[3]), None, SPEC)
    assert found
    assert (found.placed.sessions, found.placed.mean, found.placed.standard_error) == (1, pytest.approx(3), None)


def test_sessions_from_before_the_present_curves_order_and_policy_are_not_mixed_in() -> None:
    for older in (drawn(0, placed=[1, 2]), integrals()):
        found = differences_by_source(drawn(5, placed=[3, 3, 3]), older, SPEC)
        assert found
        assert (found.placed.sessions, found.placed.mean) == (3, pytest.approx(3))


def test_without_a_drawn_session_there_are_no_differences_by_source() -> None:
    assert differences_by_source(integrals(), drawn(0, placed=[1]), SPEC) is None
    assert observe_state(snapshot([2], [2]), SPEC).difference_at_placing_by_source is None


def test_without_reports_there_is_no_difference_at_placing() -> None:
    assert mean_difference(drawn(0, reported=[1]), drawn(0, reported=[1]), OBSERVING) is None
    assert mean_difference(integrals(), drawn(0, reported=[1]), OBSERVING) is None
    assert observe_state(snapshot([2], [2]), SPEC).difference_at_placing is None
