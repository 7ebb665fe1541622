"""Sessions: assign, complete, renew, look up."""

from __future__ import annotations

import secrets

from fastapi import APIRouter
from starlette.responses import Response

from service.api.routing import ApiRoute
from service.api.rules import BATCH_BODY, allow
from service.api.schemas import (
    AlreadyEnded,
    AssignBody,
    CompleteBody,
    Completed,
    FleetName,
    RenewBody,
    Renewed,
    SessionId,
    TheStore,
    answer,
)
from service.values import Placement, Renewal, Session

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["sessions"], route_class=ApiRoute)


@router.post("/assign", status_code=201, responses={200: {"model": Placement}, 201: {"model": Placement}})
@allow("assign", direct=True)
async def assign(fleet: FleetName, body: AssignBody, store: TheStore) -> Response:
    """Place a session: 201; the same id again while it lives: 200 and the same pool."""
    session_id = body.session_id or secrets.token_hex(16)
    placement = await store.assign(fleet, session_id, body.lease_seconds)
    return answer(placement, 200 if placement.replayed else 201)


@router.post("/complete", responses={200: {"model": Completed | AlreadyEnded}})
@allow("complete", direct=True)
async def complete(fleet: FleetName, body: CompleteBody, store: TheStore) -> Response:
    """End a session; again: the same answer. An id that was never seen: 404, and it cannot be assigned later."""
    ended = await store.complete(fleet, body.session_id)
    if ended.already:
        return answer(AlreadyEnded(session_id=ended.session_id, pool_id=ended.pool_id or None, reason=ended.reason))
    return answer(Completed(session_id=ended.session_id, pool_id=ended.pool_id or ""))


@router.post("/renew", responses={200: {"model": Renewed}})
@allow("assign", "complete", body_bytes=BATCH_BODY)
async def renew(fleet: FleetName, body: RenewBody, store: TheStore) -> Response:
    """Let leases begin anew, each by its own length unless `lease_seconds` says another."""
    renewals = await store.renew(fleet, body.session_ids, body.lease_seconds)
    return answer(
        Renewed(
            renewed=_ids(renewals, "renewed"),
            expired=_ids(renewals, "expired"),
            unknown=_ids(renewals, "unknown"),
        )
    )


def _ids(renewals: list[Renewal], outcome: str) -> list[str]:
    return [renewal.session_id for renewal in renewals if renewal.outcome == outcome]


@router.get("/sessions/{session_id}", responses={200: {"model": Session}})
@allow("read", "assign", "complete", "pool")
async def get_session(fleet: FleetName, session_id: SessionId, store: TheStore) -> Response:
    """Where a live session is."""
    return answer(await store.session(fleet, session_id))
