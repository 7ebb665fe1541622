"""Error codes: the status of each, whether the call may have been applied, and when the same call can succeed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from slta.models import errors
from slta.models.errors import Again, Applied, DispatchError


class Meaning(NamedTuple):
    """What a code says of a call, as the attributes of a DispatchError."""

    status: int
    applied: Applied = "no"
    again: Again = "changed"


REFUSED: Mapping[str, Meaning] = {
    code: meaning
    for meaning, codes in (
        (Meaning(400), "invalid_json invalid_http invalid_host escaped_slash repeated_authorization repeated_header"),
        (Meaning(401), "unauthenticated"),
        (Meaning(403), "insufficient_scope cross_site"),
        (Meaning(404), "not_found"),
        (Meaning(405), "method_not_allowed"),
        (Meaning(406), "not_acceptable"),
        (Meaning(408, again="at_once"), "request_timeout"),
        (Meaning(413), "payload_too_large"),
        (Meaning(414), "uri_too_long"),
        (Meaning(415), "unsupported_media_type"),
        (Meaning(422), "invalid_request no_session_id"),
        (Meaning(429, again="later"), "rate_limited"),
        (Meaning(431), "headers_too_large"),
        (Meaning(500, "perhaps", "later"), "internal_error"),
        (Meaning(501), "unsupported_transfer_coding"),
        (Meaning(503, again="later"), "overloaded too_many_connections too_many_viewers"),
        (Meaning(505), "unsupported_http_version"),
    )
    for code in codes.split()
}
"""Of errors raised before the store is called."""
OF_PROXIES: Mapping[str, Meaning] = {"dispatcher_unavailable": Meaning(503, again="later")}
"""Of the proxy in docker-compose.yml."""
ERRORS = tuple(
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, DispatchError) and kind is not DispatchError
)
MEANINGS: Mapping[str, Meaning] = {
    **REFUSED,
    **OF_PROXIES,
    **{kind.code: Meaning(kind.status, kind.applied, kind.again) for kind in ERRORS},
}
"""Of every code."""
