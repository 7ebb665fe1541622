"""HTTP client of one fleet (docs/api.md). Every reply, and every failure to get one, is returned as a value.

Without a usable key file that is 401 `key_unreadable`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from slta.cli.error_messages import UserError
from slta.cli.target import Target
from slta_client.http import Http, pages
from slta_client.replies import Reply

TIMEOUT_SECONDS = 5.0
"""Deadline of a call: three times the dispatcher's own deadline."""


class Client(Http):
    """HTTP client. Use it as `async with Client(target) as client`; it keeps one connection."""

    def __init__(self, target: Target, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """`timeout_seconds` is the deadline of a call."""
        self._target = target
        super().__init__({}, connections=1, seconds=timeout_seconds)

    async def operate(self, body: bytes) -> Reply:
        """`POST …/operations`."""
        return await self._call("POST", "operations", data=body)

    def pages(self, path: str, **filters: str) -> AsyncIterator[Reply]:
        """The list at `path`, page by page, to the last one or the first failure."""
        return pages(lambda query: self._call("GET", path, params=query), **filters)

    async def call(self, method: str, path: str, body: Mapping[str, Any] | bytes | None = None) -> Reply:
        """Call of the fleet's resource at `path`, '' for the fleet itself, with `body` as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        return await self._call(method, path, data=data)

    async def _call(self, method: str, path: str, **options: Any) -> Reply:  # noqa: ANN401 - options of aiohttp
        try:
            headers = self._target.headers()
        except (OSError, UserError) as error:
            return Reply(401, "key_unreadable", {"detail": str(error)})
        return await self.request(method, f"{self._target.fleet_url}/{path}".rstrip("/"), headers=headers, **options)
