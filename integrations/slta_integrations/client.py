"""HTTP client of one fleet (docs/api.md). Every reply, and every failure to get one, is returned as a value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import aiohttp

from slta_integrations.errors import UnusableError
from slta_integrations.target import Target

TIMEOUT_SECONDS = 5.0
"""Of one call: three times the dispatcher's own deadline."""
NO_CONTENT = 204
KEEP_ALIVE_SECONDS = 30.0
"""Idle connections are closed before the dispatcher does it after 65 s."""


class Reply(NamedTuple):
    """Reply of a call. `status` is 0 without a usable HTTP response, and 401 without a usable key file.

    `code` is that of the problem document, `http_<status>` without one, and empty on success. Without a response it is
    `timeout`, `connection_failed`, `malformed_reply` or `key_unreadable`.
    """

    status: int
    code: str
    body: Mapping[str, Any]
    retry_after: float = 0.0

    @property
    def ok(self) -> bool:
        """True on success."""
        return 200 <= self.status < 300

    @property
    def problem(self) -> str:
        """Code and detail, for people."""
        detail = self.body.get("detail")
        return f"{self.code}: {detail}" if detail else self.code


MALFORMED = Reply(0, "malformed_reply", {})
"""A success whose body is not what the API promises."""


class Client:
    """HTTP client. Use it as `async with Client(target) as client`; it keeps one connection."""

    def __init__(self, target: Target, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """`timeout_seconds` is the deadline of a call."""
        self._target = target
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def operate(self, body: bytes) -> Reply:
        """`POST …/operations`."""
        return await self._call("POST", "operations", data=body)

    async def pools(self, cursor: str | None, limit: int) -> Reply:
        """`GET …/pools`: one page."""
        query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        return await self._call("GET", "pools", params=query)

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        """Call of the fleet's resource at `path`, with `body` as JSON."""
        data = {} if body is None else {"data": json.dumps(body, separators=(",", ":")).encode()}
        return await self._call(method, path, **data)

    async def _call(self, method: str, path: str, **options: Any) -> Reply:  # noqa: ANN401 - options of aiohttp
        try:
            headers = {"Content-Type": "application/json", **self._target.headers()}
            url = f"{self._target.fleet_url}/{path}"
            async with self._http.request(method, url, headers=headers, allow_redirects=False, **options) as response:
                return _reply(response.status, response.headers, await response.read())
        except TimeoutError:
            return Reply(0, "timeout", {})
        except aiohttp.ClientError as error:
            return Reply(0, "connection_failed", {"detail": str(error)})
        except (OSError, UnusableError) as error:
            return Reply(401, "key_unreadable", {"detail": str(error)})


def _reply(status: int, headers: Mapping[str, str], content: bytes) -> Reply:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    members = body if isinstance(body, dict) else {}
    if 200 <= status < 300:
        return Reply(status, "", members) if members or status == NO_CONTENT else MALFORMED
    return Reply(status, str(members.get("code", f"http_{status}")), members, _seconds(headers.get("Retry-After")))


def _seconds(text: object) -> float:
    """Retry-After in seconds; 0 for a date, which the dispatcher never sends."""
    return float(text) if isinstance(text, str) and text.isdecimal() else 0.0
