"""How long what waits will wait, as fast as the server answered lately."""

from __future__ import annotations

import pytest

from slta.store._batching.batcher import FIRST_SECONDS_PER_CALL, CallTimeEstimate


def told(*calls: float) -> float:
    pace = CallTimeEstimate()
    for seconds in calls:
        pace.took(seconds)
    return pace.seconds_per_call


def test_before_any_call_a_guess_stands() -> None:
    assert told() == pytest.approx(FIRST_SECONDS_PER_CALL)


def test_one_slow_call_among_quick_ones_says_little() -> None:
    # A second of calls of 2 ms, of which one of 0.2 s is left with e^-0.2 = 0.82: 410 + 1 calls in 1.02 s.
    assert told(*[0.002] * 5000, 0.2) == pytest.approx((0.82 * 1 + 0.2) / (0.82 * 500 + 1), rel=0.01)


def test_a_server_that_stops_by_turns_is_as_slow_as_its_turns() -> None:
    # Four calls in each tenth of a second.
    assert told(*[0.003, 0.003, 0.003, 0.091] * 100) == pytest.approx(0.025, rel=0.1)


def test_a_server_that_is_quick_again_is_believed_within_a_few_seconds_of_calls() -> None:
    # Five seconds of calls later, what was before has e^-5 = 0.7 % of its weight.
    assert told(*[0.1] * 100, *[0.002] * 2500) == pytest.approx(0.002, rel=0.02)
