"""Bodies and answers. What the store's values already say is answered as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema
from starlette.responses import Response

from service.api.answers import as_json
from service.fleet_file import FleetFile
from service.reading import LONGEST_LEASE_SECONDS, NAME_PATTERN, Name, check_lease, read_number
from service.requests import Event
from service.values import AlreadyEnded, Completed, Placement, Renewal

MOST_POOLS = 1000
MOST_RENEWALS = 1000
MOST_OPERATIONS = 1000
MOST_LISTED_SESSIONS = 8192
"""Twice the largest capacity."""

AS_OF_PATTERN = r"^[0-9]{1,16}:[0-9]{1,16}$"
"""An epoch, and microseconds of fleet time."""

FleetName = Annotated[str, Path(pattern=NAME_PATTERN)]
PoolId = Annotated[str, Path(pattern=NAME_PATTERN)]
SessionId = Annotated[str, Path(pattern=NAME_PATTERN)]


def _read_seconds(value: object) -> float:
    return float(read_number(value))


Seconds = Annotated[float, BeforeValidator(_read_seconds), Field(ge=0)]
LeaseSeconds = Annotated[Seconds, Field(le=LONGEST_LEASE_SECONDS), AfterValidator(check_lease)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AssignBody(_Body):
    """`lease_seconds` 0: none; absent: the fleet's. Without a `session_id` the service makes one."""

    session_id: Name | None = None
    lease_seconds: LeaseSeconds | None = None


class ReportBody(_Body):
    """Where the session is; `lease_seconds` as in `assign`, for one that is new."""

    pool_id: Name
    lease_seconds: LeaseSeconds | None = None


class CompleteBody(_Body):
    """Which session is over."""

    session_id: Name


class RenewBody(_Body):
    """Whose leases begin anew; `lease_seconds` absent: each by its own length."""

    session_ids: Annotated[list[Name], Field(max_length=MOST_RENEWALS, fail_fast=True)]
    lease_seconds: LeaseSeconds | None = None


class RenewOneBody(_Body):
    """Whose lease begins anew; `lease_seconds` absent: by its own length."""

    session_id: Name
    lease_seconds: LeaseSeconds | None = None


class AssignOperation(_Body):
    """`assign`, as the call of that name."""

    assign: AssignBody


class CompleteOperation(_Body):
    """`complete`, as the call of that name."""

    complete: CompleteBody


class RenewOperation(_Body):
    """`renew`, of one session."""

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
    """What is to be done, in this order."""

    operations: Annotated[list[Operation], Field(min_length=1, max_length=MOST_OPERATIONS, fail_fast=True)]


class FleetBody(FleetFile):
    """A fleet file; `config_version` guards as If-Match does, so that an answer can be edited and sent back."""

    config_version: Annotated[int, Field(strict=True, ge=0, le=2**53)] | None = None


class PoolEntry(_Body):
    """A pool to create."""

    pool_id: Name
    pool_class: Name


class PoolsBody(_Body):
    """Pools to create, all or none."""

    pools: Annotated[list[PoolEntry], Field(max_length=MOST_POOLS, fail_fast=True)]


class PoolBody(_Body):
    """The class of a pool."""

    pool_class: Name


class PoolSessionsBody(_Body):
    """The sessions that a pool held at `as_of`, a value of `state`."""

    as_of: Annotated[str, Field(strict=True, pattern=AS_OF_PATTERN)]
    session_ids: Annotated[list[Name], Field(max_length=MOST_LISTED_SESSIONS, fail_fast=True)]


Problem = Annotated[dict[str, Any], WithJsonSchema({"$ref": "#/components/schemas/Problem"})]
"""A problem document; `contract` describes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationOutcome:
    """What the single call would have answered: its status and its body, or its problem document."""

    status: int
    body: Placement | Completed | AlreadyEnded | Renewal | Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of each operation, in the order in which they were asked for."""

    outcomes: list[OperationOutcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNames:
    """The fleets that the caller may see."""

    fleets: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The last hundred changes of a fleet that were made or refused, the newest first."""

    events: list[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """`ok`, `ready`, or why it is not ready in one word."""

    status: str


def answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A value as JSON."""
    return Response(as_json(value), status, headers, "application/json")
