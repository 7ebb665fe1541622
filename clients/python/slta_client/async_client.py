"""Client for asyncio: one task renews and ends all sessions of the client."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from typing import Self

from slta_client.base_client import BaseClient
from slta_client.engine import Engine
from slta_client.options import CLOSE_SECONDS
from slta_client.session import OnLost, Priority, Session


class AsyncClient(BaseClient):
    """Client of one dispatcher, or of several behind one address. It belongs to one event loop.

    RuntimeError in another one; ResourceWarning if it was used and is forgotten without being closed.
    """

    def _begin(self) -> None:
        self._state = self._options.state()
        self._engine = Engine(self._options, self._state)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._check_loop()
        if self._state.fallback is not None:
            self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @asynccontextmanager
    async def session(
        self,
        session_id: str | None = None,
        *,
        session_type: str | None = None,
        priority: Priority | None = None,
        wait: float | None = None,
        on_lost: OnLost | None = None,
    ) -> AsyncIterator[Session]:
        """Place a session for the block, and end it afterwards. `session_type`: which classes it may use; None: all.

        One of `priority` "low" leaves the last free places to others. Raises a PlacementError at the beginning,
        SessionLostError at the end if its place was given away and the block raised nothing itself. One id, one block
        at a time.
        """
        self._check_loop()
        self._state.leases.check_open()
        self._start()
        session = await self._engine.place(self._options.wanted(session_id, wait, on_lost, session_type, priority))
        try:
            yield session
        finally:
            self._engine.end(session)
        session.check()

    async def aclose(self, seconds: float = CLOSE_SECONDS) -> None:
        """End all sessions, and wait at most so long until slta has confirmed each end. Safe to repeat."""
        self._check_loop()
        self._engine.close(seconds)
        if self._task is not None:
            await self._task
        self._state.leases.report()

    def _check_loop(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise RuntimeError("an AsyncClient belongs to the event loop that used it first")

    def _start(self) -> None:
        """Start the task, unless it runs."""
        if self._task is None:
            self._task = asyncio.create_task(self._engine.run())

    def __del__(self) -> None:
        task = getattr(self, "_task", None)
        if task is not None and self._state.leases.close_at == inf:
            text = f"{self!r} was not closed; its sessions stay until their leases end"
            warnings.warn(text, ResourceWarning, source=self, stacklevel=2)
