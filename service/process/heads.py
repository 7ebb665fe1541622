"""How large a request's head may be, and what is said of one that is larger."""

from __future__ import annotations

import re

from service.api.door import PROBES
from service.api.problems import Refusal

HEAD_END = b"\r\n\r\n"
LONGEST_REQUEST_LINE = 8192
"""RFC 9112, 3: at least 8000 should be taken."""
LARGEST_HEADERS = 16_384
MOST_HEADERS = 100
SURELY_SMALL = 400
"""A head of so many bytes is within every limit: a hundred lines have more."""
CLOSE = {"Connection": "close"}
VERSIONS = (b" HTTP/1.1", b" HTTP/1.0")
_VERSION = re.compile(rb" HTTP/\d+(\.\d+)?\Z")


def head_end(held: bytes, begin: int) -> int:
    """Where the head ends that begins here, or the empty lines before it; `begin` while it is open. Raises Refusal."""
    if held[begin] in b"\r\n":
        return len(held) - len(held[begin:].lstrip(b"\r\n"))
    found = held.find(HEAD_END, begin)
    end = len(held) if found < 0 else found + len(HEAD_END)
    if found < 0 or end - begin > SURELY_SMALL:
        check_head(held[begin:end])
    if found < 0:
        return begin
    line_end = held.find(b"\r", begin)
    if not held.endswith(VERSIONS, begin, line_end):
        raise other_version(held[begin:line_end])
    return end


def check_head(head: bytes) -> None:
    """Raise Refusal for a head, whole or not, that is too large; `head` has the empty line if it is whole."""
    if not head[:1].isalpha():
        raise no_http()
    line = head.partition(b"\r\n")[0]
    if len(line) > LONGEST_REQUEST_LINE:
        detail = f"The request line may have at most {LONGEST_REQUEST_LINE} bytes."
        raise Refusal(414, "uri_too_long", detail, CLOSE)
    if len(head) - len(line) > LARGEST_HEADERS or head.count(b"\r\n") > MOST_HEADERS + 2:
        raise headers_too_large()


class Trailers(list[tuple[bytes, bytes]]):
    """Headers after a body: nobody asked for them, so none is kept."""

    def append(self, header: tuple[bytes, bytes]) -> None:
        """Keep nothing."""


def name_host(target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Let an absolute target that names another host than `Host` does count as a second one (RFC 9112, 3.2.2)."""
    authority = target.partition(b"://")[2].partition(b"/")[0]
    hosts = [value for name, value in headers if name == b"host"]
    if hosts and hosts != [authority]:
        headers.append((b"host", authority))


def is_probe(target: bytes) -> bool:
    """Whether a request asks how the process is: it is answered where others are refused."""
    return target.partition(b"?")[0].decode("latin-1") in PROBES


def refusal_of(error: Exception) -> Refusal:
    """What is said of an error while bytes are parsed: a Refusal, or the parser's own, perhaps because of one."""
    cause = error if isinstance(error, Refusal) else error.__context__
    return cause if isinstance(cause, Refusal) else no_http()


def other_version(line: bytes) -> Refusal:
    """What is said of a request line whose version is not one of ours (RFC 9110, 15.6.6)."""
    if not _VERSION.search(line):
        return no_http()
    return Refusal(505, "unsupported_http_version", "Only HTTP/1.1 and HTTP/1.0 are understood here.", CLOSE)


def no_http() -> Refusal:
    """What is said of bytes that the parser does not take."""
    return Refusal(400, "invalid_http", "This is not HTTP/1.1 as RFC 9112 describes it.", CLOSE)


def headers_too_large() -> Refusal:
    """What is said of headers, and of what stands around the chunks of a body."""
    detail = f"The headers may have at most {LARGEST_HEADERS} bytes and {MOST_HEADERS} lines."
    return Refusal(431, "headers_too_large", detail, CLOSE)


def too_many_connections() -> Refusal:
    """What a client is told that found no place."""
    detail = "This dispatcher has as many connections as it takes: try again, or another one."
    return Refusal(503, "too_many_connections", detail, {"Retry-After": "1", **CLOSE})
