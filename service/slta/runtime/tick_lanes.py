"""Tick lanes: the ticks of the fleets of one server, with a limit and a pace; a server that fails delays no other's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from itertools import islice

from slta.runtime.tick_schedule import TickSchedule

MAX_CONCURRENT_PACKETS = 12
"""Together with the snapshots of a scrape they use half of the connection pool of the lane's server."""
MAX_CONCURRENT_CALLS = 4
"""Of these, packets whose first call is under way: where processors are short, more wait until they are given up."""
GATHER_SECONDS = 0.05
"""Time from one look for due fleets to the next, so that they share packets."""
MAX_IDLE_SECONDS = 1.0
PROBE_SECONDS = 1.0
"""Time from one tick to the next of a server that is away."""

Tick = Callable[[Sequence[str]], Coroutine[object, object, None]]


class TickLane:
    """Ticks the fleets of one server, each when it is due; only one at a time while the server is away."""

    def __init__(self, tick: Tick, is_refusing: Callable[[str], bool]) -> None:
        """`tick` ticks fleets in one packet by one of `calls`, and calls `heard`; `is_refusing` as in `Store`."""
        self._tick = tick
        self._is_refusing = is_refusing
        self._answers = True
        self._changed = asyncio.Event()
        self.schedule = TickSchedule()
        self.calls = asyncio.Semaphore(MAX_CONCURRENT_CALLS)

    def keep_only(self, fleets: Collection[str]) -> None:
        """Forget all other fleets; new ones are due now. Without any `run` ends."""
        self.schedule.keep_only(fleets, _now())
        self._changed.set()

    def heard(self, *, answers: bool) -> None:
        """Take over whether the last packet was answered."""
        self._answers = answers
        self._changed.set()

    def ticked(self, fleet: str, seconds: float, *, turn: float) -> None:
        """Schedule the next tick, see `TickSchedule.ticked`."""
        self.schedule.ticked(fleet, _now(), seconds, turn=turn)
        self._changed.set()

    @property
    def is_away(self) -> bool:
        """Whether the last packet was not answered, and the server's last check failed. A tick may pass where a batch
        does not, as in a store whose memory is full.
        """
        return not self._answers and any(map(self._is_refusing, islice(self.schedule.fleets, 1)))

    async def run(self) -> None:
        """Send packets of the fleets that are due, as long as there are fleets."""
        free = asyncio.Semaphore(MAX_CONCURRENT_PACKETS)
        async with asyncio.TaskGroup() as group:
            while self.schedule.fleets:
                began = paced = _now()
                for packet in self.schedule.take(began, only_one=self.is_away):
                    await free.acquire()
                    group.create_task(self._tick(packet)).add_done_callback(lambda _: free.release())
                    paced += self.schedule.pause(packet)
                    await asyncio.sleep(paced - _now())  # a late wake-up is made up for by the packets that follow
                await self._until_due(began)

    async def _until_due(self, began: float) -> None:
        """Wait until a fleet is due; while the server is away, until the next probe or its first answer."""
        while _now() < (until := began + self._seconds_to_next(began)):
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._changed.wait()

    def _seconds_to_next(self, began: float) -> float:
        if self.is_away:
            return PROBE_SECONDS
        return max(GATHER_SECONDS, min(self.schedule.next_due - began, MAX_IDLE_SECONDS))


def _now() -> float:
    return asyncio.get_running_loop().time()
