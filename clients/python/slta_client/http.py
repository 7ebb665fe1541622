"""HTTP of slta's clients: aiohttp's session sends one request, and returns the reply, or why there is none."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Self

import aiohttp
from aiohttp.typedefs import StrOrURL

from slta_client import replies
from slta_client.replies import Reply

KEEP_ALIVE_SECONDS = 30.0
"""Idle connections are closed before the dispatcher does it after 65 s."""
PAGE = 1000
"""Entries of a page of a list, the most that the service returns."""
Written = Callable[[], None]
"""Callback: a request was written to its connection."""


async def pages(call: Callable[[dict[str, str]], Awaitable[Reply]], **query: str) -> AsyncIterator[Reply]:
    """Pages of a list, which `call` reads with a query, to the last one or the first failure."""
    cursor: object = ""
    while cursor is not None:
        reply = await call({"limit": str(PAGE), **({"cursor": str(cursor)} if cursor else {}), **query})
        yield reply
        cursor = reply.body.get("next_cursor")


class Attempt:
    """One request: whether it was written, and whether its connection had served another request."""

    __slots__ = ("is_reused", "is_written", "written")

    def __init__(self, written: Written | None = None) -> None:
        self.is_written = False
        self.is_reused = True
        self.written = written

    def failure(self, error: Exception) -> Reply:
        """Why there is no reply."""
        if not self.is_written:
            return replies.failed(replies.UNREACHABLE, detail=str(error))
        if isinstance(error, TimeoutError):
            return replies.failed(replies.TIMEOUT)
        is_cut = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
        return replies.failed(replies.DISCONNECTED, reused=is_cut and self.is_reused)


class Http:
    """Connections of one event loop, at most `connections` at once, 0 for any number.

    `seconds` is the deadline of a request, with its wait for a connection; None for none.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        connections: int = 0,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        seconds: float | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self.headers = {"Content-Type": "application/json", **headers}
        self._connector = partial(
            aiohttp.TCPConnector, limit=connections, keepalive_timeout=keep_alive_seconds, ssl=verify
        )
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def request(self, method: str, url: StrOrURL, attempt: Attempt | None = None, **options: Any) -> Reply:  # noqa: ANN401 - of aiohttp's request
        """Send a request. No connection, no reply in time, and a reply that is cut are replies too."""
        attempt, session = attempt or Attempt(), self._session or self._open()
        try:
            async with session.request(
                method, url, allow_redirects=False, trace_request_ctx=attempt, **options
            ) as found:
                return replies.parse(found.status, found.headers, await found.read())
        except (aiohttp.ClientError, OSError, RuntimeError) as error:  # RuntimeError: it is closed, or the process ends
            return attempt.failure(error)

    async def close(self) -> None:
        """Close all connections. What is under way fails."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        """The session; made by the first request, as it belongs to the running event loop."""
        self._session = aiohttp.ClientSession(
            connector=self._connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self.headers,
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            trace_configs=[_trace()],
        )
        return self._session


def _trace() -> aiohttp.TraceConfig:
    """Tells an Attempt that its connection is new, and that it was written."""

    async def connected(_session: object, context: Any, _params: object) -> None:  # noqa: ANN401 - aiohttp's
        context.trace_request_ctx.is_reused = False

    async def written(_session: object, context: Any, _params: object) -> None:  # noqa: ANN401 - aiohttp's
        attempt: Attempt = context.trace_request_ctx
        attempt.is_written = True
        if attempt.written:
            attempt.written()

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_request_headers_sent.append(written)
    return trace
