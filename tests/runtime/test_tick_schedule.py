"""When fleets are ticked, and which of them share a packet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from slta.runtime.tick_schedule import PACKET_FLEETS, TickSchedule

Draw = Callable[[float, float], float]


def lowest(low: float, high: float) -> float:
    return low


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def highest(low: float, high: float) -> float:
    return high


def schedule(*fleets: str, draw: Draw = middle) -> TickSchedule:
    made = TickSchedule(draw)
    made.keep_only(fleets, 0)
    return made


def test_new_fleets_are_due_at_once_and_those_that_are_taken_only_after_their_tick() -> None:
    ticking = schedule("b", "a")
    assert ticking.take(0) == [["a", "b"]]
    assert ticking.take(99) == []
    ticking.ticked("a", 99, 0, turn=0)
    ticking.keep_only(["a", "b", "c"], 99)
    assert ticking.take(99) == [["c"]]
    assert ticking.take(100) == [["a"]]


@pytest.mark.parametrize(
    ("turn", "draw", "seconds"), [(0, lowest, 0.75), (0, highest, 1.25), (3.5, lowest, 3.5), (3.5, highest, 3.5)]
)
def test_a_fleet_is_due_at_its_stored_turn_or_in_about_a_second(turn: float, draw: Draw, seconds: float) -> None:
    ticking = schedule("a", draw=draw)
    ticking.take(0)
    ticking.ticked("a", 10, 0, turn=turn)
    assert ticking.next_due == 10 + seconds
    assert ticking.take(10 + seconds - 0.001) == []
    assert ticking.take(10 + seconds) == [["a"]]


def test_a_fleet_that_is_gone_is_not_ticked_and_one_that_came_back_is_due_at_once() -> None:
    ticking = schedule("a", "b")
    ticking.keep_only(["b"], 0)
    assert ticking.take(0) == [["b"]]
    ticking.ticked("a", 0, 0, turn=0)
    ticking.keep_only(["a", "b"], 5)
    assert ticking.take(5) == [["a"]]


def test_without_fleets_none_is_ever_due() -> None:
    assert schedule().next_due == float("inf")


def packets(costs: dict[str, float]) -> list[int]:
    """Sizes of the packets of fleets that took so many seconds of the server in their last tick."""
    return list(map(len, known(costs).take(9)))


def known(costs: dict[str, float]) -> TickSchedule:
    ticking = schedule(*costs)
    for _ in range(99):
        ticking.take(9)
        for fleet, seconds in costs.items():
            ticking.ticked(fleet, 0, seconds, turn=0)
    return ticking


@pytest.mark.parametrize(
    ("costs", "sizes"),
    [
        ([0.0001] * 33, [16, 16, 1]),
        ([0.0005] * 9, [4, 4, 1]),
        ([0.0019, 0.0002, 0.0019], [1, 1, 1]),
        ([0.5, 0.0001, 0.0001], [1, 2]),
    ],
)
def test_a_packet_has_16_fleets_or_two_milliseconds_of_the_server(costs: list[float], sizes: list[int]) -> None:
    assert packets({f"f{number:02}": seconds for number, seconds in enumerate(costs)}) == sizes


def test_fleets_of_which_nothing_is_known_fill_a_packet() -> None:
    ticking = schedule(*map(str, range(PACKET_FLEETS + 1)))
    assert list(map(len, ticking.take(0))) == [PACKET_FLEETS, 1]


@pytest.mark.parametrize(("fleets", "seconds", "pause"), [(2, 0.001, 0.002), (1000, 0.002, 0.002), (1000, 0.5, 0.002)])
def test_half_of_the_servers_time_is_free_unless_rounds_grow_long(fleets: int, seconds: float, pause: float) -> None:
    ticking = known({str(number): seconds for number in range(fleets)})
    ticking.take(9)
    assert ticking.pause(["1"]) == pytest.approx(pause)


def test_the_estimate_of_a_fleet_is_the_mean_of_its_last_ticks() -> None:
    ticking = known({"a": 0.0})
    for seconds in (0.001, 0.003):
        ticking.ticked("a", 0, seconds, turn=0)
    ticking.take(9)
    assert ticking.pause(["a"]) == pytest.approx(0.0035)


def test_of_a_server_that_is_away_one_fleet_is_taken() -> None:
    ticking = schedule("a", "b")
    assert ticking.take(0, only_one=True) == [["a"]]
    assert ticking.take(0) == [["b"]]
