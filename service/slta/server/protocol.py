"""HTTP/1.1 protocol of a connection: limits before authentication, framing, the fast path, and FastAPI for the rest."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httptools
import uvicorn
from uvicorn.server import ServerState

from slta.api.fast_path import FastPath, FastRequest
from slta.api.http.guards import PROBES, RequestContext
from slta.api.http.responses import CLOSE, HttpError
from slta.api.http.route_options import RULES_KEY, rules_of
from slta.server.connection_limits import REQUEST_SECONDS, SHED_PAUSE_SECONDS, STALLED_SECONDS, ConnectionLimits
from slta.server.framing import Exchange, RequestReader
from slta.server.request_head import RequestHead, http_error_of, path_of, target_of

WRITE_BUFFER_BYTES = 16_384
"""High-water mark of the transport's write buffer, and of TLS's read buffer, besides the kernel's buffers."""
PARSER_ERRORS = (httptools.HttpParserError, httptools.HttpParserUpgrade)
"""The second, for CONNECT, is no subclass of the first."""


class HttpProtocol(asyncio.Protocol):
    """One connection. Its parser gets a complete head, as it buffers an incomplete one without a limit; then the body.

    It gets nothing more until the response is complete: pipelined requests stay unparsed, and the socket unread. A
    `deadline` is always set: during a request REQUEST_SECONDS after the head, extended during the response.
    """

    def __init__(
        self, *, config: uvicorn.Config, server_state: ServerState, limits: ConnectionLimits, fast_path: FastPath
    ) -> None:
        self.deadline = math.inf  # until connection_made
        self.writable = asyncio.Event()
        self.writable.set()
        self._loop = asyncio.get_running_loop()
        self._app: Any = config.loaded_app
        self.state: Any = server_state
        self._limits = limits
        self._fast_path = fast_path
        self._reader = RequestReader(self, limits.known_heads)
        self._exchange = self._reader.exchange
        self._exchange.end()
        self._buffer = b""
        self._head_started = self._half_closed = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's own
        self.transport = transport
        self.state.connections.add(self)
        self.deadline = self._loop.time() + self._limits.header_timeout_seconds
        transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        is_tls = transport.get_extra_info("sslcontext") is not None
        if is_tls:
            transport.set_read_buffer_limits(WRITE_BUFFER_BYTES)  # uvloop: limits the buffered ciphertext
        client, scheme = transport.get_extra_info("peername") or ("", 0), "https" if is_tls else "http"
        self._scope = {"type": "http", "asgi": {"version": "3.0"}, "client": client[:2], "scheme": scheme}
        self._is_admitted = self._limits.connections.admit(self, client[0])
        self._idle = self._limits.connections.idle_list(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own
        """Release it; the fast path drops operations not yet sent to the store."""
        self._buffer = b""
        self.state.connections.discard(self)
        self._limits.connections.release(self)
        self._exchange.end()
        self.writable.set()
        if self._exchange.is_hot and self._exchange.task:
            self.state.tasks.discard(self._exchange.task)
            self._exchange.task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._half_closed:
            return
        self._buffer = self._buffer + data if self._buffer else data
        self._parse()
        if self._buffer and self._is_blocked():
            self.transport.pause_reading()

    def eof_received(self) -> None:
        """The client has half-closed, or gone: the transport closes once the write buffer is empty."""
        self.deadline = self._loop.time() + STALLED_SECONDS

    def pause_writing(self) -> None:
        self.writable.clear()
        self.deadline = self._loop.time() + STALLED_SECONDS

    def resume_writing(self) -> None:
        self.writable.set()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Parse the next request; without keep-alive, close the connection."""
        if self._exchange.is_over and not self._exchange.keep_alive:
            self._close()
        self._set_deadline()
        self._resume()

    def on_timeout(self) -> None:
        """Close the connection if its deadline has passed: with 408 for an incomplete head."""
        exchange, is_stalled = self._exchange, self.transport.get_write_buffer_size() > 0
        if self.deadline > self._loop.time():
            return
        if self._head_started and not (is_stalled or self._is_closing()):
            self._refuse(HttpError(408, "request_timeout", "The request did not arrive in time.", CLOSE))
        elif is_stalled or self._is_closing() or not (exchange.has_started or exchange.is_over):
            if is_stalled or not self._is_closing():
                self._limits.refuse("stalled" if is_stalled else "unanswered")
            self.transport.abort()
        else:
            if exchange.is_over:
                self.transport.close()
            self._set_deadline()

    def shutdown(self) -> None:
        """Close the connection once no response is under way; uvicorn's server calls this at its end."""
        self._exchange.keep_alive = False
        if self._exchange.is_over:
            self.transport.close()

    def _is_closing(self) -> bool:
        return self._half_closed or self.transport.is_closing()

    def _close(self) -> None:
        """Close; half-close if the client is still sending, so that it can read the response (RFC 9112, 9.6)."""
        is_sending = self._reader.body_left or self._buffer
        if is_sending and self.transport.can_write_eof() and not self._is_closing():
            self._half_closed = True
            self.transport.write_eof()
            self.transport.resume_reading()
        elif not self._half_closed:
            self.transport.close()

    def _is_blocked(self) -> bool:
        """Whether parsing must wait: a request is in progress, or the client does not read responses."""
        exchange = self._exchange
        return not (exchange.more_body or exchange.is_over) or not self.writable.is_set() or self._is_closing()

    def _set_deadline(self) -> None:
        if self._is_closing():
            self._limits.connections.mark_idle(self)
            patience = STALLED_SECONDS
        elif not self._exchange.is_over:
            patience = REQUEST_SECONDS
        else:
            self._idle[self] = None
            is_behind = self._reader.body_left or not self.writable.is_set()
            patience = STALLED_SECONDS if is_behind else self._limits.idle_timeout_seconds
        self.deadline = self._loop.time() + patience

    def _parse(self) -> None:
        """Parse what has arrived. It is taken off the buffer first: what raises an error is not parsed again."""
        buffer, self._buffer, start, reader = self._buffer, b"", 0, self._reader
        try:
            while start < len(buffer) and (reader.body_left or not self._is_blocked()):
                is_body, end = reader.body_left, reader.piece_end(buffer, start)
                if end == start:
                    self._wait_for_data()
                    break
                reader.parse(buffer[start:end])
                if is_body and not reader.body_left and self._exchange.is_over:
                    self._set_deadline()
                start = end
        except (HttpError, *PARSER_ERRORS) as error:
            self._buffer = buffer[start:]
            self._refuse(http_error_of(error))
            start, reader.body_left = len(buffer), 0
        self._buffer = buffer[start:]

    def admit(self, target: bytes) -> None:
        """Take a request, or raise HttpError if the connection is one beyond the limit, and it is no probe."""
        self._idle.pop(self, None)
        self.deadline, self._head_started = self._loop.time() + REQUEST_SECONDS, False
        if not (self._is_admitted or path_of(target) in PROBES):
            detail = "The dispatcher has reached its connection limit: retry later, or use another dispatcher."
            raise HttpError(503, "too_many_connections", detail, CLOSE)

    def begin(self, exchange: Exchange, head: RequestHead) -> None:
        """Start a request that was admitted."""
        scope = exchange.scope = {**self._scope, **head.scope}
        exchange.keep_alive = head.keep_alive and self._is_admitted and not self._limits.ending
        exchange.expects_continue = head.expects_continue
        exchange.keeps_body = not scope[RULES_KEY].of_proxies
        self._exchange = exchange
        if head.fast:
            exchange.is_hot = True
            answer = partial(self._answer, exchange, head.fast, self._fast_path.guard.context(scope))
            self._limits.starts.add(partial(self._start, exchange, answer))
        else:
            self._start(exchange, partial(self._app, scope, exchange.receive, exchange.send))

    def _wait_for_data(self) -> None:
        if self._reader.body_left and not self._reader.pieces:
            self.transport.pause_reading()
            self._loop.call_soon(self._resume)
        elif not (self._reader.body_left or self._head_started):
            self._head_started, self.deadline = True, self._loop.time() + self._limits.header_timeout_seconds

    def _resume(self) -> None:
        if self._buffer:
            self._parse()
        if not (self._buffer and self._is_blocked()):
            self.transport.resume_reading()

    def _refuse(self, refusal: HttpError) -> None:
        """Close the connection; unless a response has started, with one to the request under way or in the buffer."""
        exchange = self._exchange
        self._limits.refuse(refusal.code)
        if exchange.is_over:
            exchange = Exchange(self, target_of(self._buffer))
        if not exchange.has_started:
            rules, request_id = rules_of(path_of(exchange.url)), secrets.token_hex(8)
            response = rules.refusal(request_id, refusal, self._fast_path.guard.problem_types)
            exchange.respond(response, request_id)
        exchange.end()
        self._close()
        self._set_deadline()

    def _start(self, exchange: Exchange, answer: Callable[[], Awaitable[None]]) -> None:
        if not exchange.is_over:
            exchange.task = self._loop.create_task(self._run(exchange, answer))
            self.state.tasks.add(exchange.task)

    async def _run(self, exchange: Exchange, answer: Callable[[], Awaitable[None]]) -> None:
        try:
            await answer()
        finally:
            self.state.tasks.discard(exchange.task)
            if not exchange.is_over:  # it failed, or was cancelled
                self.transport.close()

    async def _answer(self, exchange: Exchange, request: FastRequest, context: RequestContext) -> None:
        body = exchange.receive if exchange.more_body else exchange.take_body()
        response = await self._fast_path.respond(request, exchange.scope, context, body)
        if exchange.is_over:
            return
        exchange.respond(response, context.request_id)
        if context.shed and exchange.keep_alive:  # an immediate retry must not delay admitted requests
            self.transport.pause_reading()
            self._loop.call_later(SHED_PAUSE_SECONDS, self.on_response_complete)
        else:
            self.on_response_complete()
