"""One HTTP attempt: its deadline, whether its connection was reused, and httpx's errors as replies."""

from __future__ import annotations

import time
from typing import Any

import httpx

from slta_client import replies
from slta_client.replies import Reply

MIN_SECONDS = 0.001
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Attempt:
    """One attempt. httpx limits each read, write and connect by itself; `noted` gives each what is left of the whole.

    So the deadline holds unless a server sends its reply piece by piece.
    """

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._is_connected_now = False
        self._is_reused = False
        self._timeouts = dict.fromkeys(("connect", "read", "write", "pool"), max(seconds, MIN_SECONDS))

    def noted(self, event: str, _: object) -> None:
        """Take note of what httpx is about to do: its `trace` extension."""
        if event.startswith("connection.connect_"):
            self._is_connected_now = True
        elif event.endswith("send_request_headers.started"):
            self._is_reused = not self._is_connected_now
        left = max(self._deadline - time.monotonic(), MIN_SECONDS)
        self._timeouts.update(dict.fromkeys(self._timeouts, left))

    async def noted_async(self, event: str, details: object) -> None:
        """The same in asyncio."""
        self.noted(event, details)

    def extensions(self, trace: object) -> dict[str, Any]:
        """Extensions of httpx's request."""
        return {"timeout": self._timeouts, "trace": trace}

    def failure(self, error: Exception) -> Reply:
        """Why there is no reply."""
        if isinstance(error, _NOT_SENT):
            return replies.failed(replies.UNREACHABLE)
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            return replies.failed(replies.TIMEOUT)
        is_cut = isinstance(error, httpx.RemoteProtocolError | httpx.NetworkError)
        return replies.failed(replies.DISCONNECTED, reused=is_cut and self._is_reused)


def reply_of(response: httpx.Response) -> Reply:
    """Read httpx's response."""
    headers = response.headers
    return replies.parse(response.status_code, headers.get("Retry-After"), response.content, headers.get("ETag"))
