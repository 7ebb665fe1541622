"""Connections to slta: aiohttp's session sends one request, and returns the reply, or why there is none."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp

from slta_client import replies
from slta_client.release import VERSION
from slta_client.replies import Reply
from slta_client.steps import Send
from slta_client.timer import Timer

KEEP_ALIVE_SECONDS = 30.0
"""Idle connections are closed before the dispatcher does it after 65 s."""


class Attempt:
    """One request: whether it got a connection, and whether that had served another request."""

    def __init__(self) -> None:
        self.is_connected = False
        self.is_reused = False

    def failure(self, error: Exception) -> Reply:
        """Why there is no reply. Without a connection, nothing was sent."""
        if not self.is_connected:
            return replies.failed(replies.UNREACHABLE)
        if isinstance(error, TimeoutError):
            return replies.failed(replies.TIMEOUT)
        is_cut = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
        return replies.failed(replies.DISCONNECTED, reused=is_cut and self.is_reused)


class Connections:
    """Connections of one client in one event loop. How many requests are under way is for its callers to limit."""

    def __init__(self, url: str, key: str | None, *, verify: ssl.SSLContext | bool) -> None:
        self._base = url.rstrip("/")
        self._headers = {"User-Agent": f"slta-client/{VERSION}", "Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._verify = verify
        self._session: aiohttp.ClientSession | None = None

    async def send(self, send: Send) -> Reply:
        """Send a request. No connection, no reply in time, and a reply that is cut are replies too."""
        attempt = Attempt()
        try:
            async with (
                _limit(send.seconds),
                self._opened().request(**self.request(send), allow_redirects=False, trace_request_ctx=attempt) as found,
            ):
                headers = found.headers
                return replies.parse(found.status, headers.get("Retry-After"), await found.read(), headers.get("ETag"))
        except (aiohttp.ClientError, OSError, RuntimeError) as error:  # RuntimeError: it is closed, or the process ends
            return attempt.failure(error)

    def request(self, send: Send) -> dict[str, Any]:
        """Arguments of aiohttp's request."""
        url = f"{self._base}/v1/fleets/{quote(send.fleet, safe='')}/{send.call}"
        if send.body is None:
            return {"method": "GET", "url": url, "headers": {"If-None-Match": send.etag} if send.etag else {}}
        return {"method": "POST", "url": url, "data": json.dumps(send.body, separators=(",", ":")).encode()}

    async def close(self) -> None:
        """Close all connections. What is under way fails."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        """The session; made by the first request, as it belongs to the running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=self._verify),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(),
                trace_configs=[_trace()],
            )
        return self._session


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


def _trace() -> aiohttp.TraceConfig:
    """Tells an Attempt of its connection."""

    async def connected(_session: object, context: Any, params: object) -> None:  # noqa: ANN401 - aiohttp's
        attempt: Attempt = context.trace_request_ctx
        attempt.is_connected = True
        attempt.is_reused = isinstance(params, aiohttp.TraceConnectionReuseconnParams)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace
