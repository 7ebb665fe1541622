"""Request and response models of the HTTP API. Values of the store are responses as they are."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema
from starlette.responses import Response

from slta.api.http.responses import as_json
from slta.core.session_types import DEFAULT_TYPE
from slta.fleet_file import FleetFile
from slta.models import AlreadyEnded, Completed, LabelledPlacement, Placement, Renewal, Reported
from slta.models.request_record import Event
from slta.parsing import NAME_PATTERN, Name
from slta.parsing.fields import MAX_LEASE_SECONDS, check_lease, read_number
from slta.store import OperationRequest
from slta.store.sessions import ASSIGN_OPTIONS, PRIORITIES, UNMARKED, report_option, type_option

MAX_RENEWALS = 1000
MAX_OPERATIONS = 1000
FleetName = Annotated[str, Path(pattern=NAME_PATTERN)]
SessionId = Annotated[str, Path(pattern=NAME_PATTERN)]


def _read_seconds(value: object) -> float:
    return float(read_number(value))


Seconds = Annotated[float, Field(ge=0), BeforeValidator(_read_seconds)]
Flag = Annotated[bool, Field(strict=True)]
LeaseSeconds = Annotated[
    float, Field(ge=0, le=MAX_LEASE_SECONDS), BeforeValidator(_read_seconds), AfterValidator(check_lease)
]


class Body(BaseModel):
    """Base model of request bodies: immutable, rejects unknown members."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AssignBody(Body):
    """Without `session_id` the service generates one. `lease_seconds`: 0 for no lease, or at least 0.001.

    `session_type` names the classes that a new session may use. With `priority` low it leaves the last
    `reserve_for_priority` places to others. `touch` renews the lease of a live session, `labels` returns the labels of
    its pool.
    """

    session_id: Name | None = None
    session_type: Name = DEFAULT_TYPE
    priority: Literal["high", "low"] = "high"
    lease_seconds: LeaseSeconds | None = None
    touch: Flag = False
    labels: Flag = False


class ReportBody(Body):
    """Reported pool of a session; `session_type` and `lease_seconds` as in `assign`, for a new session.

    `late`: it may have begun some time ago, so its place says nothing about the present state.
    """

    pool_id: Name
    session_type: Name = DEFAULT_TYPE
    lease_seconds: LeaseSeconds | None = None
    late: Flag = False

    @property
    def option(self) -> str:
        """The report's option as the store takes it."""
        return report_option(self.pool_id, late=self.late, session_type=self.session_type)


class RepairBody(Body):
    """`set_aside` allows more than the default limit."""

    set_aside: Flag = False


class CompleteBody(Body):
    """Session to complete. Of unknown ids a fleet keeps the newest 100,000, none while the store's memory is full.

    Set `mark` to false for old ends.
    """

    session_id: Name
    mark: Flag = True


class RenewBody(Body):
    """Sessions to renew."""

    session_ids: Annotated[list[Name], Field(max_length=MAX_RENEWALS, fail_fast=True)]
    lease_seconds: LeaseSeconds | None = None


class RenewOneBody(Body):
    """Session to renew."""

    session_id: Name
    lease_seconds: LeaseSeconds | None = None


class ReportOneBody(ReportBody):
    """Session and its pool, as in `ReportBody`."""

    session_id: Name


class AssignOperation(Body):
    """Same as `POST …/assign`."""

    assign: AssignBody


class CompleteOperation(Body):
    """Same as `POST …/complete`."""

    complete: CompleteBody


class RenewOperation(Body):
    """Same as `POST …/renew`."""

    renew: RenewOneBody


class ReportOperation(Body):
    """Same as `PUT …/sessions/{session_id}`."""

    report: ReportOneBody


def _kind(operation: object) -> str | None:
    return next(iter(operation)) if isinstance(operation, dict) and len(operation) == 1 else None


Operation = Annotated[
    Annotated[AssignOperation, Tag("assign")]
    | Annotated[CompleteOperation, Tag("complete")]
    | Annotated[RenewOperation, Tag("renew")]
    | Annotated[ReportOperation, Tag("report")],
    Discriminator(
        _kind,
        custom_error_type="operation",
        custom_error_message="must have one member: assign, complete, renew or report",
    ),
]


class OperationsBody(Body):
    """Operations, executed in order."""

    operations: Annotated[list[Operation], Field(min_length=1, max_length=MAX_OPERATIONS, fail_fast=True)]

    @property
    def requests(self) -> list[OperationRequest]:
        """Operations as the store takes them. The service generates an absent `session_id`."""
        return [_request_of(operation) for operation in self.operations]


def _request_of(operation: Operation) -> OperationRequest:
    if isinstance(operation, AssignOperation):
        assign = operation.assign
        options = ASSIGN_OPTIONS[assign.touch, assign.labels] + type_option(assign.session_type)
        options += PRIORITIES[assign.priority]
        return "assign", assign.session_id or secrets.token_hex(16), _text(assign.lease_seconds), options
    if isinstance(operation, CompleteOperation):
        return "complete", operation.complete.session_id, "", "" if operation.complete.mark else UNMARKED
    if isinstance(operation, RenewOperation):
        return "renew", operation.renew.session_id, _text(operation.renew.lease_seconds), ""
    report = operation.report
    return "report", report.session_id, _text(report.lease_seconds), report.option


def _text(seconds: float | None) -> str:
    return "" if seconds is None else repr(seconds)


class FleetBody(FleetFile):
    """Fleet file; `config_version` is a precondition as If-Match is, so that a response can be edited and sent back.

    `learned_curves: replace` sets the curves of classes with `curve: learned` too, which the fleet otherwise keeps.
    """

    config_version: Annotated[int, Field(strict=True, ge=0, le=2**53)] | None = None
    learned_curves: Literal["keep", "replace"] = "keep"

    @property
    def keeps_learned(self) -> bool:
        return super().keeps_learned and self.learned_curves == "keep"


Problem = Annotated[dict[str, Any], WithJsonSchema({"$ref": "#/components/schemas/Problem"})]
"""RFC 9457 problem document; schema in `openapi`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationOutcome:
    """What the single call would have returned."""

    status: int
    body: Placement | LabelledPlacement | Completed | AlreadyEnded | Renewal | Reported | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Results, in request order."""

    outcomes: list[OperationOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNames:
    """Page of names."""

    fleets: list[str]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Page of changes, newest first."""

    events: list[Event]
    next_cursor: str | None


def json_response(value: object, status: int = 200) -> Response:
    """JSON response of a value."""
    return Response(as_json(value), status, media_type="application/json")
