"""Readings of all fleets for scrapes: one at a time, shared by concurrent scrapes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from slta.metrics.text import FamilyText

MAX_WAIT_SECONDS = 1.5
"""How long a scrape waits for a reading before it returns the last complete one."""
OLD_SECONDS = 10.0
"""Age of the last complete reading above which a scrape waits twice as long: behind a proxy, few reach a process."""
MAX_OLDER = 3
"""Maximum older readings still being sent, each with the text of all fleets, for a new one to start."""


@dataclass(eq=False)
class Reading:
    """Text of all fleets. `began` is in seconds of the event loop's clock; `is_up`: whether the store was available.

    `is_complete` if no shard was away, `fleets` are the listed names, `unreadable` those left out as their documents do
    not parse; `senders` counts the responses that are sent from it.
    """

    began: float
    families: Sequence[FamilyText[Any]]
    is_up: bool = True
    is_complete: bool = True
    fleets: Sequence[str] = ()
    unreadable: set[str] = field(default_factory=set)
    senders: int = 0

    @contextmanager
    def being_sent(self) -> Iterator[None]:
        """Count a response meanwhile."""
        self.senders += 1
        try:
            yield
        finally:
            self.senders -= 1


class Readings:
    """The last complete reading, and the one in progress."""

    def __init__(self, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._last: Reading | None = None
        self._older: list[Reading] = []
        self._under_way: asyncio.Task[Reading] | None = None

    async def newest(self, read: Callable[[], Awaitable[Reading]]) -> Reading:
        """Return the reading in progress, or start one; after a timeout the last complete one.

        The first reading has no timeout; it is doubled if the last one is older than `OLD_SECONDS`. An exception of
        `read` is raised in all scrapes that wait for it. While `MAX_OLDER` older readings are still being sent to slow
        clients, no new one starts.
        """
        last = self._last
        if self._under_way is None:
            if last and len(self._being_sent()) >= MAX_OLDER:
                return last
            self._under_way = asyncio.create_task(self._complete(read))
        task = self._under_way
        done, _ = await asyncio.wait([task], timeout=self._timeout(last))
        return last if last and not done else task.result()

    def _timeout(self, last: Reading | None) -> float | None:
        if last is None:
            return None
        age = asyncio.get_running_loop().time() - last.began
        return self._max_wait_seconds * (2 if age > OLD_SECONDS else 1)

    def _being_sent(self) -> list[Reading]:
        self._older = [reading for reading in self._older if reading.senders]
        return self._older

    async def _complete(self, read: Callable[[], Awaitable[Reading]]) -> Reading:
        try:
            reading = await read()
        finally:
            self._under_way = None
        if self._last:
            self._older = [*self._being_sent(), self._last]
        self._last = reading
        return reading

    async def end(self) -> None:
        """Cancel the reading in progress."""
        if self._under_way:
            self._under_way.cancel()
            await asyncio.wait([self._under_way])
