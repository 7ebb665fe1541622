"""What delays the ticks of a fleet, or of a server, delays no other's; in virtual time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from slta.models import Ticked
from slta.models.errors import DispatchError, StoreUnavailableError
from slta.runtime.ticks import GATHER_SECONDS, MAX_CONCURRENT_CALLS, PACKET_FLEETS, PACKET_SECONDS, packets
from tests.runtime.conftest import ticks_of
from tests.runtime.virtual_time import LateTime, VirtualTime

TICK_SECONDS = 0.00013
CALL_SECONDS = 0.5
"""After which a call of a server that is away is given up."""


class Ticking:
    """Fleets, the first letter of whose names is their server, and when each was ticked.

    A tick of those in `of` does what the value does, and leaves work to do if it says so.
    """

    def __init__(self, *fleets: str, **of: Callable[[], bool]) -> None:
        self.at = defaultdict[str, list[float]](list)
        self.asked = 0
        self.turn, self.held = 0.0, 0.0
        self.away = self.refusing = ""
        self.doubted: Sequence[str] = ()
        self.listed, self._of = fleets, of
        store: Any = SimpleNamespace(
            fleets=self,
            keep_only=lambda _: None,
            is_doubted=lambda fleet: fleet in self.doubted,
            is_refusing=lambda fleet: fleet[0] in self.refusing,
        )
        self.ticks = ticks_of(store)

    def server(self, fleet: str) -> str:
        return fleet[0]

    async def names(self) -> Sequence[str]:
        return self.listed

    async def tick(self, names: Sequence[str], *_: object, **__: object) -> dict[str, Ticked | DispatchError]:
        [server] = {name[0] for name in names}
        if server in self.away:
            self.asked += len(names)
            await asyncio.sleep(CALL_SECONDS)
            return dict.fromkeys(names, StoreUnavailableError())
        for name in names:
            self.at[name].append(asyncio.get_running_loop().time())
        return {name: self._ticked(remain=name in self._of and self._of[name]()) for name in names}

    def _ticked(self, *, remain: bool) -> Ticked:
        return Ticked(remain=remain, turn_seconds=self.turn, held_seconds=self.held, seconds=TICK_SECONDS)

    async def run(self, seconds: float) -> None:
        await self.ticks.round()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ticks.run()

    def gaps(self) -> list[float]:
        return [later - earlier for times in self.at.values() for earlier, later in pairwise(times)]


def in_virtual_time(work: Coroutine[Any, Any, None], loop: type[VirtualTime] = VirtualTime) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work)


def test_a_fleet_with_work_left_is_ticked_again_at_once_and_delays_no_other() -> None:
    left = [True] * 5000
    fleets = Ticking("aa", "ab", aa=lambda: bool(left and left.pop()))
    in_virtual_time(fleets.run(2))
    assert left == []
    assert max(pairwise(fleets.at["aa"][:5000]), key=lambda pair: pair[1] - pair[0])[1] < 1
    assert len(fleets.at["ab"]) >= 2


@pytest.mark.parametrize(("turn", "shortest", "longest"), [(0, 0.75, 1.25), (3.5, 3.5, 3.5)])
def test_a_fleet_is_due_at_its_stored_turn_or_in_about_a_second(turn: float, shortest: float, longest: float) -> None:
    fleets = Ticking("aa")
    fleets.turn = turn
    in_virtual_time(fleets.run(200))
    assert min(fleets.gaps()) >= shortest
    assert max(fleets.gaps()) <= longest + GATHER_SECONDS + 0.001


def test_a_fleet_that_is_gone_is_not_ticked_and_one_that_came_back_is_due_at_once() -> None:
    fleets = Ticking("aa", "ab")
    fleets.turn = 3.5

    async def gone_for_a_while() -> None:
        for listed in (["aa", "ab"], ["aa"], ["aa", "ab"]):
            fleets.listed = tuple(listed)
            await fleets.run(1)

    in_virtual_time(gone_for_a_while())
    assert [round(at) for at in fleets.at["ab"]] == [0, 2]
    assert [round(at) for at in fleets.at["aa"]] == [0]


def test_a_fleet_whose_past_is_in_doubt_is_ticked_each_second_whatever_its_turn() -> None:
    fleets = Ticking("aa", "ab")
    fleets.turn, fleets.doubted = 2.0, ["aa"]
    in_virtual_time(fleets.run(20))
    assert len(fleets.at["aa"]) >= 16
    assert len(fleets.at["ab"]) <= 11


def test_a_defect_in_a_tick_is_logged_and_each_fleet_is_ticked_again(capsys: pytest.CaptureFixture[str]) -> None:
    fleets = Ticking("aa", "ab", aa=lambda: bool(1 / 0))
    in_virtual_time(fleets.run(1.5))
    assert min(map(len, fleets.at.values())) >= 1
    assert max(map(len, fleets.at.values())) >= 2
    assert "ZeroDivisionError" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("costs", "sizes"),
    [
        ([0.0001] * 33, [16, 16, 1]),
        ([0.0005] * 9, [4, 4, 1]),
        ([0.0019, 0.0002, 0.0019], [1, 1, 1]),
        ([0.5, 0.0001, 0.0001], [1, 2]),
        ([PACKET_SECONDS / PACKET_FLEETS] * 17, [16, 1]),
    ],
)
def test_a_packet_has_16_fleets_or_two_milliseconds_of_the_server(costs: list[float], sizes: list[int]) -> None:
    assert [len(packet) for packet in packets((str(at), cost) for at, cost in enumerate(costs))] == sizes


def many(server: str, count: int) -> list[str]:
    return [f"{server}{number:04}" for number in range(count)]


def test_a_server_that_is_away_delays_the_ticks_of_no_other() -> None:
    fleets = Ticking(*many("a", 500), *many("b", 500), *many("c", 500))
    fleets.turn, fleets.away = 1.9, "a"
    in_virtual_time(fleets.run(20))
    assert len(fleets.at) == 1000
    assert max(fleets.gaps()) < 2.1
    most = 20 / CALL_SECONDS * MAX_CONCURRENT_CALLS * PACKET_FLEETS
    assert 500 < fleets.asked <= most, "its check has not failed"


def test_a_server_whose_check_failed_gets_one_tick_a_second_and_all_at_its_first_answer() -> None:
    fleets = Ticking(*many("a", 500))
    fleets.away = fleets.refusing = "a"

    async def outage() -> None:
        running = asyncio.create_task(fleets.run(99))
        await asyncio.sleep(10)
        before, fleets.asked = fleets.asked, 0
        await asyncio.sleep(10)
        assert before >= 500
        assert 9 <= fleets.asked <= 11
        assert fleets.ticks.first_round.is_set()
        fleets.away = ""
        await asyncio.sleep(1.4)
        assert len(fleets.at) == 500
        running.cancel()

    in_virtual_time(outage())


def test_where_others_take_the_processors_each_fleet_is_ticked_within_5_s() -> None:
    fleets = Ticking(*many("a", 3000))
    fleets.turn = 1.9
    in_virtual_time(fleets.run(20), LateTime)
    assert len(fleets.at) == 3000
    assert max(fleets.gaps()) < 5
    assert max(times[0] for times in fleets.at.values()) > 1.9 * 3000 * PACKET_SECONDS / PACKET_FLEETS, "half is free"


def test_it_tells_for_how_long_leases_are_held_while_the_server_answers() -> None:
    fleets = Ticking("a", "b")
    fleets.held = 60

    async def outage() -> None:
        await fleets.run(2)
        assert fleets.ticks.held_seconds == 60
        fleets.away = "ab"
        await fleets.run(2)
        assert fleets.ticks.held_seconds == 0

    in_virtual_time(outage())
