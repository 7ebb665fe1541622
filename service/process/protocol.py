"""uvicorn's HTTP/1.1, but a hot call that has arrived whole is answered without ASGI."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from service.api.answers import Answer
from service.api.context import RequestContext
from service.api.direct import Direct, HotRequest, hot_request
from service.process.bounded import BoundedProtocol
from service.process.groups import Groups

REST_SECONDS = 0.5
"""How long a connection is not read after a request of it was shed. With the longest wait for the store it makes a
second: so long a client that does not heed Retry-After may wait for its answer."""
TOGETHER = 32
"""So many hot calls are begun in one turn of the event loop: when many have arrived, the store runs the first of them
while the others are read."""


class DirectProtocol(BoundedProtocol):
    """One connection.

    uvicorn calls `_start_asgi_task` when a request's head has been parsed. What is not a hot call, waits for leave to
    send its body, or comes in pieces, is left to uvicorn.
    """

    def __init__(self, *, direct: Direct, begun: Groups, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        """`begun` is that of all connections."""
        super().__init__(**options)
        self._direct = direct
        self._begun = begun
        self._incomplete: tuple[RequestResponseCycle, ASGIApp, HotRequest] | None = None
        self._answering: asyncio.Task[Answer] | None = None

    def _body_is_open(self) -> None:
        super()._body_is_open()
        if self._incomplete:
            cycle, app, _ = self._incomplete
            self._incomplete = None
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]

    def on_message_complete(self) -> None:
        """The body has ended."""
        super().on_message_complete()
        if self._incomplete:
            cycle, _, asked = self._incomplete
            self._incomplete = None
            self._will_answer(cycle, asked)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left: what was not yet sent to the store is not sent."""
        super().connection_lost(exc)
        if self._answering:
            self._answering.cancel()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        asked = None if cycle.waiting_for_100_continue else hot_request(cycle.scope)  # type: ignore[arg-type]
        if asked is None:
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]
        elif cycle.more_body:
            self._incomplete = (cycle, app, asked)
        else:
            self._will_answer(cycle, asked)

    def _will_answer(self, cycle: RequestResponseCycle, asked: HotRequest) -> None:
        context = self._direct.door.context(cycle.scope)  # type: ignore[arg-type]
        self._begun.add(partial(self._answer, cycle, asked, context))

    def _answer(self, cycle: RequestResponseCycle, asked: HotRequest, context: RequestContext) -> None:
        if cycle.disconnected:
            return
        answer = self._direct.answer(asked, cycle.scope, context, bytes(cycle.body))  # type: ignore[arg-type]
        cycle.body.clear()
        self._answering = self.loop.create_task(answer)
        self.tasks.add(self._answering)  # type: ignore[arg-type]
        self._answering.add_done_callback(partial(self._send, cycle, context))

    def _send(self, cycle: RequestResponseCycle, context: RequestContext, answering: asyncio.Task[Answer]) -> None:
        self._answering = None
        self.tasks.discard(answering)
        if cycle.disconnected or answering.cancelled():
            self.transport.close()
            return
        answer = answering.result()
        closes = "Connection" in answer.headers
        self.write_answer(answer, context.request_id, cycle.default_headers, last=not (cycle.keep_alive or closes))
        cycle.keep_alive = cycle.keep_alive and not closes
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.part()
        if context.shed:  # whoever asks again at once must not take the time of those who were let in
            self.flow.pause_reading()
            self.loop.call_later(REST_SECONDS, self.on_response_complete)
        else:
            self.on_response_complete()
