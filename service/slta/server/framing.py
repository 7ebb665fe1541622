"""HTTP/1.1 message framing: requests from the bytes of a connection, and their responses, whole or by a FastAPI route.

The reader splits the bytes so that the parser never sees two requests at once. A piece is a complete head, or a part of
one body; it never extends into the next request (RFC 9112, 6 and 7.1).
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any

import httptools
from starlette.types import Message, Scope

from slta.api.http.responses import ApiResponse, encode_headers
from slta.server.request_head import (
    CHUNKED,
    HEAD_END,
    MAX_HEADER_BYTES,
    KnownHeads,
    RequestHead,
    check_syntax,
    head_end,
    headers_too_large,
    invalid_http,
    parsed_head,
    without_secret,
)

STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
MAX_UNRECEIVED = 65_536
"""Bytes of a body that may wait for its route; above, reading pauses."""
CHUNK_PIECE = 4096
UPGRADE = re.compile(rb"(?i)\r\nupgrade:[\t -~\x80-\xff]*(?=\r\n)")
"""Whole line of a header that a server may ignore (RFC 9110, 7.8), unless the parser is to reject its value; for an
upgrade it would skip the request's body."""
MAX_PIECES_PER_ITERATION = 4096
"""Maximum pieces of chunked bodies parsed in one iteration of the event loop: a piece may have only four bytes."""


class Exchange:
    """A request and its response, which `task` sends. `scope` is that of ASGI.

    `keep_alive`: the connection stays open after it. `expects_continue`: the client awaits 100 Continue. `is_hot`: the
    fast path answers. `keeps_body`: some route reads it. `more_body`: not all of it has arrived. `has_started`: the
    response. `is_over`: the response is written, or nobody awaits it any more.
    """

    def __init__(self, connection: Any, url: bytes = b"") -> None:  # noqa: ANN401 - its module imports this one
        self.url = url
        self.scope: Scope = {"method": ""}
        self.keep_alive = self.expects_continue = self.is_hot = False
        self.keeps_body = self.more_body = True
        self.has_started = self.is_over = self._is_chunked = False
        self.task: asyncio.Task[None] | None = None
        self.body = bytearray()
        self._has_news = False
        self._waiter: asyncio.Future[None] | None = None
        self._connection = connection

    def take_body(self) -> bytes:
        """Take what has arrived of the body."""
        body = bytes(self.body)
        self.body.clear()
        return body

    def end(self) -> None:
        """End the exchange: `receive` and `send` do nothing from now on."""
        self.is_over = True
        self.tell()

    def tell(self) -> None:
        """Let `receive` go on: more of the body has arrived, or its end, or that of the exchange."""
        self._has_news = True
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> Message:
        """Receive the next piece of the body, or that the exchange is over."""
        transport = self._connection.transport
        if self.expects_continue and not transport.is_closing():
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.expects_continue = False
        if not self.is_over:
            transport.resume_reading()
            while not self._has_news:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
            self._has_news = False
        if self.is_over:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self.take_body(), "more_body": self.more_body}

    async def send(self, message: Message) -> None:
        """Send the head of the response, or a piece of its body, once the write buffer has room."""
        await self._connection.writable.wait()
        if not (self.is_over or self.has_started):
            self._send_head(message["status"], message["headers"])
        elif not self.is_over:
            self._send_body(message.get("body", b""), has_more=message.get("more_body", False))

    def _send_head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        names = dict(headers)
        has_body = self.scope["method"] != "HEAD" and status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        self._is_chunked = has_body and b"content-length" not in names and self.scope["http_version"] != "1.0"
        self._write(status, _lines(headers), must_close=b"connection" in names)

    def _write(self, status: int, lines: bytes, body: bytes = b"", *, must_close: bool) -> None:
        self.has_started, self.expects_continue = True, False
        close = b"" if self.keep_alive or must_close else b"connection: close\r\n"
        coding = b"transfer-encoding: chunked\r\n" if self._is_chunked else b""
        self.keep_alive = self.keep_alive and not must_close
        default = _lines(self._connection.state.default_headers)
        self._connection.transport.write(b"".join((STATUS_LINES[status], default, lines, close, coding, b"\r\n", body)))

    def _send_body(self, body: bytes, *, has_more: bool) -> None:
        if self._is_chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if has_more else b"0\r\n\r\n")
        if self.scope["method"] != "HEAD":
            self._connection.transport.write(body)
        if not has_more:
            self.end()
            self._connection.on_response_complete()

    def respond(self, response: ApiResponse, request_id: str) -> None:
        """Send a whole response, which ends the exchange."""
        body = b"" if self.scope["method"] == "HEAD" else response.body
        lines = encode_headers(response, request_id)
        self._write(response.status, lines, body, must_close="Connection" in response.headers)
        self.end()


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class RequestReader:
    """Reader of one connection's requests; `exchange` is the one that was begun last.

    `body_left`: remaining bytes of its body, or CHUNKED; 0: a head follows. `overhead`: bytes of chunk sizes, chunk
    extensions and trailers since the last body byte. `pieces` of chunked bodies since the last pause; 0: one is due.
    """

    _headers: list[tuple[bytes, bytes]]

    def __init__(self, connection: Any, known_heads: KnownHeads) -> None:  # noqa: ANN401 - as of an exchange
        self.exchange = Exchange(connection)
        self.body_left = self.overhead = self.pieces = 0
        self._head: RequestHead | None = None
        self._is_known = False
        self._has_trailers = False  # the parser takes some for headers of the next request
        self._connection = connection
        self._known_heads = known_heads
        self._parser = httptools.HttpRequestParser(self)

    def parse(self, piece: bytes) -> None:
        """Parse a piece. Raises an error of httptools, whose context is that of a request which is refused.

        The parser gets neither a known head nor the body that follows it.
        """
        if not self.body_left:
            self._parse_head(piece)
        elif self._is_known:
            self.on_body(piece)
        else:
            self._parser.feed_data(piece)
        if self._is_known and not self.body_left:
            self.on_message_complete()
        elif self._has_trailers and not self.body_left:
            self._parser, self._has_trailers = httptools.HttpRequestParser(self), False

    def _parse_head(self, piece: bytes) -> None:
        rest, secret = without_secret(piece)
        self._head = known = self._known_heads.find(rest, secret)
        self._is_known = known is not None
        if known:
            self._connection.admit(known.target)
            self._begin(known)
        else:
            check_syntax(piece)
            self._parser.feed_data(UPGRADE.sub(b"", piece))
            if self._head:
                self._known_heads.add(rest, secret, self._head)

    def _begin(self, head: RequestHead) -> None:
        self._head, self.body_left, self.overhead = head, head.body, 0
        self.exchange = Exchange(self._connection, head.target)
        self._connection.begin(self.exchange, head)

    def on_url(self, url: bytes) -> None:
        """Take the target: a head reaches the parser in one piece, and no other one with it."""
        if self._head:
            raise invalid_http()
        self._target, self._headers = url, []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header, without the blanks behind its value, which the parser leaves (RFC 9112, 5.1); no trailer."""
        if self.body_left:
            self._has_trailers = True
        else:
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Start the request."""
        self._connection.admit(self._target)
        self._begin(parsed_head(self._parser, self._target, self._headers))

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, if somebody is going to receive it."""
        exchange, self.overhead = self.exchange, 0
        if self.body_left != CHUNKED:
            self.body_left -= len(body)
        if exchange.keeps_body and not exchange.is_over:
            exchange.body += body
            exchange.tell()
            if len(exchange.body) > MAX_UNRECEIVED:
                self._connection.transport.pause_reading()

    def on_message_complete(self) -> None:
        """Mark the body as complete."""
        self.body_left, self.exchange.more_body = 0, False
        self.exchange.tell()

    def piece_end(self, buffer: bytes, start: int) -> int:
        """End of the piece that starts at `start`; `start` if more data or a pause is needed. Raises HttpError."""
        if not self.body_left:
            return head_end(buffer, start)
        if self.body_left == CHUNKED:
            self.pieces = (self.pieces + 1) % MAX_PIECES_PER_ITERATION
            return self._chunks_end(buffer, start) if self.pieces else start
        return min(start + self.body_left, len(buffer))

    def _chunks_end(self, buffer: bytes, start: int) -> int:
        """A chunked body ends with an empty line, so a piece ends after one, never inside one."""
        found = buffer.find(HEAD_END, start, start + CHUNK_PIECE)
        end = found + len(HEAD_END)
        if found < 0:
            end = min(start + CHUNK_PIECE, len(buffer))
            end -= next((size for size in (3, 2, 1) if buffer.endswith(HEAD_END[:size], start, end)), 0)
        self.overhead += end - start
        if self.overhead > MAX_HEADER_BYTES:
            raise headers_too_large()
        return end
