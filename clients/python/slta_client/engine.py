"""Engine of a client: its state with the I/O of one event loop, where it places sessions and keeps their leases."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import quote

from slta_client.breaker import Breaker
from slta_client.calls import Calls
from slta_client.endpoints import Endpoints, save
from slta_client.fallback import Fallback
from slta_client.http import Attempt, Http
from slta_client.keeping import keep
from slta_client.placing import place
from slta_client.release import VERSION
from slta_client.replies import Reply
from slta_client.session import RefusedError, Session, Wanted
from slta_client.state import Send, State
from slta_client.timer import is_set_within, limit


class Engine(State):
    """Engine. Everything but its making happens in one event loop."""

    def __init__(
        self,
        url: str,
        key: str | None,
        timeout: float,
        breaker: Breaker,
        fallback: Fallback,
        *,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        super().__init__(timeout, breaker, fallback)
        self._base = url.rstrip("/")
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = Http({"User-Agent": f"slta-client/{VERSION}", **authorization}, verify=verify)
        self._calls = Calls(self._attempt)
        self._changed = asyncio.Event()
        self._ids: set[str] = set()
        """Of sessions in a block, or on their way into one."""

    async def run(self) -> None:
        """Renew and end sessions until the client is closed."""
        try:
            await keep(self)
        finally:
            await self.http.close()

    async def place(self, wanted: Wanted) -> Session:
        """Place a session; RefusedError if its id is in another block. If cancelled, what may be placed is ended."""
        session_id = wanted.session_id
        if session_id in self._ids:
            text = "the id is in another block of this client"
            raise RefusedError("session_in_use", text, fleet=wanted.fleets[0], session_id=session_id)
        self._ids.add(session_id)
        self.leases.placing += 1
        session = None
        try:
            session = await place(self, wanted)
            return session
        finally:
            self.leases.placing -= 1
            if session is None:
                self._ids.discard(session_id)
            self._changed.set()

    def end(self, session: Session) -> None:
        """Queue the end of a session."""
        self._ids.discard(session.id)
        self.leases.end(session)
        self._changed.set()

    def close(self, seconds: float) -> None:
        """End all sessions; `run` returns when slta has confirmed each end, at most so many seconds later."""
        self.leases.close(self.clock() + seconds)
        self._changed.set()

    async def send(self, send: Send) -> Reply:
        """Send a placement's call through the queue, any other at once."""
        return await (self._attempt(send) if send.patience == inf else self._calls.send(send))

    async def pause(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)

    async def until_changed(self, seconds: float) -> None:
        """Sleep until something has changed since the last time, at most so long."""
        await is_set_within(self._changed, None if seconds == inf else seconds)
        self._changed.clear()

    async def save(self, path: Path, copies: Sequence[Endpoints]) -> None:
        """Write the file in another thread."""
        await asyncio.to_thread(save, path, copies)

    def request(self, send: Send) -> dict[str, Any]:
        """Arguments of aiohttp's request."""
        url = f"{self._base}/v1/fleets/{quote(send.fleet, safe='')}/{send.call}"
        if send.body is None:
            return {"method": "GET", "url": url, "headers": {"If-None-Match": send.etag} if send.etag else {}}
        return {"method": "POST", "url": url, "data": json.dumps(send.body, separators=(",", ":")).encode()}

    async def _attempt(self, send: Send) -> Reply:
        """Send a request within its time, of which a late event loop uses nothing up."""
        attempt = Attempt()
        try:
            async with limit(send.seconds):
                return await self.http.request(attempt=attempt, **self.request(send))
        except TimeoutError as error:
            return attempt.failure(error)
