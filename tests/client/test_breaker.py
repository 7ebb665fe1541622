"""The circuit breaker, without I/O: when it opens, for how long, and who may probe."""

from __future__ import annotations

import random
from typing import Any

import pytest

from slta_client import Breaker
from slta_client.breaker import CircuitBreaker
from slta_client.replies import Reply, failed
from tests.inventory import each

TIMEOUT = failed("timeout")
ANSWER = Reply(201, "", {})


class Driven(CircuitBreaker):
    """A breaker with placements that take no time."""

    def __init__(self, limits: Breaker | None = None) -> None:
        super().__init__(limits or Breaker(), random.Random(1))

    def place(self, now: float, *, ok: bool = False) -> bool:
        """Whether the placement was sent."""
        admission = self.admit(now)
        if admission is None:
            return False
        self.settle(admission, ANSWER if ok else TIMEOUT, now)
        return True


def opened(at: float = 0.0) -> Driven:
    breaker = Driven()
    for _ in range(5):
        breaker.place(at)
    return breaker


@each(("failures", "is_closed"), [(0, True), (4, True), (5, False)])
def test_it_opens_after_five_failures_in_a_row(failures: int, is_closed: bool) -> None:
    breaker = Driven()
    for _ in range(failures):
        assert breaker.place(0.0)
    assert breaker.is_closed == is_closed


def test_an_answer_between_failures_counts_them_anew() -> None:
    breaker = Driven()
    for ok in [False] * 4 + [True] + [False] * 4:
        breaker.place(0.0, ok=ok)
    assert breaker.is_closed


def test_while_it_is_open_nothing_is_sent_and_then_one_probe_at_a_time() -> None:
    breaker = opened()
    assert not breaker.place(0.74)
    assert breaker.admit(1.0) is not None
    assert breaker.admit(1.0) is None


def test_it_is_open_twice_as_long_after_each_failed_probe_up_to_30_s_with_jitter() -> None:
    breaker, now, seconds = opened(), 0.0, []
    for _ in range(8):
        seconds.append(breaker.open_until - now)
        now = breaker.open_until
        assert breaker.place(now)
    bounds = [1, 2, 4, 8, 16, 30, 30, 30]
    assert [(one, bound) for one, bound in zip(seconds, bounds, strict=True) if not 0.75 * bound <= one <= bound] == []
    assert len({one / bound for one, bound in zip(seconds, bounds, strict=True)}) == 8


def test_a_probe_that_is_answered_closes_it_and_the_next_opening_is_short_again() -> None:
    breaker = opened()
    breaker.place(1.0)
    assert breaker.place(10.0, ok=True)
    assert breaker.is_closed
    for _ in range(5):
        assert breaker.place(20.0)
    assert breaker.open_until <= 21.0


def test_a_placement_that_fails_after_the_opening_does_not_prolong_it() -> None:
    breaker = Driven()
    slow = breaker.admit(0.0)
    for _ in range(5):
        breaker.place(0.0)
    until = breaker.open_until
    breaker.settle(slow, TIMEOUT, 0.9)
    assert breaker.open_until == until


def test_a_placement_that_is_answered_after_the_opening_closes_it() -> None:
    breaker = opened()
    breaker.settle(object(), ANSWER, 0.0)
    assert breaker.place(0.0)


def test_a_placement_that_is_over_does_not_end_the_probe_of_another() -> None:
    breaker = Driven()
    slow = breaker.admit(0.0)
    for _ in range(5):
        breaker.place(0.0)
    assert breaker.admit(1.0) is not None
    breaker.settle(slow, None, 1.0)
    breaker.settle(None, None, 1.0)
    assert breaker.admit(1.0) is None


def test_an_answer_to_another_call_lets_a_probe_through_at_once() -> None:
    breaker = opened()
    breaker.heard(0.1)
    assert not breaker.is_closed
    assert breaker.place(0.1)
    assert not breaker.place(0.2)


def test_an_answer_to_another_call_leaves_a_closed_breaker_closed() -> None:
    breaker = Driven()
    breaker.heard(5.0)
    assert breaker.is_closed


def test_its_limits_can_be_set() -> None:
    breaker = Driven(Breaker(failures=1, open_seconds=5, max_open_seconds=6))
    breaker.place(0.0)
    assert 3.75 <= breaker.open_until <= 5
    at = breaker.open_until
    breaker.place(at)
    assert breaker.open_until - at <= 6


@each("wrong", [{"failures": 0}, {"open_seconds": 0}, {"max_open_seconds": 0.5}, {"max_open_seconds": float("inf")}])
def test_limits_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a breaker needs"):
        Breaker(**wrong)
