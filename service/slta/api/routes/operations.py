"""Batch endpoint: many session operations in one request, in order, each with the result of a single call."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping

from fastapi import APIRouter

from slta.api.http.api_route import ApiRoute
from slta.api.http.dependencies import TheContext, TheDependencies
from slta.api.http.problems import HttpError, problem_of
from slta.api.http.responses import ApiResponse, response_with
from slta.api.http.route_options import BATCH_BODY, allow
from slta.api.schemas import (
    MAX_OPERATIONS,
    AssignOperation,
    CompleteOperation,
    FleetName,
    Operation,
    OperationsBody,
    Outcomes,
    RenewOperation,
)
from slta.auth.keys import Principal
from slta.auth.keys import Scope as KeyScope
from slta.store import OperationRequest

SLICE = 32
"""Operations of one request sent to the store at a time, so that other requests interleave."""
SCOPES: Mapping[type, tuple[KeyScope, ...]] = {
    AssignOperation: ("assign",),
    CompleteOperation: ("complete",),
    RenewOperation: ("assign", "complete"),
}
"""Scopes by operation, one of which the key needs, as for the single call."""

router = APIRouter(prefix="/v1/fleets/{fleet}", tags=["sessions"], route_class=ApiRoute)


@router.post("/operations", responses={200: {"model": Outcomes}})
@allow("assign", "complete", body_bytes=BATCH_BODY, body_parts=5 * MAX_OPERATIONS, hot=True, operations=MAX_OPERATIONS)
async def operate(
    fleet: FleetName, body: OperationsBody, dependencies: TheDependencies, context: TheContext
) -> ApiResponse:
    """Assign, complete and renew in order: 200, with the status and body of a single call for each."""
    _check_scopes(context.principal, body.operations)
    dependencies.authorizer.charge(context, len(body.operations))
    outcomes: list[bytes] = []
    for start in range(0, len(body.operations), SLICE):
        requests = [_to_store_operation(operation) for operation in body.operations[start : start + SLICE]]
        for result in await dependencies.store.sessions.operate(fleet, requests, context.arrived):
            response = (
                problem_of(context.request_id, result) if isinstance(result, Exception) else response_with(result)
            )
            outcomes.append(_encode(response))
    return ApiResponse(200, b'{"outcomes":[%b]}' % b",".join(outcomes))


def _check_scopes(principal: Principal, operations: Collection[Operation]) -> None:
    for kind in {type(operation) for operation in operations}:
        if not principal.may(SCOPES[kind]):
            raise HttpError(403, "insufficient_scope", "The key lacks a scope that one of the operations requires.")


def _to_store_operation(operation: Operation) -> OperationRequest:
    if isinstance(operation, AssignOperation):
        assign = operation.assign
        return OperationRequest("assign", assign.session_id or secrets.token_hex(16), assign.lease_seconds)
    if isinstance(operation, CompleteOperation):
        return OperationRequest("complete", operation.complete.session_id)
    return OperationRequest("renew", operation.renew.session_id, operation.renew.lease_seconds)


def _encode(response: ApiResponse) -> bytes:
    body, wait = response.body, response.headers.get("Retry-After")
    if wait:
        body = b'%b, "retry_after_seconds": %b}' % (body[:-1], wait.encode())
    return b'{"status":%d,"body":%b}' % (response.status, body)
