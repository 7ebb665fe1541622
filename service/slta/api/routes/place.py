"""The placement route: assign for proxies, which ask in headers and are answered in headers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from decimal import Decimal
from typing import Any

from fastapi import APIRouter

from slta.api.http.api_route import ApiRoute
from slta.api.http.context import RequestContext
from slta.api.http.dependencies import TheContext, TheDependencies
from slta.api.http.openapi import TEXT
from slta.api.http.problems import HttpError
from slta.api.http.responses import ApiResponse
from slta.api.http.route_options import allow
from slta.api.http.route_rules import PLACEMENT
from slta.api.schemas import FleetName
from slta.core.session_types import DEFAULT_TYPE
from slta.models import Placement, errors
from slta.parsing.fields import MAX_LEASE_SECONDS, MIN_LEASE_SECONDS, is_name
from slta.parsing.session_ids import session_id_of

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["sessions"], route_class=ApiRoute)

HEADERS = {
    "X-Session-Id": "the proxy's id of the connection or visit; required; the SHA-256 of one that is no name is used",
    "X-Slta-Lease": "as `lease_seconds` of assign",
    "X-Slta-Session-Type": "as `session_type` of assign; a visit keeps its first one",
}
ANSWERS = {
    "X-Slta-Pool": "`pool_id`",
    "X-Slta-Session": "`session_id`",
    "X-Slta-Endpoint": "address of the pool, if it has one",
}

DOCUMENTED: dict[str, Any] = {
    "responses": {200: {"headers": {name: {"description": text, "schema": TEXT} for name, text in ANSWERS.items()}}},
    "openapi_extra": {
        "parameters": [
            {"name": name, "in": "header", "description": text, "schema": TEXT} for name, text in HEADERS.items()
        ]
    },
}
"""What the OpenAPI document says of the headers."""

REFUSING_SECONDS = 0.05
"""How long a placement waits for a store whose last check failed: the proxy's visitor waits for it, then the proxy
chooses itself."""

_is_number = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z").match


@router.get("/place", status_code=200, **DOCUMENTED)
@allow({"assign"}, hot="sessions", rules=PLACEMENT, refuses=errors.REFUSE_ASSIGN)
async def place(fleet: FleetName, dependencies: TheDependencies, context: TheContext) -> ApiResponse:
    """Assign the session of a request that a proxy is about to forward.

    The session is that of `X-Session-Id`; the lease of a live one is renewed. The pool is in the headers of the
    response. Any method and anything below this path, with any query, body and other headers, is answered alike.
    Every refusal is 503 with its code in `X-Slta-Code`.
    """
    session_id, lease = _session_id(context), _lease_seconds(context)
    store = dependencies.store
    kind = _session_type(context)
    assigned = store.sessions.assign(fleet, session_id, lease, context.arrived, touch=True, session_type=kind)
    placement = await (_briefly(assigned, session_id) if store.is_refusing(fleet) else assigned)
    return ApiResponse(200, b"", _headers(placement), "")


async def _briefly(assigned: Awaitable[Placement], session_id: str) -> Placement:
    """Wait at most `REFUSING_SECONDS`, else OutcomeUnknownError; an assign that was not sent by then is dropped."""
    try:
        async with asyncio.timeout(REFUSING_SECONDS):
            return await assigned
    except TimeoutError:
        raise errors.OutcomeUnknownError(None, session_id=session_id) from None


def _session_id(context: RequestContext) -> str:
    sent = context.headers.get(b"x-session-id")
    if not sent:
        raise HttpError(422, "no_session_id", "Set X-Session-Id: the proxy's id of the connection or visit.")
    return session_id_of(sent.decode(errors="surrogateescape"))


def _session_type(context: RequestContext) -> str:
    sent = context.header(b"x-slta-session-type")
    if sent and not is_name(sent):
        raise errors.UnknownSessionTypeError
    return sent or DEFAULT_TYPE


def _lease_seconds(context: RequestContext) -> float | None:
    text = context.header(b"x-slta-lease")
    if not text:
        return None
    seconds = Decimal(text) if _is_number(text) else Decimal(-1)
    if seconds and not MIN_LEASE_SECONDS <= seconds <= MAX_LEASE_SECONDS:
        raise HttpError(
            422, "invalid_request", f"X-Slta-Lease: must be 0 or {MIN_LEASE_SECONDS} to {MAX_LEASE_SECONDS} seconds."
        )
    return float(seconds)


def _headers(placement: Placement) -> dict[str, str]:
    headers = {"X-Slta-Pool": placement.pool_id, "X-Slta-Session": placement.session_id}
    return headers | {"X-Slta-Endpoint": placement.address} if placement.address else headers
