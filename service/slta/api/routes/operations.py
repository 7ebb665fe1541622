"""Batch endpoint: many session operations in one request, in order, each with the result of a single call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet

from fastapi import APIRouter

from slta.api.http.api_route import ApiRoute
from slta.api.http.authorization import insufficient_scope
from slta.api.http.dependencies import TheContext, TheDependencies
from slta.api.http.pool_access import restrict_reports
from slta.api.http.responses import ApiResponse
from slta.api.http.route_options import BATCH_BODY, allow, route_options_of
from slta.api.routes import sessions
from slta.api.routes.outcomes import write_outcome
from slta.api.schemas import MAX_OPERATIONS, FleetName, OperationsBody, Outcomes
from slta.auth.keys import Principal
from slta.auth.keys import Scope as KeyScope
from slta.store import OperationRequest

SLICE = 32
"""Operations of one request sent to the store at a time, so that other requests interleave."""
SCOPES: Mapping[str, AbstractSet[KeyScope]] = {
    kind: route_options_of(single_call).scopes
    for kind, single_call in (
        ("assign", sessions.assign),
        ("complete", sessions.complete),
        ("renew", sessions.renew),
        ("report", sessions.report),
    )
}
"""Scopes by operation, one of which the key needs."""

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["sessions"], route_class=ApiRoute)


@router.post("/operations", responses={200: {"model": Outcomes}})
@allow(
    {"assign", "complete", "pool"},
    body_bytes=BATCH_BODY,
    body_parts=8 * MAX_OPERATIONS,
    hot="sessions",
    operations=MAX_OPERATIONS,
)
async def operate(
    fleet: FleetName, body: OperationsBody, dependencies: TheDependencies, context: TheContext
) -> ApiResponse:
    """Execute a batch of session operations in order.

    200, with the status and body of a single call for each operation: assign, complete, renew and report. An
    operation that fails does not stop those after it.
    """
    requests = restrict_reports(context.principal, body.requests)
    _check_scopes(context.principal, requests)
    dependencies.authorizer.charge(context, len(requests))
    written: list[str] = []
    for start in range(0, len(requests), SLICE):
        part = requests[start : start + SLICE]
        outcomes = await dependencies.store.sessions.operate(fleet, part, context.arrived)
        written += [
            write_outcome(kind, session_id, outcome, context.request_id, context.problem_types)
            for (kind, session_id, *_), outcome in zip(part, outcomes, strict=True)
        ]
    return ApiResponse(200, f'{{"outcomes":[{",".join(written)}]}}'.encode())


def _check_scopes(principal: Principal, requests: Collection[OperationRequest]) -> None:
    lacking = {kind for kind, scopes in SCOPES.items() if not principal.may(scopes)}
    refused = next((kind for kind, *_ in requests if kind in lacking), None) if lacking else None
    if refused:
        raise insufficient_scope(f"The operation {refused}", SCOPES[refused])
