"""Bulk client: operations that are due together share one request (`POST …/operations`, docs/api.md)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from slta_client.http import Written
from slta_client.replies import Reply, outcomes
from slta_loadgen.client import Client


class _Operation(NamedTuple):
    """A queued operation: `encoded` is its JSON, `reply` the future of its result."""

    encoded: bytes
    written: Written | None
    reply: asyncio.Future[Reply]


class BulkClient(Client):
    """Client that sends assigns and completes in bulk calls of at most `most_operations`; otherwise like `Client`.

    A single operation is sent at once. Operations that arrive during a call form the next one, which is sent early
    when full. Each operation has its own result; if a call fails, all its operations fail alike.
    """

    def __init__(self, url: str, fleet: str, *, most_operations: int, **options: Any) -> None:  # noqa: ANN401
        super().__init__(url, fleet, **options)
        self._most_operations = most_operations
        self._waiting: deque[_Operation] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._is_scheduled = False

    async def __aexit__(self, *error: object) -> None:
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await super().__aexit__(*error)

    async def ask(self, call: str, body: bytes, written: Written | None = None) -> Reply:
        loop = asyncio.get_running_loop()
        operation = _Operation(b'{"%s": %s}' % (call.encode(), body), written, loop.create_future())
        self._waiting.append(operation)
        self._schedule()
        return await operation.reply

    def _schedule(self) -> None:
        """Schedule the send after the loop's ready callbacks, so that operations due at the same moment are batched."""
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._send_waiting)

    def _send_waiting(self) -> None:
        self._is_scheduled = False
        while self._waiting and (not self._calls or len(self._waiting) >= self._most_operations):
            count = min(self._most_operations, len(self._waiting))
            self._begin(self._send_together([self._waiting.popleft() for _ in range(count)]))

    def _begin(self, sending: Coroutine[Any, Any, None]) -> None:
        call = asyncio.create_task(sending)
        self._calls.add(call)
        call.add_done_callback(self._call_over)

    def _call_over(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._schedule()

    async def _send_together(self, operations: Sequence[_Operation]) -> None:
        def written() -> None:
            for operation in operations:
                if operation.written:
                    operation.written()

        body = b'{"operations": [%s]}' % b", ".join(operation.encoded for operation in operations)
        reply = await self.send("operations", body, written)
        for operation, outcome in zip(operations, outcomes(reply, len(operations)), strict=True):
            if not operation.reply.done():
                operation.reply.set_result(outcome)
