"""Responses: status, headers and encoded body; and problem documents (RFC 9457), which echo no client input but names.

Problem documents have at most 1 KiB, besides lists of names of a fleet.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from starlette.responses import Response

from slta.models import errors

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

SAFE_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
"""Security headers, unless a route sets its own."""


class ApiResponse(NamedTuple):
    """Response; `headers` without Content-Length and Content-Type. `content_type` is empty if the body is."""

    status: int
    body: bytes
    headers: Mapping[str, str] = NO_HEADERS
    content_type: str = "application/json"


@cache
def _writer(kind: type[Any]) -> Callable[[Any], bytes]:
    return TypeAdapter(kind).serializer.to_json


def as_json(value: object) -> bytes:
    """Encode a value of `slta.models`, or another dataclass, as JSON."""
    kind: Any = type(value)
    return _writer(kind)(value)


def response_with(value: object) -> ApiResponse:
    """Response with a value: 201 for a new placement or a new report, otherwise 200."""
    is_new = getattr(value, "replayed", None) is False or getattr(value, "outcome", None) == "new"
    return ApiResponse(201 if is_new else 200, as_json(value))


def starlette_response(response: ApiResponse) -> Response:
    """Convert an ApiResponse to a Starlette Response."""
    return Response(response.body, response.status, dict(response.headers), response.content_type or None)


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether If-None-Match has the ETag, so that the response is 304; compared weakly (RFC 9110, 13.1.2)."""
    known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    return not known.isdisjoint({etag, "*"})


def encode_headers(response: ApiResponse, request_id: str) -> bytes:
    """Encode the header lines, in the same order as responses of the ASGI application."""
    own = "".join([f"{name.lower()}: {value}\r\n" for name, value in response.headers.items()])
    entity = f"content-length: {len(response.body)}\r\n"
    if response.content_type:
        entity += f"content-type: {response.content_type}\r\n"
    return f"{own}{entity}{_SAFE_LINES}x-request-id: {request_id}\r\n".encode("latin-1")


_SAFE_LINES = "".join([f"{name.decode()}: {value.decode()}\r\n" for name, value in SAFE_HEADERS])


PROBLEM_JSON = "application/problem+json"
MAX_DETAIL = 400
LISTS = frozenset({"session_types", "pool_classes", "allow", "scopes"})
"""Members that are lists of names, in the context of an error separated by blanks."""
COUNTS = frozenset({"may_add"})
"""Members that are numbers by name, such as `small:2 large:1`."""
CLOSE = {"Connection": "close"}
"""Header of an error after which input stays unread, so the connection cannot be reused."""
MAY_PASS = (429, 503)
"""Statuses of errors that carry Retry-After, RETRY_AFTER unless the error has its own."""
RETRY_AFTER: Mapping[str, str] = {"Retry-After": "1"}
URN = "urn:slta:problem:"
ACRONYMS = frozenset({"http", "json", "uri"})


class HttpError(Exception):
    """Request rejected before it reaches the store."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] = NO_HEADERS, **context: str
    ) -> None:
        """`code` is stable and machine-readable, `detail` for people; `headers` are added to the response.

        `context` as in a DispatchError.
        """
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers
        self.context = context


EXPECTED = (HttpError, errors.DispatchError)
"""Errors whose message is sent to the client."""


def problem_code(error: Exception) -> str:
    """Code of the problem document of an error."""
    return _expected(error).code


def type_prefix(docs_url: object) -> str:
    """Prefix of `type`, before the code: the page of errors of the documentation at `docs_url`; None: a URN."""
    return f"{str(docs_url).rstrip('/')}/errors.html#" if docs_url else URN


def problem_of(request_id: str, error: Exception, types: str = URN, status: int = 0) -> ApiResponse:
    """Problem document of an error; an unexpected one becomes `internal_error`, without its message.

    `types` is a `type_prefix`; `status` replaces that of the error, unless it is 0.
    """
    error = _expected(error)
    status = status or error.status
    headers = RETRY_AFTER if error.status in MAY_PASS else NO_HEADERS
    if isinstance(error, HttpError):
        headers = {**headers, **error.headers}
    detail = str(error)
    document = {
        "type": f"{types}{error.code}",
        "title": _title(error.code),
        "status": status,
        "detail": detail if len(detail) <= MAX_DETAIL else detail[: MAX_DETAIL - 1] + "…",
        "code": error.code,
        "request_id": request_id,
        **{name: _member(name, value) for name, value in error.context.items() if value},
    }
    return ApiResponse(status, json.dumps(document, ensure_ascii=False).encode(), headers, PROBLEM_JSON)


def _member(name: str, value: str) -> object:
    if name in COUNTS:
        return {own: int(count) for own, _, count in (one.rpartition(":") for one in value.split())}
    return value.split() if name in LISTS else value


def _expected(error: Exception) -> HttpError | errors.DispatchError:
    if isinstance(error, EXPECTED):
        return error
    return HttpError(500, "internal_error", "Internal error; the log has the traceback under this request_id.")


def _title(code: str) -> str:
    """The words of a code, as a sentence without a full stop."""
    words = " ".join(word.upper() if word in ACRONYMS else word for word in code.split("_"))
    return f"{words[0].upper()}{words[1:]}"
