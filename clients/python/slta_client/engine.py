"""Engine of a client: what its placements and its loop of leases share, and all their I/O in one event loop."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import quote

from slta_client import metrics
from slta_client.breaker import Breaker, CircuitBreaker
from slta_client.calls import Calls, Send
from slta_client.endpoints import Endpoints, save
from slta_client.fallback import Fallback
from slta_client.http import Attempt, Http
from slta_client.leases import Leases
from slta_client.release import VERSION
from slta_client.replies import Reply
from slta_client.timer import is_set_within, limit


class Engine:
    """Engine of one client in one process. I/O, clock and chance are its own: tests have an engine with others."""

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
        self.timeout = timeout
        self.fallback = fallback
        self.rng = random.Random()
        self.breaker = CircuitBreaker(breaker, self.rng)
        self.leases = Leases(fallback.changed)
        metrics.watch("open_breakers", self, lambda self: self.fallback.is_on and not self.breaker.is_closed)
        self._base = url.rstrip("/")
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = Http({"User-Agent": f"slta-client/{VERSION}", **authorization}, verify=verify)
        self._calls = Calls(self._attempt)
        self.changed = asyncio.Event()
        """A session began or ended, or the client is closed."""

    def clock(self) -> float:
        """Seconds."""
        return time.monotonic()

    async def send(self, send: Send) -> Reply:
        """Send a placement's call through the queue, any other at once."""
        return await (self._attempt(send) if send.patience == inf else self._calls.send(send))

    async def pause(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)

    async def until_changed(self, seconds: float) -> None:
        """Sleep until something has changed since the last time, at most so long."""
        await is_set_within(self.changed, None if seconds == inf else seconds)
        self.changed.clear()

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
