"""The schedule of predictions: who is next, and how much of a processor they take together."""

from __future__ import annotations

import pytest

from slta.expected_gap.schedule import KEPT_SECONDS, PAUSE_SECONDS, RECENT_SECONDS, SHARE, Schedule, Turn


def test_predictions_of_any_number_of_fleets_take_a_share_of_one_processor() -> None:
    schedule, now, spent = Schedule(), 0.0, 0.0
    fleets = [f"fleet-{k}" for k in range(1000)]
    for fleet in fleets:
        schedule.read(fleet, now, by_scrape=True)
    while now < 1000:
        turn = schedule.next(fleets, now)
        assert turn is not None
        began = max(now, turn.at)
        now = began + 0.2
        schedule.predicted(turn.fleet, began, now, 0.2)
        spent += 0.2
    assert spent / now == pytest.approx(SHARE, rel=0.01)


def test_each_fleet_has_its_turn_before_one_has_a_second() -> None:
    schedule, turns = Schedule(), list[str]()
    fleets = [f"fleet-{k}" for k in range(100)]
    for step in range(100):
        for fleet in fleets:
            schedule.read(fleet, step, by_scrape=True)
        turn = schedule.next(fleets, step)
        assert turn is not None
        turns.append(turn.fleet)
        schedule.predicted(turn.fleet, step, step, 0.0)
    assert sorted(turns) == sorted(fleets)


@pytest.mark.parametrize(
    ("called", "scraped", "first"),
    [
        ({"a": 100}, {"b": 100}, "a"),
        ({"b": 100}, {"a": 100}, "b"),
        ({"b": 100 - RECENT_SECONDS - 1}, {"a": 100}, "a"),
        ({"a": 100 - RECENT_SECONDS - 1}, {"b": 100}, "b"),
        ({}, {"a": 100 - RECENT_SECONDS - 1, "b": 100}, "b"),
    ],
    ids=["called before scraped", "whatever its name", "called long ago", "or the other", "scraped long ago"],
)
def test_the_fleet_read_least_recently_is_last(called: dict[str, float], scraped: dict[str, float], first: str) -> None:
    schedule = Schedule()
    for fleet, at in called.items():
        schedule.read(fleet, at)
    for fleet, at in scraped.items():
        schedule.read(fleet, at, by_scrape=True)
    assert schedule.next("ab", 100) == Turn(first, 100)


def test_a_fleet_pauses_after_its_turn() -> None:
    schedule = Schedule(share=1)
    for fleet in "ab":
        schedule.read(fleet, 100)
    schedule.predicted("a", 100, 101, 1)
    assert schedule.next("ab", 101) == Turn("b", 101)
    schedule.predicted("b", 101, 103, 2)
    assert schedule.next("ab", 103) == Turn("a", 100 + PAUSE_SECONDS)
    assert schedule.next("ab", 120) == Turn("a", 120)


def test_the_next_turn_begins_when_the_share_allows_it() -> None:
    schedule = Schedule(share=0.25)
    for fleet in "ab":
        schedule.read(fleet, 100)
    schedule.predicted("a", 100, 104, 2)
    assert schedule.next("ab", 104) == Turn("b", 104 + 3 * 2)


def test_nobody_is_next_without_a_question() -> None:
    assert Schedule().next([], 0) is None


def test_a_fleet_that_nobody_reads_is_forgotten() -> None:
    schedule = Schedule()
    schedule.read("a", 0)
    schedule.read("b", 1, by_scrape=True)
    assert schedule.forget(KEPT_SECONDS - 1) == set()
    assert schedule.forget(KEPT_SECONDS) == {"a"}
    assert schedule.forget(KEPT_SECONDS) == set()
    assert schedule.next("b", KEPT_SECONDS) == Turn("b", KEPT_SECONDS)
