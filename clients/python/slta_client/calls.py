"""Calls, and the queue of placements' calls: first in, first out, few under way; what has waited leaves in bulk calls.

A call that is not sent in time is `busy`. One whose caller was cancelled is not sent, or given up if it is under way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from slta_client.lanes import NAME
from slta_client.replies import BUSY, TIMEOUT, Reply, failed, outcomes
from slta_client.timer import Timer, limit

MAX_UNDER_WAY = 32
"""Calls at once."""
MAX_BULKS = 2
"""Bulk calls among them: what is under way has `timeout`, what waits has longer."""
BULK = 128
"""Placements in one bulk call."""
GRACE_SECONDS = 0.05


class Send(NamedTuple):
    """POST `body` as JSON to a fleet's call; the reply within so many seconds.

    Without a body, GET it, if it has another ETag than this. A placement's call may wait for its turn before; all
    together takes at most `patience` seconds. Calls without that bound wait for no others.
    """

    fleet: str
    call: str
    body: Mapping[str, Any] | None
    seconds: float
    etag: str | None = None
    patience: float = inf


class _Call:
    """Call that waits for its turn, then for its reply."""

    timer: Timer

    def __init__(self, send: Send) -> None:
        self.send = send
        self.loop = asyncio.get_running_loop()
        self.reply: asyncio.Future[Reply] = self.loop.create_future()
        self.since = self.loop.time()
        self.waited = 0.0
        self.task: asyncio.Task[None] | None = None

    def leave(self, task: asyncio.Task[None] | None) -> float:
        """Its turn has come; the seconds left for its reply. After them the attempt says why there is none."""
        self.task = task
        self.waited = self.loop.time() - self.since
        return min(self.send.seconds, self.timer.left - GRACE_SECONDS)


class Calls:
    """Queue in front of `attempt`, which sends a request and returns its reply. It belongs to one event loop."""

    def __init__(self, attempt: Callable[[Send], Awaitable[Reply]]) -> None:
        self._attempt = attempt
        self._queues: dict[object, deque[_Call]] = {}
        """By fleet, call and priority: what may leave together."""
        self._under_way: dict[asyncio.Task[None] | None, list[_Call]] = {}

    async def send(self, send: Send) -> Reply:
        """The reply within `send.seconds` of its turn and `send.patience` of now."""
        call = _Call(send)
        try:
            async with limit(send.patience + GRACE_SECONDS) as call.timer:
                self._queues.setdefault(_company(send), deque()).append(call)
                self._leave()
                reply = await call.reply
        except TimeoutError:
            reply = failed(TIMEOUT if call.task else BUSY)
        finally:
            company = self._under_way.get(call.task, [])
            if call.task and call.reply.cancelled() and all(one.reply.done() for one in company):
                call.task.cancel()
        return reply._replace(waited=call.waited)

    def _leave(self) -> None:
        """Send what may be sent."""
        while self._queues and len(self._under_way) < MAX_UNDER_WAY:
            bulks = sum(len(calls) > 1 for calls in self._under_way.values())
            if bulks >= MAX_BULKS and len(next(iter(self._queues.values()))) > 1:
                return
            calls = self._next()
            if calls:
                task = asyncio.create_task(self._carry(calls))
                self._under_way[task] = calls
                task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._leave()

    def _next(self) -> list[_Call]:
        """Those that leave together next: the queues take turns."""
        company = next(iter(self._queues))
        queue, calls = self._queues.pop(company), list[_Call]()
        while queue and len(calls) < BULK:
            call = queue.popleft()
            calls += [] if call.reply.done() else [call]
        if queue:
            self._queues[company] = queue
        return calls

    async def _carry(self, calls: Sequence[_Call]) -> None:
        """Send calls as one, and hand over their replies."""
        task = asyncio.current_task()
        seconds = max(call.leave(task) for call in calls)
        send = calls[0].send
        if len(calls) == 1:
            found = [await self._attempt(send._replace(seconds=seconds))]
        else:
            operations = [{call.send.call: call.send.body} for call in calls]
            reply = await self._attempt(Send(send.fleet, "operations", {"operations": operations}, seconds))
            found = outcomes(reply, len(calls))
        for call, outcome in zip(calls, found, strict=True):
            if not call.reply.done():
                call.reply.set_result(outcome)


def _company(send: Send) -> object:
    """Calls of the same may leave together. A call with a name that slta refuses leaves alone."""
    body = send.body or {}
    names = [body.get(member, "-") for member in ("session_id", "session_type")]
    is_valid = all(isinstance(name, str) and NAME.fullmatch(name) for name in names)
    return (send.fleet, send.call, body.get("priority")) if is_valid else object()
