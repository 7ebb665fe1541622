"""Request and response models of the HTTP API. Values of the store are responses as they are."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from slta.api.http.responses import as_json
from slta.fleet_file import FleetFile
from slta.models import AlreadyEnded, Completed, Placement, Renewal
from slta.models.request_record import Event
from slta.parsing import NAME_PATTERN, Name
from slta.parsing.fields import MAX_LEASE_SECONDS, check_lease, read_number
from slta.store import OperationRequest

MAX_POOLS = 1000
MAX_RENEWALS = 1000
MAX_OPERATIONS = 1000
MAX_LISTED_SESSIONS = 8192
"""Twice the largest capacity."""

AS_OF_PATTERN = r"^[0-9]{1,16}:[0-9]{1,16}$"
"""Store epoch, and fleet time in microseconds."""

FleetName = Annotated[str, Path(pattern=NAME_PATTERN)]
PoolId = Annotated[str, Path(pattern=NAME_PATTERN)]
SessionId = Annotated[str, Path(pattern=NAME_PATTERN)]


def _read_seconds(value: object) -> float:
    return float(read_number(value))


Seconds = Annotated[float, Field(ge=0), BeforeValidator(_read_seconds)]
LeaseSeconds = Annotated[
    float, Field(ge=0, le=MAX_LEASE_SECONDS), BeforeValidator(_read_seconds), AfterValidator(check_lease)
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AssignBody(_Body):
    """`lease_seconds` 0: no lease; absent: the fleet's. The service generates an absent `session_id`."""

    session_id: Name | None = None
    lease_seconds: LeaseSeconds | None = None


class ReportBody(_Body):
    """Reported pool of a session; `lease_seconds` as in `assign`, for a new session."""

    pool_id: Name
    lease_seconds: LeaseSeconds | None = None


class CompleteBody(_Body):
    """Session to complete."""

    session_id: Name


class RenewBody(_Body):
    """Sessions to renew; `lease_seconds` absent: each lease keeps its length."""

    session_ids: Annotated[list[Name], Field(max_length=MAX_RENEWALS, fail_fast=True)]
    lease_seconds: LeaseSeconds | None = None


class RenewOneBody(_Body):
    """Session to renew; `lease_seconds` absent: the lease keeps its length."""

    session_id: Name
    lease_seconds: LeaseSeconds | None = None


class AssignOperation(_Body):
    """Same as `POST …/assign`."""

    assign: AssignBody


class CompleteOperation(_Body):
    """Same as `POST …/complete`."""

    complete: CompleteBody


class RenewOperation(_Body):
    """Same as `POST …/renew` for one session."""

    renew: RenewOneBody


def _kind(operation: object) -> str | None:
    return next(iter(operation)) if isinstance(operation, dict) and len(operation) == 1 else None


Operation = Annotated[
    Annotated[AssignOperation, Tag("assign")]
    | Annotated[CompleteOperation, Tag("complete")]
    | Annotated[RenewOperation, Tag("renew")],
    Discriminator(
        _kind, custom_error_type="operation", custom_error_message="must have one member: assign, complete or renew"
    ),
]


class OperationsBody(_Body):
    """Operations, executed in order."""

    operations: Annotated[list[Operation], Field(min_length=1, max_length=MAX_OPERATIONS, fail_fast=True)]

    @property
    def requests(self) -> list[OperationRequest]:
        """Operations as the store takes them. The service generates an absent `session_id`."""
        return [_request_of(operation) for operation in self.operations]


def _request_of(operation: Operation) -> OperationRequest:
    if isinstance(operation, AssignOperation):
        assign = operation.assign
        return "assign", assign.session_id or secrets.token_hex(16), _text(assign.lease_seconds)
    if isinstance(operation, CompleteOperation):
        return "complete", operation.complete.session_id, ""
    return "renew", operation.renew.session_id, _text(operation.renew.lease_seconds)


def _text(seconds: float | None) -> str:
    return "" if seconds is None else repr(seconds)


class FleetBody(FleetFile):
    """Fleet file; `config_version` is a precondition as If-Match is, so that a response can be edited and sent back."""

    config_version: Annotated[int, Field(strict=True, ge=0, le=2**53)] | None = None


class PoolEntry(_Body):
    """Pool to create."""

    pool_id: Name
    pool_class: Name


class PoolsBody(_Body):
    """Pools to create, atomically."""

    pools: Annotated[list[PoolEntry], Field(max_length=MAX_POOLS, fail_fast=True)]


class PoolStatusBody(_Body):
    """Status for the pools in `pool_ids`, or for those of `pool_class` that have not failed: give one of the two."""

    status: Literal["active", "draining"]
    pool_ids: Annotated[list[Name], Field(min_length=1, max_length=MAX_POOLS, fail_fast=True)] | None = None
    pool_class: Name | None = None

    @model_validator(mode="after")
    def _has_one_selection(self) -> Self:
        if (self.pool_ids is None) == (self.pool_class is None):
            raise PydanticCustomError("selection", "must have one of pool_ids and pool_class")
        return self

    @property
    def pools(self) -> list[str] | str:
        """The selection as the store takes it."""
        return self.pool_ids or self.pool_class or ""


class PoolBody(_Body):
    """Class of a pool."""

    pool_class: Name


class PoolSessionsBody(_Body):
    """Sessions that a pool held at `as_of`, a value of `state`."""

    as_of: Annotated[str, Field(strict=True, pattern=AS_OF_PATTERN)]
    session_ids: Annotated[list[Name], Field(max_length=MAX_LISTED_SESSIONS, fail_fast=True)]


Problem = Annotated[dict[str, Any], WithJsonSchema({"$ref": "#/components/schemas/Problem"})]
"""RFC 9457 problem document; schema in `openapi`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationOutcome:
    """Status and body that the single call would have returned; the body may be a problem document."""

    status: int
    body: Placement | Completed | AlreadyEnded | Renewal | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Results of the operations, in request order."""

    outcomes: list[OperationOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNames:
    """Names of the fleets that the key may read."""

    fleets: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Last hundred changes of a fleet, applied or rejected, newest first."""

    events: list[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """`ok`, `ready`, or one word for why it is not ready."""

    status: str


def json_response(value: object, status: int = 200) -> Response:
    """JSON response of a value."""
    return Response(as_json(value), status, media_type="application/json")
