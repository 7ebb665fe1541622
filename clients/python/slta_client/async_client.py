"""Client for asyncio: one task renews and ends all sessions of the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import Self

import httpx

from slta_client.attempts import Attempt, reply_of
from slta_client.base_client import BaseClient
from slta_client.copy_file import save
from slta_client.options import CLOSE_SECONDS
from slta_client.placing import place
from slta_client.replies import NO_REPLY, Reply
from slta_client.session import OnLost, Session
from slta_client.steps import Lost, Save, Send, Step, Steps, T


class AsyncClient(BaseClient):
    """Client of one dispatcher, or of several behind one address. It belongs to one event loop."""

    def _begin(self) -> None:
        self._http = httpx.AsyncClient(**self._options.http())
        self._state = self._options.state()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
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
        wait: float | None = None,
        on_lost: OnLost | None = None,
    ) -> AsyncIterator[Session]:
        """Place a session for the block, and end it afterwards. `session_type`: which classes it may use; None: all.

        Raises a PlacementError at the beginning, SessionLostError at the end if its place was given away and the block
        raised nothing itself. One id, one block at a time.
        """
        session = await self._place(session_id, session_type, wait, on_lost)
        try:
            yield session
        finally:
            self._state.leases.end(session)
            self._changed.set()
        session.check()

    async def aclose(self, seconds: float = CLOSE_SECONDS) -> None:
        """End all sessions, and wait at most so long until slta has confirmed each end. Safe to repeat."""
        leases = self._state.leases
        leases.close(self._state.clock() + seconds)
        self._changed.set()
        try:
            if self._task is not None:
                await self._task
        finally:
            await self._http.aclose()
        leases.report()

    async def _place(
        self, session_id: str | None, session_type: str | None, wait: float | None, on_lost: OnLost | None
    ) -> Session:
        self._state.leases.check_open()
        self._start()
        try:
            wanted = self._options.wanted(session_id, wait, on_lost, session_type)
            return await self._drive(place(self._state, wanted), asyncio.sleep)
        finally:
            self._changed.set()

    def _start(self) -> None:
        """Start the task, unless it runs."""
        if self._task is None:
            self._task = asyncio.create_task(self._drive(self._state.keep(), self._until_changed))

    async def _drive(self, steps: Steps[T], pause: Callable[[float], Awaitable[None]]) -> T:
        """Drive a loop. If it is cancelled, a placement queues the end of what may have been placed."""
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._do(step, pause))
        except StopIteration as done:
            value: T = done.value
            return value
        finally:
            steps.close()

    async def _do(self, step: Step, pause: Callable[[float], Awaitable[None]]) -> Reply:
        if isinstance(step, Send):
            return await self._send(step)
        if isinstance(step, Lost):
            step.session.tell()
        elif isinstance(step, Save):
            await asyncio.to_thread(save, step.path, step.copies)
        else:
            await pause(step.seconds)
        return NO_REPLY

    async def _until_changed(self, seconds: float) -> None:
        """Until a session begins or ends, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == inf else seconds):
                await self._changed.wait()
        self._changed.clear()

    async def _send(self, send: Send) -> Reply:
        attempt = Attempt(send.seconds)
        try:
            async with asyncio.timeout(send.seconds):
                extensions = attempt.extensions(attempt.noted_async)
                request = self._options.request(send)
                return reply_of(await self._http.request(**request, extensions=extensions))
        except (httpx.HTTPError, TimeoutError) as error:
            return attempt.failure(error)
