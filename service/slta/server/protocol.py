"""uvicorn's HTTP/1.1 protocol with a fast path: requests of hot routes are answered without ASGI."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from slta.api.fast_path import FastPath, FastRequest, match_fast_route
from slta.api.http.context import RequestContext
from slta.api.http.responses import ApiResponse
from slta.api.http.route_rules import RULES_KEY, rules_of
from slta.server.callback_queue import CallbackQueue
from slta.server.http_limits import LimitedProtocol

SHED_PAUSE_SECONDS = 0.5
"""Pause before reading again from a connection whose request was shed. Together with the longest queueing delay (0.5 s)
this bounds the response time of a client that ignores Retry-After to one second."""
MAX_PER_ITERATION = 32
"""Maximum fast-path requests started in one iteration of the event loop: the store executes the first ones while the
others are still being parsed."""


class FastPathProtocol(LimitedProtocol):
    """One connection.

    uvicorn calls `_start_asgi_task` once a head is parsed. Requests of other routes and those with
    `Expect: 100-continue` are left to uvicorn's ASGI cycle.
    """

    def __init__(self, *, fast_path: FastPath, callbacks: CallbackQueue, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        """`callbacks` is shared by all connections."""
        super().__init__(problem_types=fast_path.guard.problem_types, **options)
        self._fast_path = fast_path
        self._callbacks = callbacks
        self._response_task: asyncio.Task[ApiResponse] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the request: operations not yet sent to the store are dropped."""
        super().connection_lost(exc)
        if self._response_task:
            self._response_task.cancel()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        scope: Any = cycle.scope
        rules = scope[RULES_KEY] = rules_of(scope["path"])
        self._keeps_body = not rules.of_proxies
        request = None if cycle.waiting_for_100_continue else match_fast_route(scope, rules)
        if request is None:
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]
            return
        context = self._fast_path.guard.context(scope)
        self._callbacks.add(partial(self._respond, cycle, request, context))

    def _respond(self, cycle: RequestResponseCycle, request: FastRequest, context: RequestContext) -> None:
        if cycle.disconnected:
            return
        body: Any = cycle.receive
        if not cycle.more_body:  # of a proxy's route, nothing was kept
            body = bytes(cycle.body)
            cycle.body.clear()
        response = self._fast_path.respond(request, cycle.scope, context, body)  # type: ignore[arg-type]
        self._response_task = self.loop.create_task(response)
        self.tasks.add(self._response_task)  # type: ignore[arg-type]
        self._response_task.add_done_callback(partial(self._send, cycle, context))

    def _send(self, cycle: RequestResponseCycle, context: RequestContext, task: asyncio.Task[ApiResponse]) -> None:
        self._response_task = None
        self.tasks.discard(task)
        if cycle.disconnected:
            return
        if task.cancelled():
            self.transport.close()
            return
        response = task.result()
        must_close = "Connection" in response.headers
        self.write_response(
            response,
            context.request_id,
            cycle.default_headers,
            last=not (cycle.keep_alive or must_close),
            is_head=cycle.scope["method"] == "HEAD",
        )
        cycle.keep_alive = cycle.keep_alive and not must_close
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.half_close()
        if context.shed:  # an immediate retry must not delay admitted requests
            self.flow.pause_reading()
            self.loop.call_later(SHED_PAUSE_SECONDS, self.on_response_complete)
        else:
            self.on_response_complete()
