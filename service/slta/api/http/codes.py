"""Error codes: the status of each, whether the call may have been applied, and when the same call can succeed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from slta.models import errors
from slta.models.errors import Again, Applied, DispatchError


class Meaning(NamedTuple):
    """Attributes of an error code, as of a DispatchError; `means` is its description, one or more sentences."""

    status: int
    applied: Applied = "no"
    again: Again = "changed"
    means: str = ""


REFUSED: Mapping[str, Meaning] = {
    "invalid_json": Meaning(
        400,
        means="The body is not UTF-8, has NaN, a duplicate key, a depth over about 1000, a number over 1000 "
        "characters, or an object over 20 members (64 in a fleet, 8192 in a pool's list).",
    ),
    "invalid_http": Meaning(400, means="The request violates HTTP/1.1 (RFC 9112). The connection is closed."),
    "invalid_host": Meaning(
        400, means="`Host` is missing, repeated, not allowed, or unlike an absolute target. Probes accept any."
    ),
    "escaped_slash": Meaning(400, means="The path has `%2F`, which proxies interpret differently."),
    "repeated_authorization": Meaning(400, means="The request has two `Authorization` headers."),
    "repeated_header": Meaning(
        400, means="Placement route: two `X-Session-Id`, `X-Slta-Lease` or `X-Slta-Session-Type`."
    ),
    "unauthenticated": Meaning(401, means="The key is missing or wrong."),
    "insufficient_scope": Meaning(403, means="The key has none of `scopes`."),
    "cross_site": Meaning(403, means="A browser sent the request from another site's page."),
    "not_found": Meaning(404, means="The path does not exist; `detail` says where to look."),
    "method_not_allowed": Meaning(405, means="`allow` and the header `Allow` list the methods of the path."),
    "not_acceptable": Meaning(406, means="`Accept` excludes the type of the response."),
    "request_timeout": Meaning(408, again="at_once", means="The headers or the body took more than 10 s."),
    "payload_too_large": Meaning(413, means="The body is larger than its limit."),
    "uri_too_long": Meaning(414, means="The request line is longer than 8 KiB; placement route: 16 KiB."),
    "unsupported_media_type": Meaning(415, means="The body is encoded, or not `application/json` in UTF-8."),
    "invalid_request": Meaning(
        422, means="`detail` names a wrong or unknown member or parameter, or the body has too many parts."
    ),
    "no_session_id": Meaning(422, means="Placement route: `X-Session-Id` is missing."),
    "rate_limited": Meaning(
        429, again="later", means="The key exceeds its rate, or an address sent too many wrong keys."
    ),
    "headers_too_large": Meaning(431, means="Headers or chunk framing exceed 16 KiB or 100 lines."),
    "internal_error": Meaning(500, "perhaps", "later", "A defect. The log has the traceback under `request_id`."),
    "unsupported_transfer_coding": Meaning(
        501, means="The transfer coding is not `chunked`. The connection is closed."
    ),
    "overloaded": Meaning(503, again="later", means="A limit of the dispatcher is reached; nothing was changed."),
    "too_many_connections": Meaning(
        503,
        again="later",
        means="The dispatcher has its maximum of connections, or one address has half of it. The connection is closed.",
    ),
    "too_many_viewers": Meaning(503, again="later", means="Too many live pages are open."),
    "unsupported_http_version": Meaning(
        505, means="The version is neither HTTP/1.1 nor HTTP/1.0. The connection is closed."
    ),
}
"""Of errors raised before the store is called."""
OF_PROXIES: Mapping[str, Meaning] = {
    "dispatcher_unavailable": Meaning(
        503, again="later", means="The proxy in front reaches no dispatcher; nothing was changed."
    )
}
"""Of the proxy in docker-compose.yml."""
ERRORS = tuple(
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, DispatchError) and kind is not DispatchError
)
MEANINGS: Mapping[str, Meaning] = {
    **REFUSED,
    **OF_PROXIES,
    **{
        kind.code: Meaning(kind.status, kind.applied, kind.again, kind.__doc__ or "")
        for kind in ERRORS
        if "code" in vars(kind)
    },
}
"""Of every code, by the class that defines it."""
