"""uvicorn's HTTP/1.1, but a hot call that has arrived whole is answered without ASGI."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.api.answers import Answer, headers_as_sent
from service.api.context import RequestContext
from service.api.direct import Direct, is_hot

REST_SECONDS = 0.5
"""How long a connection is not read after a request of it was shed. With the longest wait for the store it makes a
second: so long a client that does not heed Retry-After may wait for its answer."""


class DirectProtocol(HttpToolsProtocol):
    """One connection.

    uvicorn parses, and calls `_start_asgi_task` when it is a request's turn, so requests that are sent one after the
    other without waiting are answered in their order. What is not a hot call, waits for leave to send its body, comes
    in pieces, or comes from a client that does not read its answers, is left to uvicorn.
    """

    def __init__(self, *, direct: Direct, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**options)
        self._direct = direct
        self._incomplete: tuple[RequestResponseCycle, ASGIApp] | None = None
        self._answering: asyncio.Task[Answer] | None = None

    def data_received(self, data: bytes) -> None:
        """Requests, whole or in pieces."""
        super().data_received(data)
        if self._incomplete:
            super()._start_asgi_task(*self._incomplete)  # type: ignore[arg-type]
            self._incomplete = None

    def on_message_complete(self) -> None:
        """The body has ended."""
        super().on_message_complete()
        if self._incomplete:
            cycle, _ = self._incomplete
            self._incomplete = None
            self._answer(cycle)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left: what was not yet sent to the store is not sent."""
        super().connection_lost(exc)
        if self._answering:
            self._answering.cancel()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        if cycle.waiting_for_100_continue or self.flow.write_paused or not is_hot(cycle.scope):  # type: ignore[arg-type]
            super()._start_asgi_task(cycle, app)  # type: ignore[arg-type]
        elif cycle.more_body:
            self._incomplete = (cycle, app)
        else:
            self._answer(cycle)

    def _answer(self, cycle: RequestResponseCycle) -> None:
        context = self._direct.door.context(cycle.scope)  # type: ignore[arg-type]
        answer = self._direct.answer(cycle.scope, context, bytes(cycle.body))  # type: ignore[arg-type]
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
        head = [STATUS_LINE[answer.status]]
        for name, value in cycle.default_headers:
            head += [name, b": ", value, b"\r\n"]
        head.append(headers_as_sent(answer, context.request_id))
        if "Connection" in answer.headers:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            head.append(b"connection: close\r\n")
        self.transport.write(b"".join([*head, b"\r\n", answer.body]))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        if context.shed:  # whoever asks again at once must not take the time of those who were let in
            self.flow.pause_reading()
            self.loop.call_later(REST_SECONDS, self.on_response_complete)
        else:
            self.on_response_complete()
