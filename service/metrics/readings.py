"""Readings of all fleets: one at a time, shared by the scrapes that come meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.metrics.text import FamilyText

PATIENCE_SECONDS = 1.5
"""How long a scrape waits for a reading before it is answered from the last complete one."""
MOST_OLDER = 3
"""Older readings that may still be being sent, each with the text of all fleets, when a new one begins."""


@dataclass(eq=False)
class Reading:
    """The text of all fleets. `began` is a time of the event loop's clock; `is_up` says if the store answered.

    `senders` counts the answers that are being sent from it.
    """

    began: float
    families: Sequence[FamilyText[Any]]
    is_up: bool = True
    senders: int = 0


class Readings:
    """The last complete reading, and the one under way."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Nothing was read yet."""
        self._patience_seconds = patience_seconds
        self._last: Reading | None = None
        self._older: list[Reading] = []
        self._under_way: asyncio.Task[Reading] | None = None

    async def newest(self, read: Callable[[], Awaitable[Reading]]) -> Reading:
        """The reading under way, else a new one; the last complete one where that takes too long.

        The first reading is waited for without limit. An error of `read` is raised for all who wait for it. While too
        many older readings are being sent, which clients that read slowly can bring about, no new one begins.
        """
        last = self._last
        if self._under_way is None:
            if last and len(self._being_sent()) >= MOST_OLDER:
                return last
            self._under_way = asyncio.create_task(self._complete(read))
        task = self._under_way
        done, _ = await asyncio.wait([task], timeout=self._patience_seconds if last else None)
        return last if last and not done else task.result()

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
        """Give up the reading under way."""
        if self._under_way:
            self._under_way.cancel()
            await asyncio.wait([self._under_way])
