"""Client for asyncio: one task renews and ends all sessions of the client."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import inf
from typing import Self

from slta_client.base_client import CLOSE_SECONDS, BaseClient
from slta_client.session import Session, Wanted


class AsyncClient(BaseClient[AbstractAsyncContextManager[Session]]):
    """Client of one dispatcher, or of several behind one address. It belongs to one event loop.

    RuntimeError in another one; ResourceWarning if it was used and is forgotten without being closed.
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._check_loop()
        if self._engine.fallback.is_on:
            self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @asynccontextmanager
    async def _block(self, wanted: Wanted) -> AsyncIterator[Session]:
        self._check_loop()
        self._engine.leases.check_open()
        self._start()
        session = await self._place(wanted)
        try:
            yield session
        finally:
            self._end(session)
        session.check()

    async def aclose(self, seconds: float = CLOSE_SECONDS) -> None:
        """End all sessions, and wait at most so long until slta has confirmed each end. Safe to repeat."""
        self._check_loop()
        self._close(seconds)
        if self._task is not None:
            await self._task
        self._engine.leases.report()

    def _check_loop(self) -> None:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise RuntimeError("an AsyncClient belongs to the event loop that used it first")

    def _start(self) -> None:
        """Start the task, unless it runs."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def __del__(self) -> None:
        if self._task is not None and self._engine.leases.close_at == inf:
            text = f"{self!r} was not closed; its sessions stay until their leases end"
            warnings.warn(text, ResourceWarning, source=self, stacklevel=2)
