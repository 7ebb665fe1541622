"""Fleets with session types in observations, on states that are written down by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from slta.core.policies import POLICIES
from slta.core.session_types.intervals import Interval
from slta.dashboard.frames import frame
from slta.models import Snapshot, TypeIntegrals, TypeSnapshot
from slta.models.errors import UtilitiesChangedError
from slta.views.averages import (
    averages,
    completed,
    decode_integrals,
    encode_integrals,
    least_connections_gap,
    observe_averages,
)
from slta.views.session_types import SessionCounts, TypeObservation
from slta.views.state import observe_state
from tests.views.test_views import SCALE, SECOND, SPEC, integrals, snapshot

TYPED = replace(SPEC, policy=POLICIES["jlmu"], session_types={"narrow": ["b"]})
"""u_a = 4, 7, 9; u_b = 3, 5: sessions of `narrow` may use b only."""
AS_READ = {"pools": None, "away": [], "damage": None, "store": "reachable"}
NO_REFUSALS = {"no_capacity": 0, "no_active_pool": 0, "incompatible": 0}


def of_types(**changes: Any) -> list[TypeSnapshot]:
    """Type `default` has no session, `narrow` two on active pools and one on a draining one."""
    refused = NO_REFUSALS | changes.get("refused", {})
    return [
        TypeSnapshot(name="default", sessions=0, inside=[0, 0], other_sessions=0, assigned=3, refused=NO_REFUSALS),
        TypeSnapshot(name="narrow", sessions=2, inside=[0, 2], other_sessions=1, assigned=5, refused=refused),
    ]


def two_on_b(**changes: Any) -> Snapshot:
    """One pool a class; b holds both sessions of `narrow`: U = U*(N_1, N_2, A) = 5, and 7 if they could use a."""
    return snapshot([1], [1, 1, 1], utility=5 * SCALE, optimum=7 * SCALE, types=of_types(**changes))


@pytest.mark.parametrize(
    ("a", "b", "reserve", "expected"),
    [
        ([1], [1, 1, 1], 0.5, [(0, []), (0, [])]),  # nobody has another class than a, and b is full
        ([1], [2, 1, 1], 0.5, [(0, []), (1, ["narrow"])]),  # ½ (1 + √3) = 1.4 places of two
        ([1], [2, 1, 1], 9.0, [(0, []), (2, ["narrow"])]),
        ([1, 1, 1, 1], [2, 1, 1], 0.5, [(0, []), (0, [])]),  # nobody has another class than b
        ([1], [2, 1, 1], 0.0, [(0, []), (0, [])]),
    ],
)
def test_the_state_has_the_places_that_are_kept_and_for_whom(
    a: list[int], b: list[int], reserve: float, expected: list[tuple[int, list[str]]]
) -> None:
    seen = observe_state(snapshot(a, b, types=of_types()), replace(TYPED, reserve=reserve))
    assert [(one.kept_places, one.kept_for) for one in seen.classes] == expected


def test_the_state_has_the_bound_of_the_types_and_what_they_cost() -> None:
    seen = observe_state(two_on_b(), TYPED)
    assert (seen.utility, seen.utility_bound, seen.relative_gap, seen.compatibility_gap) == (5, 5, 0, 2)
    assert (seen.optimal_rank, seen.load_price) == (None, None), "there is no single price"
    assert [one.load_price for one in seen.session_types] == [4, 0], "b has no third place"
    assert [(c.optimal_threshold, c.pool_worth) for c in seen.classes] == [(None, 0), (None, 1)]
    assert [c.optimal_occupancy for c in seen.classes] == [[1], [1, 1, 1]]


def test_the_state_has_sessions_and_counters_by_type() -> None:
    _, narrow = observe_state(two_on_b(refused={"no_capacity": 4}), TYPED).session_types
    assert narrow == TypeObservation(
        name="narrow",
        pool_classes=["b"],
        sessions=SessionCounts(active=2, draining=1),
        assigned=5,
        refused=NO_REFUSALS | {"no_capacity": 4},
        load_price=0,
    )


def test_without_types_the_new_fields_are_empty() -> None:
    seen = observe_state(snapshot([1], [1, 1, 1]), SPEC)
    assert (seen.session_types, seen.compatibility_gap) == ([], None)
    answer = observe_averages(snapshot([1], [1], integrals=integrals(time=SECOND)), integrals(), SPEC)
    assert (answer.compatibility_gap, answer.relative_compatibility_gap, answer.mean_sessions_by_type) == (
        None,
        None,
        {},
    )


def means_of(sessions: tuple[float, float], optimum: float, types_optimum: float, utility: float) -> Any:
    """Integrals of one second on one pool a class."""
    pair = [(float(round(x * SCALE * SECOND)), 0.0) for x in (utility, optimum, optimum - types_optimum)]
    counts = tuple((x * SECOND, 0.0) for x in sessions)
    return integrals(
        time=SECOND, sessions=(sum(sessions) * SECOND, 0.0), utility=pair[0], optimum=pair[1],
        pools=((1.0 * SECOND, 0.0), (1.0 * SECOND, 0.0)), types=TypeIntegrals(compatibility=pair[2], sessions=counts),
    )  # fmt: skip


BEGIN = integrals(types=TypeIntegrals(compatibility=(0.0, 0.0), sessions=((0.0, 0.0), (0.0, 0.0))))


def test_the_averages_have_the_bound_of_the_types() -> None:
    """One session of each type on average: a at its first level, 4, and b, 3. Per pool half of it."""
    newer = means_of((1.0, 1.0), optimum=7, types_optimum=6, utility=5.5)
    found = averages(newer, BEGIN, TYPED)
    assert found
    assert (found.utility_bound, found.utility_optimum_mean, found.compatibility_gap) == (3.5, 3, 0.5)
    assert (found.placement_gap, found.swing_gap) == (0.25, 0.5)
    answer = observe_averages(snapshot([1], [1], integrals=newer), BEGIN, TYPED)
    assert answer.mean_sessions_by_type == {"default": 1, "narrow": 1}
    assert answer.relative_compatibility_gap == pytest.approx(0.5 / 3.5)


def test_the_bound_of_the_averages_lets_no_session_leave_its_classes() -> None:
    """Two of `narrow` on average: 3 + 2 on b, where two of `default` would have 4 + 3."""
    narrow = averages(means_of((0.0, 2.0), optimum=7, types_optimum=5, utility=5), BEGIN, TYPED)
    default = averages(means_of((2.0, 0.0), optimum=7, types_optimum=7, utility=7), BEGIN, TYPED)
    assert narrow
    assert default
    assert (narrow.utility_bound, default.utility_bound) == (2.5, 3.5)


def test_integrals_with_and_without_types_cannot_be_compared() -> None:
    with pytest.raises(UtilitiesChangedError):
        averages(means_of((1.0, 1.0), 7, 6, 5), integrals(), TYPED)


def test_integrals_of_types_survive_their_text() -> None:
    given = means_of((1.25, 0.5), 7, 6, 5)
    assert decode_integrals("f", encode_integrals("f", given)) == given


def test_an_interval_whose_bound_the_store_has_not_counts_all_the_same() -> None:
    """Two sessions of `narrow` in a second of two seconds: 5, where they would have 7 if they could use a."""
    newer = means_of((1.0, 1.0), optimum=7, types_optimum=6, utility=4)
    second = float(SECOND)
    interval = Interval(7.0 * SCALE * SECOND, (second, second), (0.0, 2 * second))
    assert newer.types
    waiting = replace(newer, types=replace(newer.types, compatibility=(0.0, 0.0), intervals=(interval,)))
    found = averages(waiting, BEGIN, TYPED)
    assert found
    assert found.utility_optimum_mean == 2.5
    assert completed(completed(waiting, TYPED), TYPED).types == replace(
        newer.types, compatibility=(0.0, 2.0 * SCALE * SECOND)
    )


def test_an_even_spread_is_no_comparison_for_types() -> None:
    assert least_connections_gap(means_of((1.0, 1.0), 7, 6, 5), BEGIN, TYPED) is None


def test_a_frame_has_the_next_placement_of_each_type() -> None:
    seen = frame(two_on_b(), TYPED, AS_READ)
    assert [(one.session_type, one.refused) for one in seen.next_by_type] == [
        ("default", None),
        ("narrow", "no_capacity"),
    ]
    plain = frame(snapshot([1], [1]), SPEC, AS_READ)
    assert plain.next_by_type == []
