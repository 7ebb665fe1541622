"""Strict parser of the requests on a connection, from RFC 9112 alone; what it refuses, a server need not serve.

Stricter than it must be, so that a server may serve all that it accepts: methods of RFC 9110 without CONNECT, paths as
targets, one Content-Length or one Transfer-Encoding with nothing but `chunked`, no blanks around chunk extensions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

LETTER = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
TOKEN = LETTER + b"+"
VALUE = rb"[\t\x20-\x7e\x80-\xff]*"
QUOTED = rb'"(?:[\t !#-\x5b\x5d-\x7e\x80-\xff]|\\[\t -~\x80-\xff])*"'
METHOD = rb"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE"
REQUEST_LINE = re.compile(rb"(%b) (/[!\"$-~]*) HTTP/1\.([01])" % METHOD)
FIELD = re.compile(rb"(%b):(%b)" % (TOKEN, VALUE))
EXTENSION = rb";+(?:%b(?:=(?:%b|%b)*)?|=(?:%b|%b)*)" % (TOKEN, LETTER, QUOTED, LETTER, QUOTED)
"""Of a chunk, and ignored; laxer than it must be."""
CHUNK = re.compile(rb"([0-9A-Fa-f]+)(?:%b)*" % EXTENSION)
FRAMING = (b"content-length", b"transfer-encoding")
"""Fields that a trailer must not have (RFC 9110, 6.5.1)."""
END = b"\r\n"


class RefusedError(Exception):
    """What follows is no request."""


class IncompleteError(Exception):
    """What follows may become a request."""


class Request(NamedTuple):
    """A request: its target's path and query, and its headers in small letters, in order."""

    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class StrictParser:
    """Parser of all that a client sends."""

    def __init__(self, sent: bytes) -> None:
        self._rest = sent

    def requests(self) -> tuple[list[Request], bool]:
        """Complete requests until one is refused or ends the connection; whether one is refused."""
        found: list[Request] = []
        try:
            is_last = False
            while not is_last:
                request, is_last = self._request()
                found.append(request)
        except IncompleteError:
            return found, False
        except RefusedError:
            return found, True
        return found, False

    def _request(self) -> tuple[Request, bool]:
        while self._rest.startswith(END):
            self._rest = self._rest[len(END) :]
        method, target, version = self._matched(REQUEST_LINE, self._line())
        headers = self._fields()
        options = b",".join(value.lower() for name, value in headers if name == b"connection").split(b",")
        is_last = version == b"0" or b"close" in [option.strip(b" \t") for option in options]
        return Request(method, target, headers, self._body(headers)), is_last

    def _line(self) -> bytes:
        line, end, self._rest = self._rest.partition(END)
        if b"\r" in line.removesuffix(b"" if end else b"\r") or b"\n" in line:
            raise RefusedError
        if not end:
            raise IncompleteError
        return line

    @staticmethod
    def _matched(pattern: re.Pattern[bytes], line: bytes) -> Sequence[bytes]:
        found = pattern.fullmatch(line)
        if not found:
            raise RefusedError
        return found.groups()

    def _fields(self) -> list[tuple[bytes, bytes]]:
        fields = []
        while line := self._line():
            name, value = self._matched(FIELD, line)
            fields.append((name.lower(), value.strip(b" \t")))
        if [name for name, _ in fields].count(b"content-type") > 1:
            raise RefusedError
        return fields

    def _body(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        framing = [(name, value.lower()) for name, value in headers if name in FRAMING]
        if framing == [(b"transfer-encoding", b"chunked")]:
            return self._chunks()
        if not framing:
            return b""
        if len(framing) > 1 or not re.fullmatch(rb"[0-9]+", framing[0][1]):
            raise RefusedError
        return self._take(int(framing[0][1]))

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._matched(CHUNK, self._line())[0], 16):
            body += self._take(size)
            if self._line():
                raise RefusedError
        if any(name in FRAMING for name, _ in self._fields()):
            raise RefusedError
        return body

    def _take(self, size: int) -> bytes:
        if len(self._rest) < size:
            raise IncompleteError
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken
