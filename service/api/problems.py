"""RFC 9457 problem documents of at most 1 KiB, which never echo client input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from service import errors
from service.api.answers import NOTHING, Answer

PROBLEM_JSON = "application/problem+json"
LONGEST_DETAIL = 400
RETRY_AFTER_SECONDS = 1
RFC_9110_TITLES = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}
"""Reason phrases of RFC 9110, which Python has from 3.13 on."""

STATUS: Mapping[type[errors.DispatchError], int] = {
    errors.UnknownFleet: 404,
    errors.UnknownPool: 404,
    errors.UnknownSession: 404,
    errors.SessionEnded: 409,
    errors.FleetObserves: 409,
    errors.OverCapacity: 409,
    errors.ReportedPoolUnknown: 409,
    errors.PoolNotEmpty: 409,
    errors.PoolInOtherClass: 409,
    errors.PoolLimit: 409,
    errors.FleetInUse: 409,
    errors.CapacityBelowOccupancy: 409,
    errors.ClassInUse: 409,
    errors.StaleReport: 409,
    errors.UtilitiesChanged: 409,
    errors.WouldSetAside: 409,
    errors.VersionMismatch: 412,
    errors.UnknownClass: 422,
    errors.InvalidFleet: 422,
    errors.InvalidIntegrals: 422,
    errors.NewerFleet: 503,
    errors.OlderFleet: 503,
    errors.Repairing: 503,
    errors.Damaged: 503,
    errors.DocumentUnreadable: 503,
    errors.NoCapacity: 503,
    errors.NoActivePool: 503,
    errors.StoreUnavailable: 503,
    errors.OutcomeUnknown: 503,
}


class Refusal(Exception):
    """Request rejected before it reaches the store."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] = NOTHING) -> None:
        """`code` is stable and machine-readable, `detail` for people; `headers` are added to the response."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers


EXPECTED = (Refusal, errors.DispatchError)
"""Errors whose message is sent to the client."""


def problem_of(request_id: str, error: Exception) -> Answer:
    """Problem document of an error; an unexpected one becomes `internal_error`, without its message."""
    if isinstance(error, errors.DispatchError):
        status = STATUS.get(type(error), 500)
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return _problem(request_id, status, error.code, str(error), headers, error.context)
    if not isinstance(error, Refusal):
        error = Refusal(500, "internal_error", "Internal error; the log has the traceback under this request_id.")
    return _problem(request_id, error.status, error.code, str(error), error.headers)


def _problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str],
    context: Mapping[str, str] = NOTHING,
) -> Answer:
    """`context` has additional members of the document."""
    document = {
        "type": f"urn:slta:problem:{code}",
        "title": RFC_9110_TITLES.get(status) or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail if len(detail) <= LONGEST_DETAIL else detail[: LONGEST_DETAIL - 1] + "…",
        "code": code,
        "request_id": request_id,
        **{name: value for name, value in context.items() if value},
    }
    return Answer(status, json.dumps(document, ensure_ascii=False).encode(), headers, PROBLEM_JSON)
