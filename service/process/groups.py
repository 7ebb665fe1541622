"""Work that comes piece by piece and is done in groups."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Groups:
    """Calls what it is given in the order in which it came, at most `most` in one turn of the event loop.

    Whatever else is ready has its turn in between.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: deque[Callable[[], object]] = deque()

    def add(self, work: Callable[[], object]) -> None:
        """Call this soon. An error of it goes to the event loop's handler, and the others are called all the same."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._call)
        self._waiting.append(work)

    def _call(self) -> None:
        called = 0
        try:
            while self._waiting and called < self._most:
                called += 1
                self._waiting.popleft()()
        finally:
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._call)
