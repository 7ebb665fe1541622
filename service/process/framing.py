"""HTTP/1.1 message framing: where the next piece of a connection's bytes ends that the parser may be given.

A piece is a whole head, or a part of one body: it never reaches into the request behind (RFC 9112, 6 and 7.1).
"""

from __future__ import annotations

from collections.abc import Iterable

from service.api.problems import Refusal
from service.process.heads import CLOSE, HEAD_END, LARGEST_HEADERS, headers_too_large

CHUNKED = -1
CHUNK_PIECE = 4096
PIECES_TOGETHER = 4096
"""So many pieces of chunked bodies are parsed in one turn of the event loop: they may have four bytes each."""


class Framing:
    """Of one connection. `body_left` are the bytes of the present body to come, or CHUNKED; 0: a head comes next."""

    def __init__(self) -> None:
        self.body_left = 0
        self.overhead = 0
        """Bytes of chunk sizes, chunk extensions and trailers since the last byte of a body."""
        self.pieces = 0
        """Of chunked bodies since the last pause; 0: a pause is due."""

    def begin_body(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Take the body's length from the headers, which the parser checked (RFC 9112, 6.3). 501 for other codings."""
        codings: list[bytes] = []
        for name, value in headers:
            if name == b"content-length":
                self.body_left = int(value)
            elif name == b"transfer-encoding":
                codings += value.lower().replace(b",", b" ").split()
        if codings:
            if codings[-1:] == [b"chunked"] != codings:  # where it is not the last one, the parser answers 400
                raise unsupported_coding()
            self.body_left, self.overhead = CHUNKED, 0

    def body_end(self, held: bytes, begin: int) -> int:
        """Where a body's piece ends that begins here; `begin` where more must arrive, or a pause is due. Refusal."""
        if self.body_left == CHUNKED:
            self.pieces = (self.pieces + 1) % PIECES_TOGETHER
            return self._chunks_end(held, begin) if self.pieces else begin
        end = min(begin + self.body_left, len(held))
        self.body_left -= end - begin
        return end

    def _chunks_end(self, held: bytes, begin: int) -> int:
        """A chunked body ends with an empty line, so a piece ends behind one, and never within one."""
        found = held.find(HEAD_END, begin, begin + CHUNK_PIECE)
        if found < 0:
            end = min(begin + CHUNK_PIECE, len(held))
            end -= next((size for size in (3, 2, 1) if held.endswith(HEAD_END[:size], begin, end)), 0)
        else:
            end = found + len(HEAD_END)
        self.overhead += end - begin
        if self.overhead > LARGEST_HEADERS:
            raise headers_too_large()
        return end


def unsupported_coding() -> Refusal:
    """What is said of a body in a transfer coding besides chunked (RFC 9112, 6.1)."""
    detail = "Of transfer codings only chunked is understood: send the body without any other."
    return Refusal(501, "unsupported_transfer_coding", detail, CLOSE)
