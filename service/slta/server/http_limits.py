"""uvicorn's HTTP/1.1 protocol with limits before authentication: header bytes, pipelined requests and timeouts."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from slta.api.http.problems import CLOSE, URN, HttpError
from slta.api.http.responses import ApiResponse, encode_headers
from slta.api.http.route_rules import rules_of
from slta.server.connection_limits import REQUEST_SECONDS, STALLED_SECONDS, ConnectionLimits
from slta.server.framing import CHUNKED, Framing
from slta.server.lingering_transport import LingeringTransport
from slta.server.request_head import Trailers, add_host, head_end, http_error_of, is_probe, path_of, target_of

WRITE_BUFFER_BYTES = 16_384
"""High-water mark of the transport's write buffer, and of TLS's read buffer, besides the kernel's buffers."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    The parser receives a complete head, as it buffers an incomplete one without a limit; then the body; and nothing
    more until the response is complete. Pipelined requests stay unparsed, and the socket unread, so uvicorn's own
    pipeline is always empty.

    A `deadline` is always set. During a request it is REQUEST_SECONDS after the head, extended during the response.
    """

    def __init__(self, *, limits: ConnectionLimits, problem_types: str = URN, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**options)
        self.deadline = math.inf  # until connection_made
        self._limits = limits
        self._problem_types = problem_types
        self._idle: dict[Any, None] = {}
        self._is_admitted = True
        self._buffer = b""
        self._head_started = False
        self._framing = Framing()
        self._half_closed = False
        self._keeps_body = True

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as above
        """Register the connection; it may not be admitted."""
        super().connection_made(transport)
        self.deadline = self.loop.time() + self._limits.header_timeout_seconds
        transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        if self.scheme == "https":
            transport.set_read_buffer_limits(WRITE_BUFFER_BYTES)  # uvloop: limits the buffered ciphertext
        connections = self._limits.connections
        self._is_admitted = connections.admit(self, self.client[0] if self.client else "")
        self._idle = connections.idle_list(self)

    def data_received(self, data: bytes) -> None:
        """Buffer and parse; pause reading while a request is in progress."""
        if self._half_closed:
            return
        self._buffer = self._buffer + data if self._buffer else data
        self._parse()
        if self._buffer and self._is_blocked():
            self.flow.pause_reading()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header, without the blanks behind its value, which the parser leaves (RFC 9112, 5.1)."""
        super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        """Start a request, or raise HttpError if it is refused."""
        self._idle.pop(self, None)
        self.deadline, self._head_started = self.loop.time() + REQUEST_SECONDS, False
        if not (self._is_admitted or is_probe(self.url)):
            detail = "The dispatcher has reached its connection limit: retry later, or use another dispatcher."
            raise HttpError(503, "too_many_connections", detail, CLOSE)
        self._framing.begin_body(self.headers)
        if self.url[:1] != b"/":
            add_host(self.url, self.headers)
        super().on_headers_complete()
        if self._limits.ending or not self._is_admitted:
            self.cycle.keep_alive = False
        if self._framing.body_left == CHUNKED:
            self.headers = Trailers()

    def on_body(self, body: bytes) -> None:
        """Append to the body; discard it if the route reads none, or the response is already complete."""
        cycle, framing = self.cycle, self._framing
        framing.overhead = 0
        if self._keeps_body and not cycle.response_complete:
            cycle.body += body
            if framing.body_left:  # otherwise on_message_complete follows
                cycle.message_event.set()
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """Mark the body as complete."""
        self._framing.body_left = 0
        if self.cycle.response_complete:
            self._set_deadline()
        else:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Parse the next request."""
        self._set_deadline()
        if self._buffer or self.flow.read_paused:
            self._resume()

    def pause_writing(self) -> None:
        """The write buffer is full: start the write timeout."""
        super().pause_writing()
        self.deadline = self.loop.time() + STALLED_SECONDS

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        super().resume_writing()
        self.on_response_complete()

    def eof_received(self) -> None:
        """The client has half-closed, or gone: the transport closes once the write buffer is empty."""
        self.deadline = self.loop.time() + STALLED_SECONDS

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection."""
        self._buffer = b""
        self._limits.connections.release(self)
        super().connection_lost(exc)

    def on_timeout(self) -> None:
        """Close the connection if its deadline has passed: with 408 for an incomplete head."""
        cycle: Any = self.cycle  # None before the first request
        if self.deadline > self.loop.time():
            return
        if self.transport.get_write_buffer_size():
            self._limits.refuse("stalled")
            self.transport.abort()
        elif self._is_closing():
            self.transport.abort()
        elif self._head_started:
            self._refuse(HttpError(408, "request_timeout", "The request did not arrive in time.", CLOSE), self._buffer)
        elif cycle is None or cycle.response_complete:
            self.transport.close()
            self._set_deadline()
        elif cycle.response_started:
            self._set_deadline()
        else:
            self._limits.refuse("unanswered")
            self.transport.abort()

    def half_close(self) -> None:
        """Half-close, then linger, so that a client that is still sending can read the response (RFC 9112, 9.6)."""
        if self.transport.can_write_eof() and not self._is_closing():
            self._half_closed = True
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()
        self._set_deadline()

    def _is_closing(self) -> bool:
        return self._half_closed or self.transport.is_closing()

    def _is_blocked(self) -> bool:
        """Whether parsing must wait: a request is in progress, or the client does not read responses."""
        cycle: Any = self.cycle
        is_under_way = cycle is not None and not (cycle.more_body or cycle.response_complete)
        return is_under_way or self.flow.write_paused or self._half_closed or self.transport.is_closing()

    def _set_deadline(self) -> None:
        if self._half_closed or self.transport.is_closing():
            self._limits.connections.mark_idle(self)
            patience = STALLED_SECONDS
        elif not self.cycle.response_complete:
            patience = REQUEST_SECONDS
        else:
            self._idle[self] = None
            is_behind = self.flow.write_paused or self._framing.body_left
            patience = STALLED_SECONDS if is_behind else self._limits.idle_timeout_seconds
        self.deadline = self.loop.time() + patience

    def _resume(self) -> None:
        if self._buffer:
            self._parse()
        if self.flow.read_paused and not self.transport.is_closing() and not (self._buffer and self._is_blocked()):
            self.flow.resume_reading()

    def _parse(self) -> None:
        """Parse the buffer as far as possible now."""
        buffer, start, framing = self._buffer, 0, self._framing
        try:
            while start < len(buffer) and (framing.body_left or not self._is_blocked()):
                end = framing.body_end(buffer, start) if framing.body_left else head_end(buffer, start)
                if end == start:
                    self._wait_for_data()
                    break
                self.parser.feed_data(buffer[start:end])
                start = end
        except httptools.HttpParserUpgrade:  # no upgrade is supported; the remaining bytes would be of that protocol
            self.cycle.keep_alive, start = False, len(buffer)
        except (HttpError, httptools.HttpParserError) as error:
            self._refuse(http_error_of(error), buffer[start:])
            start, framing.body_left = len(buffer), 0
        self._buffer = buffer[start:]
        if framing.body_left and self.cycle.transport is self.transport:
            self.cycle.transport = LingeringTransport(self.transport, self.half_close)  # type: ignore[assignment]

    def _wait_for_data(self) -> None:
        if not self._framing.body_left:
            if not self._head_started:
                self._head_started, self.deadline = True, self.loop.time() + self._limits.header_timeout_seconds
        elif not self._framing.pieces:
            self.flow.pause_reading()
            self.loop.call_soon(self._resume)

    def _refuse(self, refusal: HttpError, unparsed: bytes) -> None:
        """Close the connection; unless a response has started, with one to `unparsed`, or to the request under way."""
        self._limits.refuse(refusal.code)
        cycle: Any = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete or not cycle.response_started:
            request_id, has_begun = secrets.token_hex(8), cycle is not None and not cycle.response_complete
            path = path_of(self.url if has_begun else target_of(unparsed))
            response = rules_of(path).refusal(request_id, refusal, self._problem_types)
            self.write_response(response, request_id, self.server_state.default_headers)
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        self.half_close()

    def write_response(
        self,
        response: ApiResponse,
        request_id: str,
        headers: Iterable[tuple[bytes, bytes]],
        *,
        last: bool = False,
        is_head: bool = False,
    ) -> None:
        """Send a response; `headers` come first, `last` adds `Connection: close`, `is_head` leaves the body out."""
        lines = [STATUS_LINE[response.status]]
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        end = b"connection: close\r\n\r\n" if last else b"\r\n"
        lines += (encode_headers(response, request_id), end, b"" if is_head else response.body)
        self.transport.write(b"".join(lines))
