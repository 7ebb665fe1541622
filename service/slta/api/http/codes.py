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
    "invalid_json": Meaning(400),
    "invalid_http": Meaning(400),
    "invalid_host": Meaning(400),
    "escaped_slash": Meaning(400),
    "repeated_authorization": Meaning(400),
    "repeated_header": Meaning(400),
    "unauthenticated": Meaning(401),
    "insufficient_scope": Meaning(403),
    "cross_site": Meaning(403),
    "not_found": Meaning(404),
    "method_not_allowed": Meaning(405),
    "not_acceptable": Meaning(406),
    "request_timeout": Meaning(408, again="at_once"),
    "payload_too_large": Meaning(413),
    "uri_too_long": Meaning(414),
    "unsupported_media_type": Meaning(415),
    "invalid_request": Meaning(422),
    "no_session_id": Meaning(422),
    "rate_limited": Meaning(429, again="later"),
    "headers_too_large": Meaning(431),
    "internal_error": Meaning(500, "perhaps", "later"),
    "unsupported_transfer_coding": Meaning(501),
    "overloaded": Meaning(503, again="later"),
    "too_many_connections": Meaning(503, again="later"),
    "too_many_viewers": Meaning(503, again="later"),
    "unsupported_http_version": Meaning(505),
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
