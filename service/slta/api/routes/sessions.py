"""Session endpoints: assign, complete, renew, report, look up. The fast path calls the first three."""

from __future__ import annotations

import secrets

from fastapi import APIRouter
from starlette.responses import Response

from slta.api.http.api_route import ApiRoute
from slta.api.http.dependencies import TheContext, TheDependencies, TheStore
from slta.api.http.responses import ApiResponse, response_with
from slta.api.http.route_options import BATCH_BODY, allow
from slta.api.schemas import (
    MAX_RENEWALS,
    AssignBody,
    CompleteBody,
    FleetName,
    RenewBody,
    ReportBody,
    SessionId,
    json_response,
)
from slta.models import AlreadyEnded, Completed, LabelledPlacement, Placement, Renewed, Reported, Session, errors
from slta.store.sessions import restriction

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["sessions"], route_class=ApiRoute)


@router.post(
    "/assign",
    status_code=201,
    responses={200: {"model": Placement | LabelledPlacement}, 201: {"model": Placement | LabelledPlacement}},
)
@allow({"assign"}, hot="sessions", refuses=errors.REFUSE_ASSIGN)
async def assign(fleet: FleetName, body: AssignBody, dependencies: TheDependencies, context: TheContext) -> ApiResponse:
    """Assign a session to a pool.

    201 for a new session. 200 with the same pool for a `session_id` that is live, so that a call without a response
    can be repeated.
    """
    session_id = body.session_id or secrets.token_hex(16)
    placement = await dependencies.store.sessions.assign(
        fleet,
        session_id,
        body.lease_seconds,
        context.arrived,
        touch=body.touch,
        labels=body.labels,
        session_type=body.session_type,
        priority=body.priority,
    )
    return response_with(placement)


@router.post("/complete", responses={200: {"model": Completed | AlreadyEnded}})
@allow({"complete"}, hot="sessions", refuses=(errors.UnknownSessionError, errors.RecoveringError))
async def complete(
    fleet: FleetName, body: CompleteBody, dependencies: TheDependencies, context: TheContext
) -> ApiResponse:
    """End a session.

    `completed` if this call ended it, `already_ended` with the reason if it had ended before. 404 `unknown_session`
    for an id without a session; unless `mark` is false, the id cannot be assigned for 120 s, so that an assign that
    arrives late begins nothing.
    """
    completion = await dependencies.store.sessions.complete(fleet, body.session_id, context.arrived, mark=body.mark)
    return response_with(completion)


@router.post("/renew", responses={200: {"model": Renewed}})
@allow(
    {"assign", "complete"},
    body_bytes=BATCH_BODY,
    body_parts=2 * MAX_RENEWALS,
    hot="sessions",
    refuses=(errors.RecoveringError,),
)
async def renew(fleet: FleetName, body: RenewBody, dependencies: TheDependencies, context: TheContext) -> ApiResponse:
    """Restart the leases of sessions.

    Each lease begins again with its own length, or with `lease_seconds`. The response lists the ids as `renewed`,
    `expired` and `unknown`; none of them fails the call.
    """
    renewed = await dependencies.store.sessions.renew(fleet, body.session_ids, body.lease_seconds, context.arrived)
    return response_with(renewed)


@router.put("/sessions/{session_id}", responses={200: {"model": Reported}, 201: {"model": Reported}})
@allow(
    {"pool"},
    hot="sessions",
    refuses=(
        errors.SessionEndedError,
        errors.OverCapacityError,
        errors.IncompatibleError,
        errors.UnknownSessionTypeError,
        errors.ReportedPoolUnknownError,
        errors.PoolNotAllowedError,
    ),
)
async def report(
    fleet: FleetName, session_id: SessionId, body: ReportBody, store: TheStore, context: TheContext
) -> ApiResponse:
    """Report the pool of a session that was placed elsewhere.

    201 `new` for a session that was not known, else 200 `same` or `moved`.
    """
    option = body.option + restriction(context.principal.pools)
    reported = await store.sessions.report(fleet, session_id, option, body.lease_seconds, context.arrived)
    return response_with(reported)


@router.get("/sessions/{session_id}", responses={200: {"model": Session}})
@allow({"read", "assign", "complete", "pool"}, refuses=(errors.SessionEndedError, errors.UnknownSessionError))
async def get_session(fleet: FleetName, session_id: SessionId, store: TheStore) -> Response:
    """Get a live session.

    Its pool, age, remaining lease, level and the token that decided.
    """
    return json_response(await store.sessions.get(fleet, session_id))
