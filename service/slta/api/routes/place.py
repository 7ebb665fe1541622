"""The placement route: assign for proxies, which ask in headers and are answered in headers."""

from __future__ import annotations

import re
from decimal import Decimal

from fastapi import APIRouter

from slta.api.http.api_route import ApiRoute
from slta.api.http.context import RequestContext
from slta.api.http.dependencies import TheContext, TheDependencies
from slta.api.http.problems import HttpError
from slta.api.http.responses import ApiResponse
from slta.api.http.route_options import allow
from slta.api.schemas import FleetName
from slta.models import Placement, errors
from slta.parsing.fields import MAX_LEASE_SECONDS, MIN_LEASE_SECONDS
from slta.parsing.session_ids import session_id_of

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["sessions"], route_class=ApiRoute)

_is_number = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z").match


@router.get("/place", status_code=200)
@allow(
    "assign",
    hot=True,
    placement=True,
    refuses=(errors.SessionEndedError, errors.FleetObservesError, errors.NoCapacityError, errors.NoActivePoolError),
)
async def place(fleet: FleetName, dependencies: TheDependencies, context: TheContext) -> ApiResponse:
    """Assign the session of `X-Session-Id`, or renew its lease; the pool is in the headers of the response."""
    session_id, lease = _session_id(context), _lease_seconds(context)
    placement = await dependencies.store.sessions.assign(fleet, session_id, lease, context.arrived)
    return ApiResponse(200, b"", _headers(placement), "")


def _session_id(context: RequestContext) -> str:
    sent = context.headers.get(b"x-session-id")
    if not sent:
        raise HttpError(422, "no_session_id", "Set X-Session-Id: the proxy's id of the connection or visit.")
    return session_id_of(sent.decode(errors="surrogateescape"))


def _lease_seconds(context: RequestContext) -> float | None:
    text = context.header(b"x-slta-lease")
    if not text:
        return None
    seconds = Decimal(text) if _is_number(text) else Decimal(-1)
    if seconds and not MIN_LEASE_SECONDS <= seconds <= MAX_LEASE_SECONDS:
        raise HttpError(422, "invalid_request", "X-Slta-Lease: must be 0 or 0.001 to 315360000 seconds.")
    return float(seconds)


def _headers(placement: Placement) -> dict[str, str]:
    headers = {"X-Slta-Pool": placement.pool_id, "X-Slta-Session": placement.session_id}
    address = getattr(placement, "address", None)
    return headers | {"X-Slta-Endpoint": address} if address else headers
