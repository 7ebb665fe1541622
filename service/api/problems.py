"""Refusals in HTTP's words: RFC 9457 problem documents of at most 1 KiB, which never repeat what was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from service import errors
from service.api.context import context_of

PROBLEM_JSON = "application/problem+json"
LONGEST_DETAIL = 400
RETRY_AFTER_SECONDS = 1

STATUS: Mapping[type[errors.DispatchError], int] = {
    errors.UnknownFleet: 404,
    errors.UnknownPool: 404,
    errors.UnknownSession: 404,
    errors.SessionEnded: 409,
    errors.PoolNotEmpty: 409,
    errors.PoolInOtherClass: 409,
    errors.PoolLimit: 409,
    errors.FleetInUse: 409,
    errors.CapacityBelowOccupancy: 409,
    errors.ClassInUse: 409,
    errors.UtilitiesChanged: 409,
    errors.VersionMismatch: 412,
    errors.UnknownClass: 422,
    errors.InvalidFleet: 422,
    errors.InvalidIntegrals: 422,
    errors.NewerFleet: 503,
    errors.NoCapacity: 503,
    errors.NoActivePool: 503,
    errors.StoreUnavailable: 503,
    errors.OutcomeUnknown: 503,
}


class Refusal(Exception):
    """A request that is refused before it reaches the store."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """`code` is stable and meant for programs, `detail` for people; `headers` go with the answer."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    context: Mapping[str, str] | None = None,
) -> Response:
    """A problem document; `context` holds further members."""
    document = {
        "type": f"urn:slta:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail if len(detail) <= LONGEST_DETAIL else detail[: LONGEST_DETAIL - 1] + "…",
        "code": code,
        "request_id": request_id,
        **{name: value for name, value in (context or {}).items() if value},
    }
    return Response(json.dumps(document, ensure_ascii=False), status, dict(headers or {}), PROBLEM_JSON)


def problem_of(request_id: str, error: Refusal | errors.DispatchError) -> Response:
    """The problem document of an error."""
    if isinstance(error, Refusal):
        return problem(request_id, error.status, error.code, str(error), headers=error.headers)
    status = STATUS.get(type(error), 500)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return problem(request_id, status, error.code, str(error), headers=headers, context=error.context)


def answer_with_problems(app: FastAPI) -> None:
    """Every error that a route may raise becomes a problem document; what is left is for `edge`."""
    app.add_exception_handler(errors.DispatchError, _answer_error)
    app.add_exception_handler(Refusal, _answer_error)
    app.add_exception_handler(HTTPException, _answer_no_route)


async def _answer_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal | errors.DispatchError)  # noqa: S101 - registered for them
    return problem_of(context_of(request.scope).request_id, error)


NO_ROUTE = {
    404: ("not_found", "There is nothing at this path."),
    405: ("method_not_allowed", "The path has other methods: see Allow."),
}


async def _answer_no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    code, detail = NO_ROUTE[error.status_code]
    headers = {"Allow": ", ".join(sorted(_methods_at(request)))} if error.status_code == 405 else None
    return problem(context_of(request.scope).request_id, error.status_code, code, detail, headers=headers)


def _methods_at(request: Request) -> set[str]:
    methods: set[str] = set()
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return methods
