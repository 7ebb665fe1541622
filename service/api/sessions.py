"""Session endpoints: assign, complete, renew, report, look up. `direct` calls the first three without FastAPI."""

from __future__ import annotations

import secrets

from fastapi import APIRouter
from starlette.responses import Response

from service.api.answers import Answer, answer_of
from service.api.dependencies import TheContext, TheParts, TheStore
from service.api.routing import ApiRoute
from service.api.rules import BATCH_BODY, allow
from service.api.schemas import (
    MOST_RENEWALS,
    AssignBody,
    CompleteBody,
    FleetName,
    RenewBody,
    ReportBody,
    SessionId,
    answer,
)
from service.errors import (
    FleetObserves,
    NoActivePool,
    NoCapacity,
    OverCapacity,
    ReportedPoolUnknown,
    SessionEnded,
    UnknownSession,
)
from service.values import AlreadyEnded, Completed, Placement, Renewed, Reported, Session

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["sessions"], route_class=ApiRoute)


@router.post("/assign", status_code=201, responses={200: {"model": Placement}, 201: {"model": Placement}})
@allow("assign", hot=True, refuses=(SessionEnded, FleetObserves, NoCapacity, NoActivePool))
async def assign(fleet: FleetName, body: AssignBody, parts: TheParts, context: TheContext) -> Answer:
    """Assign a session to a pool: 201; for a live `session_id`: 200 and the same pool."""
    session_id = body.session_id or secrets.token_hex(16)
    placement = await parts.store.sessions.assign(fleet, session_id, body.lease_seconds, context.arrived)
    return answer_of(placement)


@router.post("/complete", responses={200: {"model": Completed | AlreadyEnded}})
@allow("complete", hot=True, refuses=(UnknownSession,))
async def complete(fleet: FleetName, body: CompleteBody, parts: TheParts, context: TheContext) -> Answer:
    """End a session: `completed`; again: `already_ended`. Unknown: 404, and assigning the id fails for 120 s."""
    return answer_of(await parts.store.sessions.complete(fleet, body.session_id, context.arrived))


@router.post("/renew", responses={200: {"model": Renewed}})
@allow("assign", "complete", body_bytes=BATCH_BODY, body_parts=2 * MOST_RENEWALS, hot=True)
async def renew(fleet: FleetName, body: RenewBody, parts: TheParts, context: TheContext) -> Answer:
    """Restart leases, each with its own length or with `lease_seconds`."""
    renewed = await parts.store.sessions.renew(fleet, body.session_ids, body.lease_seconds, context.arrived)
    return answer_of(renewed)


@router.put("/sessions/{session_id}", responses={200: {"model": Reported}, 201: {"model": Reported}})
@allow("pool", hot=True, refuses=(SessionEnded, OverCapacity, ReportedPoolUnknown))
async def report(
    fleet: FleetName, session_id: SessionId, body: ReportBody, store: TheStore, context: TheContext
) -> Response:
    """Report the pool of a session that was placed elsewhere: `new` (201), `same` or `moved` (200)."""
    reported = await store.sessions.report(fleet, session_id, body.pool_id, body.lease_seconds, context.arrived)
    return answer(reported, 201 if reported.outcome == "new" else 200)


@router.get("/sessions/{session_id}", responses={200: {"model": Session}})
@allow("read", "assign", "complete", "pool", refuses=(SessionEnded, UnknownSession))
async def get_session(fleet: FleetName, session_id: SessionId, store: TheStore) -> Response:
    """Pool of a live session, its age, its level at arrival and the token that decided."""
    return answer(await store.sessions.get(fleet, session_id))
