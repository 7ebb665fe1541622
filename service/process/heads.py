"""How large a request's head may be, and what is said of one that is larger."""

from __future__ import annotations

from service.api.problems import Refusal

HEAD_END = b"\r\n\r\n"
LONGEST_REQUEST_LINE = 8192
"""RFC 9112, 3: at least 8000 should be taken."""
LARGEST_HEADERS = 16_384
MOST_HEADERS = 100
SURELY_SMALL = 400
"""A head of so many bytes is within every limit: a hundred lines have more."""
CLOSE = {"Connection": "close"}


def check_head(head: bytes) -> None:
    """Raise Refusal for a head, whole or not, that is too large; `head` has the empty line if it is whole."""
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


def no_http() -> Refusal:
    """What is said of bytes that the parser does not take."""
    return Refusal(400, "invalid_http", "This is not HTTP/1.1 as RFC 9112 describes it.", CLOSE)


def headers_too_large() -> Refusal:
    """What is said of headers, and of what stands around the chunks of a body."""
    detail = f"The headers may have at most {LARGEST_HEADERS} bytes and {MOST_HEADERS} lines."
    return Refusal(431, "headers_too_large", detail, CLOSE)
