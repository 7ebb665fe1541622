"""Turns that the store gives to dispatchers that share a fleet's ticks, played with the time that the store is told."""

from __future__ import annotations

import heapq
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from redis import Redis

from slta.models import Ticked
from slta.store import Store, StoreSettings
from tests import rawstate
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, TWO_CLASSES, create, field, place, spec
from tests.store.test_ticks import tick
from tests.toy.uniform import LIBRARY

PERIOD = 1.95
"""Longest time from a turn to the next."""
STAND_IN = 0.35
"""Longest time from a turn to the dispatcher that ticks if nobody came."""


async def turn(store: Store) -> float:
    ticked = await tick(store)
    assert isinstance(ticked, Ticked)
    return ticked.turn_seconds


class Dispatchers:
    """Dispatchers that start within a second, and come when the store told them to."""

    def __init__(self, store: Store, clock: Clock, count: int) -> None:
        self._store, self._clock, self._began = store, clock, clock.now
        self._due = [(number / count, number) for number in range(count)]
        self.calls = 0
        self.times: list[float] = []

    async def run(self, end: float) -> None:
        """Play until `end`, in seconds from the start."""
        while self._due[0][0] < end:
            due, number = self._due[0]
            self._clock.now = self._began + round(due * 1e6)
            ticked = await tick(self._store)
            assert isinstance(ticked, Ticked)
            heapq.heapreplace(self._due, (due + ticked.turn_seconds, number))
            self.calls += 1
            if not ticked.recent:
                self.times.append(due)

    def kill(self, count: int) -> None:
        """Those that would come next. Of the gaps, those that follow count."""
        self._due = sorted(self._due)[count:]
        self.times = self.times[-1:]

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.times)]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
async def test_a_fleet_is_ticked_once_in_two_seconds(store: Store, fleet: None, clock: Clock, count: int) -> None:
    dispatchers = Dispatchers(store, clock, count)
    await dispatchers.run(60)
    assert max(dispatchers.gaps) <= PERIOD
    assert min(dispatchers.gaps) >= 0.5
    assert len(dispatchers.times) <= 60 / 1.7 + count
    assert dispatchers.calls <= 2 * 60 / 1.7 + 2 * count


async def test_many_dispatchers_come_each_in_four_and_a_half_seconds(store: Store, fleet: None, clock: Clock) -> None:
    dispatchers = Dispatchers(store, clock, 16)
    await dispatchers.run(60)
    assert max(dispatchers.gaps) <= PERIOD
    assert 16 * 60 / 4.55 <= dispatchers.calls <= 16 * 60 / 3.0
    assert len(dispatchers.times) <= 60 / 1.7 + 16


@pytest.mark.parametrize("count", [2, 3, 4])
async def test_without_the_dispatcher_on_turn_others_tick(store: Store, fleet: None, clock: Clock, count: int) -> None:
    for start in (15, 15.5, 16, 16.5, 17):
        dispatchers = Dispatchers(store, clock, count)
        await dispatchers.run(start)
        dispatchers.kill(1)
        await dispatchers.run(start + 15)
        assert max(dispatchers.gaps) <= PERIOD + STAND_IN


@pytest.mark.parametrize("count", [2, 4, 16])
async def test_a_lone_survivor_ticks_in_time(store: Store, fleet: None, clock: Clock, redis: Redis, count: int) -> None:
    for start in (15, 15.5, 16, 16.5, 17):
        dispatchers = Dispatchers(store, clock, count)
        await dispatchers.run(start)
        dispatchers.kill(count - 1)
        await dispatchers.run(start + 15)
        assert max(dispatchers.gaps) < 5
    assert field(redis, "hold_until") == "0"


async def test_fleets_that_were_ticked_together_do_not_stay_together(store: Store, fleet: None, clock: Clock) -> None:
    turns = set()
    for _ in range(5):
        clock.advance(4.0001)
        turns.add(await turn(store))
    assert len(turns) == 5


async def test_after_a_step_of_the_clock_turns_begin_anew(store: Store, fleet: None, clock: Clock) -> None:
    await turn(store)
    clock.advance(-3600)
    assert await turn(store) <= PERIOD


async def test_dispatchers_of_two_versions_take_turns_among_their_own(
    store: Store, fleet: None, server: str, opening: AsyncExitStack, clock: Clock
) -> None:
    other = Store(StoreSettings(server, call_timeout_seconds=30), Calls(), library=LIBRARY, clock=clock)
    opening.push_async_callback(other.close)
    firsts = [await turn(one) for one in (store, other)]
    stand_ins = [await turn(one) for one in (store, other)]
    assert firsts[0] == firsts[1] < stand_ins[0] == stand_ins[1]


async def test_whoever_finds_leases_left_comes_after_a_second(store: Store, clock: Clock) -> None:
    await create(store, spec(*TWO_CLASSES, lease=2), {"large": 20})
    await place(store, 80)
    clock.advance(4)
    assert [bool(await turn(store)) for _ in range(3)] == [False, False, True]


async def test_whoever_finds_a_suspect_fleet_comes_after_a_second(store: Store, fleet: None, redis: Redis) -> None:
    rawstate.poke(redis, FLEET, suspect="why")
    assert await turn(store) == 0
    rawstate.poke(redis, FLEET, suspect="")
