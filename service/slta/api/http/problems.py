"""RFC 9457 problem documents, which echo no client input but names.

They have at most 1 KiB, besides lists of names of a fleet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from slta.api.http.responses import NO_HEADERS, ApiResponse
from slta.models import errors

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
