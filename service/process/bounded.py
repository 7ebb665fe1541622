"""uvicorn's HTTP/1.1, bounded before anybody is known: in bytes, in requests ahead and in seconds."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.api.answers import Answer, headers_as_sent
from service.api.problems import Refusal, problem_of
from service.process.framing import CHUNKED, Framing
from service.process.heads import CLOSE, Trailers, head_end, is_probe, name_host, refusal_of, too_many_connections
from service.process.limits import REQUEST_SECONDS, STALLED_SECONDS, Limits

KEPT = 16_384
"""Bytes that are kept for a client that does not read, and of one that is not read, besides those of the kernel."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection.

    The parser gets a request's head when that has arrived whole, for it keeps what is open without saying how much.
    Then it gets the body, and nothing more until the answer has been given: what a client sends ahead stays unparsed
    and the socket unread. So uvicorn's own pipeline is always empty.

    It is always `due` to end at some time. While a request is under way that is REQUEST_SECONDS after its head, and
    again where its answer has begun by then: a stream ends by its application, or when its client stops reading.
    """

    def __init__(self, *, limits: Limits, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**options)
        self.due = math.inf  # until the transport is there
        self._limits = limits
        self._idle: dict[Any, None] = {}
        self._has_place = True
        self._held = b""
        self._head_begun = False
        self._framing = Framing()
        self._parting = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - as above
        """A client is there; it may be one too many."""
        super().connection_made(transport)
        self.due = self.loop.time() + self._limits.head_seconds
        transport.set_write_buffer_limits(KEPT)
        if self.scheme == "https":
            transport.set_read_buffer_limits(KEPT)  # uvloop's: of what is still encrypted
        places = self._limits.places
        self._has_place = places.enter(self, self.client[0] if self.client else "")
        self._idle = places.idle_with(self)

    def data_received(self, data: bytes) -> None:
        """Requests, whole or in pieces."""
        if self._parting:
            return
        self._held = self._held + data if self._held else data
        self._parse()
        if self._held and self._waits():
            self.flow.pause_reading()

    def on_headers_complete(self) -> None:
        """A head has ended."""
        self._idle.pop(self, None)
        self.due, self._head_begun = self.loop.time() + REQUEST_SECONDS, False
        if not (self._has_place or is_probe(self.url)):
            raise too_many_connections()
        self._framing.begin_body(self.headers)
        if self.url[:1] != b"/":
            name_host(self.url, self.headers)
        super().on_headers_complete()
        if self._limits.ending or not self._has_place:
            self.cycle.keep_alive = False
        if self._framing.body_left == CHUNKED:
            self.headers = Trailers()

    def on_body(self, body: bytes) -> None:
        """Bytes of a body. Of one that was refused already nothing is kept."""
        cycle, framing = self.cycle, self._framing
        framing.overhead = 0
        if not cycle.response_complete:
            cycle.body += body
            if framing.body_left:  # else its end is next
                cycle.message_event.set()
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """The body has ended."""
        self._framing.body_left = 0
        if self.cycle.response_complete:
            self._set_due()
        else:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """An answer was given: it is the next request's turn."""
        self._set_due()
        if self._held or self.flow.read_paused:
            self._go_on()

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        super().pause_writing()
        self.due = self.loop.time() + STALLED_SECONDS

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        self.on_response_complete()

    def eof_received(self) -> None:
        """The client sends nothing more: the transport closes when the client has read what was written."""
        self.due = self.loop.time() + STALLED_SECONDS

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left."""
        self._held = b""
        self._limits.places.leave(self)
        super().connection_lost(exc)

    def give_up(self) -> None:
        """End it if its time is over."""
        cycle: Any = self.cycle  # None before the first request
        if self.due > self.loop.time():
            return
        if self.transport.get_write_buffer_size():
            self._limits.refuse("stalled")
            self.transport.abort()
        elif self._is_over():
            self.transport.abort()
        elif self._head_begun:
            self._refuse(Refusal(408, "request_timeout", "The request did not arrive in time.", CLOSE))
        elif cycle is None or cycle.response_complete:
            self.transport.close()
            self._set_due()
        elif cycle.response_started:
            self._set_due()
        else:
            self._limits.refuse("unanswered")
            self.transport.abort()

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
        if self._parting or self.transport.is_closing():
            self._limits.places.rest(self)
            patience = STALLED_SECONDS
        elif not self.cycle.response_complete:
            patience = REQUEST_SECONDS
        else:
            self._idle[self] = None
            is_behind = self.flow.write_paused or self._framing.body_left
            patience = STALLED_SECONDS if is_behind else self._limits.keep_alive_seconds
        self.due = self.loop.time() + patience

    def _go_on(self) -> None:
        if self._held:
            self._parse()
        if self.flow.read_paused and not self.transport.is_closing() and not (self._held and self._waits()):
            self.flow.resume_reading()

    def _parse(self) -> None:
        """Parse what is held, as far as it may be parsed now."""
        held, begin, framing = self._held, 0, self._framing
        try:
            while begin < len(held) and (framing.body_left or not self._waits()):
                end = framing.body_end(held, begin) if framing.body_left else head_end(held, begin)
                if end == begin:
                    self._await_more()
                    break
                self.parser.feed_data(held[begin:end])
                begin = end
        except httptools.HttpParserUpgrade:  # to what we do not speak; what follows would be in it
            self.cycle.keep_alive, begin = False, len(held)
        except (Refusal, httptools.HttpParserError) as error:
            self._refuse(refusal_of(error))
            begin, framing.body_left = len(held), 0
        self._held = held[begin:]
        if framing.body_left:
            self._body_is_open()

    def _body_is_open(self) -> None:
        if self.cycle.transport is self.transport:
            self.cycle.transport = _Parting(self)  # type: ignore[assignment]

    def _await_more(self) -> None:
        if not self._framing.body_left:
            if not self._head_begun:
                self._head_begun, self.due = True, self.loop.time() + self._limits.head_seconds
        elif not self._framing.pieces:
            self.flow.pause_reading()
            self.loop.call_soon(self._go_on)

    def _refuse(self, refusal: Refusal) -> None:
        """End the connection, with an answer where none has begun."""
        self._limits.refuse(refusal.code)
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
        lines = [STATUS_LINE[answer.status]]
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        end = b"connection: close\r\n\r\n" if last else b"\r\n"
        lines += (headers_as_sent(answer, request_id), end, answer.body)
        self.transport.write(b"".join(lines))


class _Parting:
    """The transport of a request whose body is still arriving: it is closed in two steps."""

    def __init__(self, protocol: BoundedProtocol) -> None:
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing
        self.close = protocol.part
