"""Connections to slta: sends the requests that the loops of a client ask for."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from slta_client.http import Attempt, Http
from slta_client.release import VERSION
from slta_client.replies import Reply
from slta_client.steps import Send
from slta_client.timer import Timer


class Connections:
    """Connections of one client in one event loop. How many requests are under way is for its callers to limit."""

    def __init__(self, url: str, key: str | None, *, verify: ssl.SSLContext | bool) -> None:
        self._base = url.rstrip("/")
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = Http({"User-Agent": f"slta-client/{VERSION}", **authorization}, verify=verify)

    async def send(self, send: Send) -> Reply:
        """Send a request within its time, of which a late event loop uses nothing up."""
        attempt = Attempt()
        try:
            async with _limit(send.seconds):
                return await self.http.request(attempt=attempt, **self.request(send))
        except TimeoutError as error:
            return attempt.failure(error)

    def request(self, send: Send) -> dict[str, Any]:
        """Arguments of aiohttp's request."""
        url = f"{self._base}/v1/fleets/{quote(send.fleet, safe='')}/{send.call}"
        if send.body is None:
            return {"method": "GET", "url": url, "headers": {"If-None-Match": send.etag} if send.etag else {}}
        return {"method": "POST", "url": url, "data": json.dumps(send.body, separators=(",", ":")).encode()}


@asynccontextmanager
async def _limit(seconds: float) -> AsyncIterator[None]:
    """Raise a TimeoutError when the time is over."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as scope:
        timer = Timer(seconds, lambda: scope.reschedule(loop.time()))
        try:
            yield
        finally:
            timer.cancel()
