"""Thread with an event loop of its own, for servers that the test's own thread calls."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar

from testbed.awaiting import DEADLINE_SECONDS
from testbed.processes import Part

T = TypeVar("T")


class LoopThread(Part):
    """Thread that runs `begin` and then its event loop until `stop`. `start` raises the error of `begin`."""

    stack: AsyncExitStack
    """Contexts that `begin` entered, left at the end."""
    ending: asyncio.Event

    @abstractmethod
    async def begin(self) -> None:
        """Enter contexts into `stack`."""

    def start(self) -> Self:
        self._begun = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=asyncio.run, args=[self._run()])
        self._thread.start()
        assert self._begun.wait(DEADLINE_SECONDS)
        if self._error is not None:
            raise self._error
        return self

    def stop(self) -> None:
        """Stop; without effect once it has stopped."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.ending.set)
            self._thread.join(DEADLINE_SECONDS)
            assert not self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Result of a coroutine in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_SECONDS)

    async def _run(self) -> None:
        self._loop, self.ending = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as self.stack:
            try:
                await self.begin()
            except Exception as error:  # noqa: BLE001 - it is raised where the thread was started
                self._error = error
                return
            finally:
                self._begun.set()
            await self.ending.wait()
