"""Request heads: limits, with the errors for violations; what they say; known ones, which are not parsed again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

import httptools
from starlette.types import Scope

from slta.api.fast_path import FastPath, FastRequest
from slta.api.http.responses import CLOSE, HttpError
from slta.api.http.route_options import COMMON, RULES_KEY, rules_of

HEAD_END = b"\r\n\r\n"
MAX_HEADER_BYTES = 16_384
MAX_HEADER_LINES = 100
UNCHECKED_HEAD_BYTES = 400
"""A head of at most this size is within all limits: 100 lines have more bytes."""
VISIBLE = bytes(range(0x21, 0x7F))
"""With which a head may begin, though not each is valid: what begins with another, as TLS does, is refused at once."""
CHUNKED = -1
KNOWN_HEADS = 1024
REPEATED = frozenset(
    (b"host", b"user-agent", b"accept", b"accept-encoding", b"connection", b"content-type", b"content-length")
)
"""Headers with which a client's heads are often equal, and which have no secrets."""
_PLAIN_SECRET = re.compile(rb"\r\n[Aa]uthorization:[ \t]*+([!-~](?:[ -~]*[!-~])?)[ \t]*+(?=\r\n)")
_EMPTY_LINES = re.compile(rb"(?:\r\n)++|(?=\r\Z)")
"""Those before a head, or nothing before the first half of one."""
_REQUEST_LINE = re.compile(rb"\r\n|[^ \r\n]+ [^ #\r\n]+ HTTP/1\.[01]\r\n")
"""With a blank between its parts and no fragment; or an empty line."""
_TARGET = re.compile(rb"[A-Za-z-]+ (/[^ \r\n]*)")
_OTHER_VERSION = re.compile(rb" HTTP/(?!1\.[01]\Z)\d+(\.\d+)?\Z")


class RequestHead(NamedTuple):
    """What a head says. `scope` is its part of ASGI's; `body` the length of the body, or CHUNKED.

    `fast` is set if the fast path answers.
    """

    target: bytes
    scope: Scope
    keep_alive: bool
    expects_continue: bool
    body: int
    fast: FastRequest | None


def parsed_head(parser: httptools.HttpRequestParser, target: bytes, headers: list[tuple[bytes, bytes]]) -> RequestHead:
    """What a valid head says. 400 for two types of one content, 501 for an unsupported transfer coding.

    May raise an error of httptools.
    """
    version, method, names = parser.get_http_version(), parser.get_method().decode("ascii"), dict(headers)
    keep_alive = version != "1.0" and parser.should_keep_alive()
    body = _body_of(names, headers)
    if [name for name, _ in headers].count(b"content-type") > 1:
        raise invalid_http()
    scope: Scope = {"http_version": version, "method": method, "headers": headers, **split_target(target, headers)}
    rules = scope[RULES_KEY] = rules_of(scope["path"])
    expects_continue = names.get(b"expect", b"").lower() == b"100-continue"
    fast = None if expects_continue else FastPath.match(scope, rules)
    return RequestHead(target, scope, keep_alive, expects_continue, body, fast)


def _body_of(names: Mapping[bytes, bytes], headers: list[tuple[bytes, bytes]]) -> int:
    """Length of the body from the validated headers (RFC 9112, 6.3)."""
    if b"transfer-encoding" not in names:
        return int(names.get(b"content-length", 0))
    values = b",".join([value for name, value in headers if name == b"transfer-encoding"])
    codings = [coding.strip(b" \t") for coding in values.lower().split(b",")]
    if not all(codings) or codings[-1] != b"chunked":
        raise invalid_http()
    if len(codings) > 1:
        detail = "The only supported transfer coding is chunked."  # RFC 9112, 6.1
        raise HttpError(501, "unsupported_transfer_coding", detail, CLOSE)
    return CHUNKED


class KnownHeads:
    """Heads of earlier requests by their bytes without the Authorization line, which is never kept.

    `rest` and `secret` as `without_secret` returns them.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, RequestHead] = {}

    def find(self, rest: bytes, secret: bytes) -> RequestHead | None:
        """A known head with this secret; None if the head must be parsed."""
        known = self._heads.get(rest)
        if known is None or not secret:
            return known
        headers = [*known.scope["headers"], (b"authorization", secret)]
        return known._replace(scope={**known.scope, "headers": headers})

    def add(self, rest: bytes, secret: bytes, parsed: RequestHead) -> None:
        """Remember a head that was accepted, if others may have the same; when there are KNOWN_HEADS, begin anew."""
        if not (parsed.fast and parsed.fast.route.parser) or len(rest) > UNCHECKED_HEAD_BYTES:
            return
        headers = [header for header in parsed.scope["headers"] if header[0] in REPEATED]
        if len(headers) + bool(secret) == len(parsed.scope["headers"]):
            if len(self._heads) >= KNOWN_HEADS:
                self._heads.clear()
            self._heads[rest] = parsed._replace(scope={**parsed.scope, "headers": headers})


def without_secret(head: bytes) -> tuple[bytes, bytes]:
    """The head without its Authorization line, and the value of that, if it is plain; else the whole head and b""."""
    found = _PLAIN_SECRET.search(head)
    return (head[: found.start()] + head[found.end() :], found[1]) if found else (head, b"")


def head_end(buffer: bytes, start: int) -> int:
    """End of the head, or of empty lines, that starts at `start`; `start` if incomplete. Raises HttpError."""
    if buffer[start] not in VISIBLE:
        found = _EMPTY_LINES.match(buffer, start)
        if not found:
            raise invalid_http()
        return found.end()
    last = buffer.find(HEAD_END, start)
    if last < 0:
        check_head(buffer[start:])
        return start
    end = last + len(HEAD_END)
    if end - start > UNCHECKED_HEAD_BYTES:
        check_head(buffer[start:end])
    return end


def check_syntax(piece: bytes) -> None:
    """Raise HttpError for a version, blanks or line ends that RFC 9112 forbids and the parser would take."""
    if not _REQUEST_LINE.match(piece):
        raise invalid_request_line(piece.partition(b"\r")[0])
    if not piece.count(b"\r\n") == piece.count(b"\r") == piece.count(b"\n"):
        raise invalid_http()


def check_head(head: bytes) -> None:
    """Raise HttpError if a head, complete (with its empty line) or not, exceeds a limit."""
    line = head.partition(b"\r\n")[0]
    if len(line) > COMMON.max_line:
        limit = rules_of(path_of(target_of(line))).max_line
        if len(line) > limit:
            raise HttpError(414, "uri_too_long", f"The request line may have at most {limit} bytes.", CLOSE)
    if len(head) - len(line) > MAX_HEADER_BYTES or head.count(b"\r\n") > MAX_HEADER_LINES + 2:
        raise headers_too_large()


def split_target(target: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, str | bytes]:
    """What the ASGI scope has of a request target. Raises an error of httptools.

    The host of an absolute form becomes a second Host header if they differ (RFC 9112, 3.2.2).
    """
    raw_path, _, query = target.partition(b"?")
    if target[:1] != b"/":
        authority = target.partition(b"://")[2].partition(b"/")[0]
        hosts = [value for name, value in headers if name == b"host"]
        if hosts and hosts != [authority]:
            headers.append((b"host", authority))
        url = httptools.parse_url(target)
        raw_path, query = url.path or b"/", url.query or b""
    return {"path": unquote(raw_path.decode("ascii")), "raw_path": raw_path, "query_string": query}


def target_of(head: bytes) -> bytes:
    """Target of the request line with which a head begins, complete or cut off; empty if it is not HTTP."""
    match = _TARGET.match(head)
    return match[1] if match else b""


def path_of(target: bytes) -> str:
    """Decoded path of a request target."""
    return unquote(target.partition(b"?")[0].decode("latin-1"))


def http_error_of(error: Exception) -> HttpError:
    """HttpError of a parse error: the error itself, the HttpError that caused it, or 400."""
    cause = error if isinstance(error, HttpError) else error.__context__
    return cause if isinstance(cause, HttpError) else invalid_http()


def invalid_request_line(line: bytes) -> HttpError:
    """505 for a request line with an unsupported version (RFC 9110, 15.6.6), else 400."""
    if not _OTHER_VERSION.search(line):
        return invalid_http()
    return HttpError(505, "unsupported_http_version", "The supported versions are HTTP/1.1 and HTTP/1.0.", CLOSE)


def invalid_http() -> HttpError:
    """400 for bytes that the parser rejects."""
    return HttpError(400, "invalid_http", "The request is not valid HTTP/1.1 (RFC 9112).", CLOSE)


def headers_too_large() -> HttpError:
    """431 for headers, or the overhead of a chunked body, above the limit."""
    detail = f"The headers may have at most {MAX_HEADER_BYTES} bytes and {MAX_HEADER_LINES} lines."
    return HttpError(431, "headers_too_large", detail, CLOSE)
