"""What delays the ticks of a fleet, or of a server, delays no other's; in virtual time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from slta.models import Ticked
from slta.models.errors import DispatchError, StoreUnavailableError
from slta.runtime.tick_lanes import MAX_CONCURRENT_CALLS, MAX_CONCURRENT_PACKETS
from slta.runtime.tick_schedule import PACKET_FLEETS, PACKET_SECONDS
from tests.runtime.conftest import ticks_of
from tests.runtime.virtual_time import LateTime, VirtualTime

TICK_SECONDS = 0.00013
CALL_SECONDS = 0.5
"""After which a call of a server that is away is given up."""


class Ticking:
    """Fleets, the first letter of whose names is their server, and when each was ticked.

    Leases of those in `of` are left, whose end is what the value does.
    """

    def __init__(self, *fleets: str, **of: Callable[[], Any]) -> None:
        self.at = defaultdict[str, list[float]](list)
        self.asked = 0
        self.turn, self.held = 0.0, 0.0
        self.away = self.refusing = ""
        self.doubted: Sequence[str] = ()
        self._fleets, self._of = fleets, of
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
        return self._fleets

    async def tick_many(self, names: Sequence[str], *_: object, **__: object) -> dict[str, Ticked | DispatchError]:
        [server] = {name[0] for name in names}
        if server in self.away:
            self.asked += len(names)
            await asyncio.sleep(CALL_SECONDS)
            return dict.fromkeys(names, StoreUnavailableError())
        for name in names:
            self.at[name].append(asyncio.get_running_loop().time())
        return {name: self._ticked(remain=name in self._of) for name in names}

    def _ticked(self, *, remain: bool) -> Ticked:
        return Ticked(remain=remain, turn_seconds=self.turn, held_seconds=self.held, seconds=TICK_SECONDS)

    async def tick(self, fleet: str) -> None:
        await self._of[fleet]()

    async def run(self, seconds: float) -> None:
        await self.ticks.round()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ticks.run()

    def longest_gap(self) -> float:
        return max(later - earlier for times in self.at.values() for earlier, later in pairwise(times))


def in_virtual_time(work: Coroutine[Any, Any, None], loop: type[VirtualTime] = VirtualTime) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work)


def test_a_tick_that_takes_long_keeps_no_other_fleet_from_its_own() -> None:
    fleets = Ticking("aa", "ab", aa=lambda: asyncio.sleep(99))
    in_virtual_time(fleets.run(10))
    assert len(fleets.at["aa"]) == 1
    assert len(fleets.at["ab"]) >= 8


def test_a_fleet_whose_past_is_in_doubt_is_ticked_each_second_whatever_its_turn() -> None:
    fleets = Ticking("aa", "ab", aa=AsyncMock())
    fleets.turn, fleets.doubted = 2.0, ["aa"]
    in_virtual_time(fleets.run(20))
    assert len(fleets.at["aa"]) >= 16
    assert len(fleets.at["ab"]) <= 11


def test_a_defect_in_a_tick_is_logged_and_each_fleet_is_ticked_again(capsys: pytest.CaptureFixture[str]) -> None:
    fleets = Ticking("aa", "ab", aa=AsyncMock(side_effect=ZeroDivisionError("a defect")))
    in_virtual_time(fleets.run(1.5))
    assert min(map(len, fleets.at.values())) >= 2
    assert fleets.ticks.first_round.is_set()
    assert "ZeroDivisionError: a defect" in capsys.readouterr().out


def many(server: str, count: int) -> list[str]:
    return [f"{server}{number:04}" for number in range(count)]


def test_a_server_that_is_away_delays_the_ticks_of_no_other() -> None:
    fleets = Ticking(*many("a", 500), *many("b", 500), *many("c", 500))
    fleets.turn, fleets.away = 1.9, "a"
    in_virtual_time(fleets.run(20))
    assert len(fleets.at) == 1000
    assert fleets.longest_gap() < 2.1
    most = 20 / CALL_SECONDS * MAX_CONCURRENT_CALLS * PACKET_FLEETS
    assert most / 2 < fleets.asked <= most, "its check has not failed"


def test_at_most_twelve_packets_wait_for_more_than_their_ticks() -> None:
    names = many("a", 500)
    fleets = Ticking(*names, **dict.fromkeys(names, lambda: asyncio.sleep(99)))
    in_virtual_time(fleets.run(10))
    assert len(fleets.at) == MAX_CONCURRENT_PACKETS * PACKET_FLEETS


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
    assert fleets.longest_gap() < 5
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
