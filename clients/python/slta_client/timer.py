"""Timer: calls back after some seconds, of which those that the event loop came late do not count; and waits.

A process that was busy, or stood still, takes the replies that have arrived meanwhile before it gives up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

SLICE_SECONDS = 0.1
"""A delay of the event loop counts for at most so much."""


class Timer:
    """Timer in the running event loop, which begins at once."""

    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self._rest = seconds
        self._call = call
        self._go_on()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._rest + max(self._handle.when() - self._loop.time(), 0.0)

    def cancel(self) -> None:
        """Call back no more. Safe to repeat."""
        self._handle.cancel()

    def _go_on(self) -> None:
        step = min(self._rest, SLICE_SECONDS)
        self._rest -= step
        self._handle = self._loop.call_later(step, self._go_on if self._rest > 0 else self._call)


@asynccontextmanager
async def limit(seconds: float) -> AsyncIterator[Timer]:
    """Raise a TimeoutError when the time of the timer is over."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:
        timer = Timer(seconds, lambda: scope.reschedule(loop.time()))
        try:
            yield timer
        finally:
            timer.cancel()


async def is_set_within(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for the event, so long at most or without a bound: whether it was set. A cancellation is never lost."""
    try:
        async with asyncio.timeout(seconds):  # not wait_for, which may lose a cancellation before Python 3.12
            await event.wait()
    except TimeoutError:
        return False
    return True
