"""Sessions: assign, complete, renew, look up."""

from __future__ import annotations

import secrets

from fastapi import APIRouter
from starlette.responses import Response

from service.api.dependencies import TheStore
from service.api.routing import ApiRoute
from service.api.rules import BATCH_BODY, allow
from service.api.schemas import (
    AssignBody,
    CompleteBody,
    FleetName,
    RenewBody,
    SessionId,
    answer,
)
from service.values import AlreadyEnded, Completed, Placement, Renewed, Session

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["sessions"], route_class=ApiRoute)


@router.post("/assign", status_code=201, responses={200: {"model": Placement}, 201: {"model": Placement}})
@allow("assign", direct=True)
async def assign(fleet: FleetName, body: AssignBody, store: TheStore) -> Response:
    """Place a session: 201; the same id again while it lives: 200 and the same pool."""
    session_id = body.session_id or secrets.token_hex(16)
    placement = await store.sessions.assign(fleet, session_id, body.lease_seconds)
    return answer(placement, 200 if placement.replayed else 201)


@router.post("/complete", responses={200: {"model": Completed | AlreadyEnded}})
@allow("complete", direct=True)
async def complete(fleet: FleetName, body: CompleteBody, store: TheStore) -> Response:
    """End a session: `completed`; again: `already_ended`. An id that was never seen: 404, and it is never assigned."""
    return answer(await store.sessions.complete(fleet, body.session_id))


@router.post("/renew", responses={200: {"model": Renewed}})
@allow("assign", "complete", body_bytes=BATCH_BODY)
async def renew(fleet: FleetName, body: RenewBody, store: TheStore) -> Response:
    """Let leases begin anew, each by its own length unless `lease_seconds` says another."""
    return answer(await store.sessions.renew(fleet, body.session_ids, body.lease_seconds))


@router.get("/sessions/{session_id}", responses={200: {"model": Session}})
@allow("read", "assign", "complete", "pool")
async def get_session(fleet: FleetName, session_id: SessionId, store: TheStore) -> Response:
    """Where a live session is."""
    return answer(await store.sessions.get(fleet, session_id))
