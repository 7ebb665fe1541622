"""HTTP/1.1 message framing: splits a connection's bytes so that the parser never sees two requests at once.

A piece is a complete head, or a part of one body; it never extends into the next request (RFC 9112, 6 and 7.1).
"""

from __future__ import annotations

from collections.abc import Iterable

from slta.api.http.problems import CLOSE, HttpError
from slta.server.request_head import HEAD_END, MAX_HEADER_BYTES, headers_too_large

CHUNKED = -1
CHUNK_PIECE = 4096
MAX_PIECES_PER_ITERATION = 4096
"""Maximum pieces of chunked bodies parsed in one iteration of the event loop: a piece may have only four bytes."""


class Framing:
    """Framing of one connection. `body_left`: remaining bytes of the current body, or CHUNKED; 0: a head follows."""

    def __init__(self) -> None:
        self.body_left = 0
        self.overhead = 0
        """Bytes of chunk sizes, chunk extensions and trailers since the last body byte."""
        self.pieces = 0
        """Pieces of chunked bodies since the last pause; 0: a pause is due."""

    def begin_body(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the body length from the validated headers (RFC 9112, 6.3). 501 for an unsupported transfer coding."""
        codings: list[bytes] = []
        for name, value in headers:
            if name == b"content-length":
                self.body_left = int(value)
            elif name == b"transfer-encoding":
                codings += value.lower().replace(b",", b" ").split()
        if codings:
            if codings[-1:] == [b"chunked"] != codings:  # if chunked is not the last, the parser raises 400
                detail = "The only supported transfer coding is chunked."  # RFC 9112, 6.1
                raise HttpError(501, "unsupported_transfer_coding", detail, CLOSE)
            self.body_left, self.overhead = CHUNKED, 0

    def body_end(self, buffer: bytes, start: int) -> int:
        """End of the body piece that starts at `start`; `start` if more data or a pause is needed. Raises HttpError."""
        if self.body_left == CHUNKED:
            self.pieces = (self.pieces + 1) % MAX_PIECES_PER_ITERATION
            return self._chunks_end(buffer, start) if self.pieces else start
        end = min(start + self.body_left, len(buffer))
        self.body_left -= end - start
        return end

    def _chunks_end(self, buffer: bytes, start: int) -> int:
        """A chunked body ends with an empty line, so a piece ends after one, never inside one."""
        found = buffer.find(HEAD_END, start, start + CHUNK_PIECE)
        if found < 0:
            end = min(start + CHUNK_PIECE, len(buffer))
            end -= next((size for size in (3, 2, 1) if buffer.endswith(HEAD_END[:size], start, end)), 0)
        else:
            end = found + len(HEAD_END)
        self.overhead += end - start
        if self.overhead > MAX_HEADER_BYTES:
            raise headers_too_large()
        return end
