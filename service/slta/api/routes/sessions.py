"""Session endpoints: assign, also for proxies, complete, renew, report; and batches of them.

Proxies ask in headers and are answered in headers. Outcomes of a batch are the same bytes as in the responses of single
calls: replies of successful operations are inserted into templates, which costs a third of a result type and its
serializer.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from slta.api.http.api_route import ApiRoute, TheContext, TheDependencies, TheStore
from slta.api.http.authorization import insufficient_scope, restrict_reports
from slta.api.http.guards import RequestContext
from slta.api.http.openapi import TEXT
from slta.api.http.responses import URN, ApiResponse, HttpError, as_json, problem_of, response_with
from slta.api.http.route_options import BATCH_BODY, PLACEMENT, allow, route_options_of
from slta.api.schemas import (
    MAX_OPERATIONS,
    MAX_RENEWALS,
    AssignBody,
    CompleteBody,
    FleetName,
    OperationsBody,
    Outcomes,
    RenewBody,
    ReportBody,
    SessionId,
    json_response,
)
from slta.auth.keys import Principal
from slta.auth.keys import Scope as KeyScope
from slta.core.session_types import DEFAULT_TYPE
from slta.models import (
    MICROSECONDS,
    AlreadyEnded,
    Completed,
    LabelledPlacement,
    Placement,
    Renewal,
    Renewed,
    Reported,
    Session,
    errors,
)
from slta.parsing.fields import MAX_LEASE_SECONDS, MIN_LEASE_SECONDS, is_name
from slta.parsing.session_ids import session_id_of
from slta.store import OperationRequest, Outcome, Reply, operation_result, split_type
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


PLACE_HEADERS = {
    "X-Session-Id": "the proxy's id of the connection or visit; required; the SHA-256 of one that is no name is used",
    "X-Slta-Lease": "as `lease_seconds` of assign",
    "X-Slta-Session-Type": "as `session_type` of assign; a visit keeps its first one",
}
PLACE_ANSWERS = {
    "X-Slta-Pool": "`pool_id`",
    "X-Slta-Session": "`session_id`",
    "X-Slta-Endpoint": "address of the pool, if it has one",
}

PLACE_DOCUMENTED: dict[str, Any] = {
    "responses": {
        200: {"headers": {name: {"description": text, "schema": TEXT} for name, text in PLACE_ANSWERS.items()}}
    },
    "openapi_extra": {
        "parameters": [
            {"name": name, "in": "header", "description": text, "schema": TEXT} for name, text in PLACE_HEADERS.items()
        ]
    },
}
"""What the OpenAPI document says of the headers."""

REFUSING_SECONDS = 0.05
"""How long a placement waits for a store whose last check failed: the proxy's visitor waits for it, then the proxy
chooses itself."""

_is_number = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z").match


@router.get("/place", status_code=200, **PLACE_DOCUMENTED)
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


Writer = Callable[[str, Reply], str]
"""Function of session id and reply."""


def write_outcome(kind: str, session_id: str, outcome: Outcome, request_id: str, types: str = URN) -> str:
    """Outcome of one operation as JSON. In an error, Retry-After becomes a member of the body."""
    if not isinstance(outcome, Exception) and outcome[0] in _WRITERS and type(outcome[-1]) is not list:
        return _WRITERS[outcome[0]](session_id, outcome)
    result = operation_result(kind, session_id, outcome)
    response = problem_of(request_id, result, types) if isinstance(result, Exception) else response_with(result)
    body, wait = response.body.decode(), response.headers.get("Retry-After")
    if wait:
        body = f'{body[:-1]}, "retry_after_seconds": {wait}}}'
    return f'{{"status":{response.status},"body":{body}}}'


def _template(status: int, model: type, **values: str) -> str:
    """Outcome with a body of this model; `values` has JSON texts, and those of other members are inserted (`%s`)."""
    texts = {field.name: '"%s"' for field in fields(model)} | values
    members = ",".join(f'"{name}":{text}' for name, text in texts.items())
    return f'{{"status":{status},"body":{{{members}}}}}'


def _placement_writer(status: int, replayed: str) -> Writer:
    template = _template(status, Placement, address="%s", token="%s", lease_seconds="%s", replayed=replayed)

    def write(session_id: str, reply: Reply) -> str:
        token = f'"{reply[6]}"' if reply[6] else "null"
        address = _address(reply[7]) if len(reply) > 7 else "null"
        pool_class, session_type = split_type(reply[2])
        return template % (session_id, session_type, reply[1], pool_class, address, token, _seconds(reply[3]))

    return write


def _write_completed(session_id: str, reply: Reply) -> str:
    return _COMPLETED % (session_id, reply[1], _address(reply[2]) if len(reply) > 2 else "null")


@lru_cache(maxsize=4096)
def _address(address: str) -> str:
    return json.dumps(address)


@lru_cache
def _seconds(microseconds: int | str) -> str:
    return as_json(int(microseconds) / MICROSECONDS).decode()


_COMPLETED = _template(200, Completed, address="%s", outcome='"completed"')
_RENEWED = _template(200, Renewal, outcome='"renewed"')
_WRITERS: Mapping[str, Writer] = {
    "ASSIGNED": _placement_writer(201, "false"),
    "REPLAYED": _placement_writer(200, "true"),
    "COMPLETED": _write_completed,
    "RENEWED": lambda session_id, _: _RENEWED % session_id,
}
"""By the first word of a reply."""


SLICE = 32
"""Operations of one request sent to the store at a time, so that other requests interleave."""
SCOPES: Mapping[str, AbstractSet[KeyScope]] = {
    kind: route_options_of(single_call).scopes
    for kind, single_call in (
        ("assign", assign),
        ("complete", complete),
        ("renew", renew),
        ("report", report),
    )
}
"""Scopes by operation, one of which the key needs."""


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
