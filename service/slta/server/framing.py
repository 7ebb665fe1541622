"""HTTP/1.1 message framing: splits a connection's bytes so that the parser never sees two requests at once.

A piece is a complete head, or a part of one body; it never extends into the next request (RFC 9112, 6 and 7.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httptools

from slta.api.http.problems import CLOSE, HttpError
from slta.server.exchange import Exchange
from slta.server.request_head import HEAD_END, MAX_HEADER_BYTES, head_end, headers_too_large

CHUNKED = -1
MAX_UNRECEIVED = 65_536
"""Bytes of a body that may wait for its route; above, reading pauses."""
CHUNK_PIECE = 4096
UPGRADE = re.compile(rb"(?i)\r\nupgrade:[\t -~\x80-\xff]*")
"""Header that a server may ignore (RFC 9110, 7.8), up to a byte that is no part of a value, which the parser rejects;
for an upgrade the parser would skip the request's body."""
MAX_PIECES_PER_ITERATION = 4096
"""Maximum pieces of chunked bodies parsed in one iteration of the event loop: a piece may have only four bytes."""


class RequestReader:
    """Reader of one connection's requests; `exchange` is the one that was begun last.

    `body_left`: remaining bytes of its body, or CHUNKED; 0: a head follows. `overhead`: bytes of chunk sizes, chunk
    extensions and trailers since the last body byte. `pieces` of chunked bodies since the last pause; 0: one is due.
    """

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - as of an exchange
        self.exchange = Exchange(connection)
        self.body_left = self.overhead = self.pieces = 0
        self._has_trailers = False  # the parser takes some for headers of the next request
        self._connection = connection
        self._parser = httptools.HttpRequestParser(self)

    def parse(self, piece: bytes) -> None:
        """Parse a piece. Raises an error of httptools, whose context is that of a request which is refused."""
        self._parser.feed_data(piece if self.body_left else UPGRADE.sub(b"", piece))
        if self._has_trailers and not self.body_left:
            self._parser, self._has_trailers = httptools.HttpRequestParser(self), False

    def on_url(self, url: bytes) -> None:
        """Begin a request: a head reaches the parser in one piece."""
        self.exchange = Exchange(self._connection, url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header, without the blanks behind its value, which the parser leaves (RFC 9112, 5.1); no trailer."""
        if self.body_left:
            self._has_trailers = True
        else:
            self.exchange.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Take from the head what the parser has of it, and start the request."""
        version, method = self._parser.get_http_version(), self._parser.get_method().decode("ascii")
        self.exchange.keep_alive = version != "1.0" and self._parser.should_keep_alive()
        self.exchange.scope = {"http_version": version, "method": method, "headers": self.exchange.headers}
        self._connection.begin(self.exchange)

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

    def begin_body(self, headers: Mapping[bytes, bytes]) -> None:
        """Take the body length from the validated headers (RFC 9112, 6.3). 501 for an unsupported transfer coding."""
        self.body_left = int(headers.get(b"content-length", 0))
        if b"transfer-encoding" in headers:
            values = b",".join([value for name, value in self.exchange.headers if name == b"transfer-encoding"])
            codings = values.lower().replace(b",", b" ").split()
            if codings[-1:] == [b"chunked"] != codings:  # if chunked is not the last, the parser raises 400
                detail = "The only supported transfer coding is chunked."  # RFC 9112, 6.1
                raise HttpError(501, "unsupported_transfer_coding", detail, CLOSE)
            self.body_left, self.overhead = CHUNKED, 0

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
