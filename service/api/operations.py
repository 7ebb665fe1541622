"""Batch endpoint: many session operations in one request, in order, each with the result of a single call."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping

from fastapi import APIRouter

from service.access.keys import Caller
from service.access.keys import Scope as KeyScope
from service.api.answers import Answer, answer_of
from service.api.dependencies import TheContext, TheParts
from service.api.problems import Refusal, problem_of
from service.api.routing import ApiRoute
from service.api.rules import BATCH_BODY, allow
from service.api.schemas import (
    MOST_OPERATIONS,
    AssignOperation,
    CompleteOperation,
    FleetName,
    Operation,
    OperationsBody,
    Outcomes,
    RenewOperation,
)
from service.store import Asked

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
@allow(
    "assign",
    "complete",
    body_bytes=BATCH_BODY,
    body_parts=5 * MOST_OPERATIONS,
    hot=True,
    operations=MOST_OPERATIONS,
)
async def operate(fleet: FleetName, body: OperationsBody, parts: TheParts, context: TheContext) -> Answer:
    """Assign, complete and renew in order: 200, with the status and body of a single call for each."""
    _check_scopes(context.caller, body.operations)
    parts.gate.count(context, len(body.operations))
    outcomes: list[bytes] = []
    for start in range(0, len(body.operations), SLICE):
        asked = [_to_store_operation(operation) for operation in body.operations[start : start + SLICE]]
        for done in await parts.store.sessions.operate(fleet, asked, context.arrived):
            answer = problem_of(context.request_id, done) if isinstance(done, Exception) else answer_of(done)
            outcomes.append(_encode(answer))
    return Answer(200, b'{"outcomes":[%b]}' % b",".join(outcomes))


def _check_scopes(caller: Caller, operations: Collection[Operation]) -> None:
    for kind in {type(operation) for operation in operations}:
        if not caller.may(SCOPES[kind]):
            raise Refusal(403, "insufficient_scope", "The key lacks a scope that one of the operations requires.")


def _to_store_operation(operation: Operation) -> Asked:
    if isinstance(operation, AssignOperation):
        assign = operation.assign
        return Asked("assign", assign.session_id or secrets.token_hex(16), assign.lease_seconds)
    if isinstance(operation, CompleteOperation):
        return Asked("complete", operation.complete.session_id)
    return Asked("renew", operation.renew.session_id, operation.renew.lease_seconds)


def _encode(answer: Answer) -> bytes:
    body, wait = answer.body, answer.headers.get("Retry-After")
    if wait:
        body = b'%b, "retry_after_seconds": %b}' % (body[:-1], wait.encode())
    return b'{"status":%d,"body":%b}' % (answer.status, body)
