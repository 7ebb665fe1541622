"""Timer queue: callbacks at given times, with the resolution of the kernel's timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf

from slta_loadgen.kernel_timer import timer_of


class Appointment:
    """A pending callback that can be cancelled."""

    __slots__ = ("_act",)

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def cancel(self) -> None:
        self._act = None

    def keep(self) -> None:
        """Run the callback."""
        if self._act:
            self._act()


class Agenda:
    """Timer queue of a running event loop. An overdue callback runs at once, before the loop waits again.

    O(log n) each; a cancelled entry is dropped at its due time.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Appointment]] = []
        self._serial = count()
        self._set_for = inf
        self._loop = asyncio.get_running_loop()
        self._timer = timer_of(self._loop, self._keep_due)

    def at(self, moment_seconds: float, act: Callable[[], None]) -> Appointment:
        """Schedule `act` on the loop for this moment; if it is past, as soon as possible."""
        appointment = Appointment(act)
        heappush(self._entries, (moment_seconds, next(self._serial), appointment))
        self._wait_for_next()
        return appointment

    async def sleep_until(self, moment_seconds: float) -> None:
        """Sleep, and yield even if the moment is past."""
        if moment_seconds <= self._clock():
            await asyncio.sleep(0)
            return
        come: asyncio.Future[None] = self._loop.create_future()
        appointment = self.at(moment_seconds, lambda: come.set_result(None))
        try:
            await come
        finally:
            appointment.cancel()

    def close(self) -> None:
        """Cancel everything that is pending."""
        self._entries.clear()
        self._timer.close()

    def _wait_for_next(self) -> None:
        if self._entries and self._entries[0][0] < self._set_for:
            self._set_for = self._entries[0][0]
            self._timer.set(self._set_for - self._clock())

    def _keep_due(self) -> None:
        self._set_for = inf
        while self._entries and self._entries[0][0] <= self._clock():
            self._loop.call_soon(heappop(self._entries)[2].keep)
        self._wait_for_next()
