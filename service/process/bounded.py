"""uvicorn's HTTP/1.1, bounded before anybody is known: in bytes, in requests ahead and in seconds."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.api.answers import Answer, headers_as_sent
from service.api.problems import Refusal, problem_of
from service.process.heads import (
    CLOSE,
    HEAD_END,
    LARGEST_HEADERS,
    SURELY_SMALL,
    Trailers,
    check_head,
    headers_too_large,
    name_host,
    no_http,
)
from service.process.limits import NEVER, STALLED_SECONDS, Limits

CHUNKED = -1
CHUNK_PIECE = 4096
KEPT = 16_384
"""Bytes that are kept for a client that does not read, and of one that is not read, besides those of the kernel."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection.

    The parser gets a request's head when that has arrived whole, for it keeps what is open without saying how much.
    Then it gets the body, and nothing more until the answer has been given: what a client sends ahead stays unparsed
    and the socket unread. So uvicorn's own pipeline is always empty.
    """

    def __init__(self, *, limits: Limits, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**options)
        self.due = NEVER
        self._limits = limits
        self._held = b""
        self._head_begun = False
        self._body_left = 0  # bytes, or CHUNKED; 0 where a head comes next
        self._framing = 0  # bytes of chunk extensions and trailers since the last byte of a body
        self._parting = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as above
        """A client is there; it may be one too many."""
        super().connection_made(transport)
        self.due = self.loop.time() + self._limits.head_seconds
        transport.set_write_buffer_limits(KEPT)
        if self.scheme == "https":
            transport.set_read_buffer_limits(KEPT)  # uvloop's: of what is still encrypted
        if len(self.connections) > self._limits.most_connections:
            self._limits.turn_away()
            detail = "This dispatcher has as many connections as it takes: try again, or another one."
            self._refuse(Refusal(503, "too_many_connections", detail, {"Retry-After": "1", **CLOSE}))
            self.transport.close()  # at once, for its place is needed

    def data_received(self, data: bytes) -> None:
        """Requests, whole or in pieces."""
        if self._parting:
            return
        self._held = self._held + data if self._held else data
        self._parse()
        if self._held and self._waits():
            self.flow.pause_reading()

    def on_headers_complete(self) -> None:
        """A head has ended. How long the body is follows from the headers (RFC 9112, 6.3), which the parser checked."""
        self.due, self._head_begun = NEVER, False
        for name, value in self.headers:
            if name == b"content-length":
                self._body_left = int(value)
            elif name == b"transfer-encoding":
                self._body_left, self._framing = CHUNKED, 0
        if self.url[:1] != b"/":
            name_host(self.url, self.headers)
        super().on_headers_complete()
        if self._limits.ending:
            self.cycle.keep_alive = False
        if self._body_left == CHUNKED:
            self.headers = Trailers()

    def on_body(self, body: bytes) -> None:
        """Bytes of a body. Of one that was refused already nothing is kept."""
        self._framing = 0
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            cycle.message_event.set()
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """The body has ended."""
        self._body_left = 0
        if self.cycle.response_complete:
            self._set_due()
        else:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """An answer was given: it is the next request's turn."""
        self._set_due()
        if self._held:
            self._parse()
        if self.flow.read_paused and not self.transport.is_closing() and not (self._held and self._waits()):
            self.flow.resume_reading()

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        super().pause_writing()
        self.due = self.loop.time() + STALLED_SECONDS

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        self.on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left."""
        self._held = b""
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Its time is over."""
        if self.transport.get_write_buffer_size():
            self._limits.refused("stalled")
            self.transport.abort()
        elif self._is_over():
            self.transport.abort()
        elif self._head_begun:
            self._refuse(Refusal(408, "request_timeout", "The request did not arrive in time.", CLOSE))
        else:
            self.transport.close()
            self._set_due()

    def part(self) -> None:
        """End in two steps, so that a client that still sends can read its last answer (RFC 9112, 9.6)."""
        if self.transport.can_write_eof() and not self._is_over():
            self._parting = True
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()
        self._set_due()

    def _is_over(self) -> bool:
        return self._parting or self.transport.is_closing()

    def _waits(self) -> bool:
        """Whether nothing more may be parsed: a request is under way, or answers are not read."""
        cycle: Any = self.cycle
        is_under_way = cycle is not None and not (cycle.more_body or cycle.response_complete)
        return is_under_way or self.flow.write_paused or self._parting or self.transport.is_closing()

    def _set_due(self) -> None:
        if self._is_over():
            patience = STALLED_SECONDS
        elif not self.cycle.response_complete:
            patience = NEVER
        else:
            patience = STALLED_SECONDS if self._body_left else self._limits.keep_alive_seconds
        self.due = self.loop.time() + patience

    def _parse(self) -> None:
        """Parse what is held, as far as it may be parsed now."""
        held, begin = self._held, 0
        try:
            while begin < len(held) and not self._waits():
                end = self._body_end(begin) if self._body_left else self._head_end(begin)
                if end == begin:
                    break
                self.parser.feed_data(held[begin:end])
                begin = end
        except httptools.HttpParserUpgrade:  # to what we do not speak; what follows would be in it
            self.cycle.keep_alive, begin = False, len(held)
        except (Refusal, httptools.HttpParserError) as error:
            self._refuse(error if isinstance(error, Refusal) else no_http())
            begin = len(held)
        self._held = held[begin:]
        if self._body_left and self.cycle.transport is self.transport:
            self.cycle.transport = _Parting(self)  # type: ignore[assignment]

    def _head_end(self, begin: int) -> int:
        """Where the head ends that begins here, and `begin` while it is open. Raises Refusal for one too large."""
        found = self._held.find(HEAD_END, begin)
        end = len(self._held) if found < 0 else found + len(HEAD_END)
        if end - begin > SURELY_SMALL:
            check_head(self._held[begin:end])
        if found >= 0:
            return end
        if not (self._held[begin : begin + 1].isalpha() or self._held[begin : begin + 1] in b"\r\n"):
            raise no_http()
        if not self._head_begun:
            self._head_begun, self.due = True, self.loop.time() + self._limits.head_seconds
        return begin

    def _body_end(self, begin: int) -> int:
        """Where the piece of a body ends that begins here, with at most one end of a request in it."""
        if self._body_left > 0:
            end = min(begin + self._body_left, len(self._held))
            self._body_left -= end - begin
            return end
        found = self._held.find(HEAD_END, begin, begin + CHUNK_PIECE)
        end = min(begin + CHUNK_PIECE, len(self._held)) if found < 0 else found + len(HEAD_END)
        self._framing += end - begin
        if self._framing > LARGEST_HEADERS:
            raise headers_too_large()
        return end

    def _refuse(self, refusal: Refusal) -> None:
        """End the connection, with an answer where none has begun."""
        self._limits.refused(refusal.code)
        cycle: Any = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete or not cycle.response_started:
            request_id = secrets.token_hex(8)
            self.write_answer(problem_of(request_id, refusal), request_id, self.server_state.default_headers)
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        self.part()

    def write_answer(
        self, answer: Answer, request_id: str, headers: Iterable[tuple[bytes, bytes]], *, last: bool = False
    ) -> None:
        """Send an answer; `headers` come first, and `last` says that the connection ends with it."""
        head = [STATUS_LINE[answer.status]]
        for name, value in headers:
            head += [name, b": ", value, b"\r\n"]
        head.append(headers_as_sent(answer, request_id))
        if last:
            head.append(b"connection: close\r\n")
        self.transport.write(b"".join([*head, b"\r\n", answer.body]))


class _Parting:
    """The transport of a request whose body is still arriving: it is closed in two steps."""

    def __init__(self, protocol: BoundedProtocol) -> None:
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing
        self.close = protocol.part
