"""Request and response models of the API. Strict: no unknown field, no type conversion."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Self

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
from slta.core.session_types import DEFAULT_TYPE
from slta.fleet_file import FleetFile
from slta.models import (
    UNCHANGED,
    AfterDrain,
    AlreadyEnded,
    Completed,
    Drain,
    LabelledPlacement,
    Placement,
    PoolSpec,
    Renewal,
    Reported,
    Unchanged,
)
from slta.models.pools import NO_COUNT, NO_QUALITY, Heartbeat
from slta.models.request_record import Event
from slta.parsing import NAME_PATTERN, Name
from slta.parsing.fields import MAX_LEASE_SECONDS, Number, check_lease, is_name, read_number
from slta.parsing.pool_attributes import Address, Labels
from slta.store import OperationRequest
from slta.store.pools import attribute_word
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


MAX_POOLS = 1000
MAX_LISTED_SESSIONS = 8192
"""Twice the largest capacity."""

AS_OF_PATTERN = r"^[0-9]{1,16}:[0-9]{1,16}$"
"""Store epoch, and fleet time in microseconds."""

MAX_DRAIN_SECONDS = 7 * 86_400

PoolId = Annotated[str, Path(pattern=NAME_PATTERN)]


class AttributesBody(Body):
    """Attributes of a pool. An absent attribute stays as it is, null removes it."""

    address: Address | None = None
    labels: Labels | None = None

    @property
    def attributes(self) -> tuple[str | Unchanged | None, Mapping[str, str] | Unchanged | None]:
        """Address and labels as the store takes them."""
        given = self.model_fields_set
        return (
            self.address if "address" in given else UNCHANGED,
            self.labels if "labels" in given else UNCHANGED,
        )


class PoolBody(AttributesBody):
    """Class and attributes of a pool."""

    pool_class: Name

    def spec(self, pool_id: str) -> PoolSpec:
        """The pool as the store takes it."""
        return PoolSpec(pool_id, self.pool_class, *self.attributes)


class PoolEntry(PoolBody):
    """Pool to create or to change."""

    pool_id: Name


class PoolsBody(Body):
    """Pools to create."""

    pools: Annotated[list[PoolEntry], Field(max_length=MAX_POOLS, fail_fast=True)]


class DrainBody(Body):
    """Deadline of a drain, and what follows, by default `list` as in `Drain`. {} for no deadline."""

    within_seconds: Annotated[int, Field(strict=True, ge=1, le=MAX_DRAIN_SECONDS)] | None = None
    then: AfterDrain | None = None

    @model_validator(mode="after")
    def _has_a_deadline(self) -> Self:
        if self.then and self.within_seconds is None:
            raise PydanticCustomError("deadline", "then needs within_seconds")
        return self

    @property
    def drain(self) -> Drain | None:
        """The deadline as the store takes it."""
        return Drain(deadline_seconds=self.within_seconds, then=self.then or "list") if self.within_seconds else None


class PoolStatusBody(DrainBody):
    """Status of pools; give one of `pool_ids` and `pool_class`.

    At most 50,000 sessions on pools that change.
    """

    status: Literal["active", "draining"]
    pool_ids: Annotated[list[Name], Field(min_length=1, max_length=MAX_POOLS, fail_fast=True)] | None = None
    pool_class: Name | None = None

    @model_validator(mode="after")
    def _has_one_selection(self) -> Self:
        if (self.pool_ids is None) == (self.pool_class is None):
            raise PydanticCustomError("selection", "must have one of pool_ids and pool_class")
        if self.within_seconds is not None and self.status != "draining":
            raise PydanticCustomError("deadline", "within_seconds needs the status draining")
        return self

    @property
    def pools(self) -> list[str] | str:
        """The selection as the store takes it."""
        return self.pool_ids or self.pool_class or ""


def _check_types(value: object) -> object:
    """Check that all keys and values are names, with one mistake for all that are not."""
    pairs = value.items() if isinstance(value, dict) else ()
    if not all(isinstance(text, str) and is_name(text) for pair in pairs for text in pair):
        raise PydanticCustomError("session_types", "must have names of session types by session id")
    return value


class PoolSessionsBody(Body):
    """Sessions that a pool held at `as_of`, a value of `state`. `session_types` has those of some of them, by id."""

    as_of: Annotated[str, Field(strict=True, pattern=AS_OF_PATTERN)]
    session_ids: Annotated[list[Name], Field(max_length=MAX_LISTED_SESSIONS, fail_fast=True)]
    session_types: Annotated[
        dict[str, str],
        BeforeValidator(_check_types),
        WithJsonSchema({"type": "object", "additionalProperties": {"type": "string", "pattern": NAME_PATTERN}}),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_types_of_its_sessions(self) -> Self:
        if not self.session_types.keys() <= set(self.session_ids):
            raise PydanticCustomError("session_types", "session_types has an id that is not one of session_ids")
        return self


MIN_TTL, MAX_TTL = 2, 3600
"""Seconds: limits of a pool's lease."""
MAX_QUALITY = 10**9


class HeartbeatEntry(AttributesBody):
    """Heartbeat of a pool. `count` is its own number of sessions, `quality` what they are worth now, as the fleet's
    `quality` says: of the last seconds, in which `count` was the same.

    While the store's memory is full, leases begin again, `address` and `labels` stay, and no quality is taken.
    """

    pool_id: Name
    ttl_seconds: Annotated[int, Field(strict=True, ge=MIN_TTL, le=MAX_TTL)]
    count: Annotated[int, Field(strict=True, ge=0, le=MAX_LISTED_SESSIONS)] | None = None
    quality: Annotated[Number, Field(ge=0, le=MAX_QUALITY)] | None = None

    @model_validator(mode="after")
    def _has_a_count(self) -> Self:
        if self.quality is not None and self.count is None:
            raise PydanticCustomError("quality", "quality needs count, the number of sessions that it is of")
        return self

    @property
    def row(self) -> Heartbeat:
        """The heartbeat as the store takes it."""
        address, labels = map(attribute_word, self.attributes)
        count = NO_COUNT if self.count is None else str(self.count)
        quality = NO_QUALITY if self.quality is None else str(self.quality)
        attributes = (address, labels) if address or labels else None
        return Heartbeat(self.pool_id, str(self.ttl_seconds), count, attributes, quality)


class PlainHeartbeats(NamedTuple):
    """Heartbeats of a body, as `HeartbeatsBody` has them."""

    rows: list[Heartbeat]


class HeartbeatsBody(Body):
    """Heartbeats of different pools."""

    heartbeats: Annotated[list[HeartbeatEntry], Field(min_length=1, max_length=MAX_POOLS, fail_fast=True)]

    @model_validator(mode="after")
    def _are_of_different_pools(self) -> Self:
        if len({entry.pool_id for entry in self.heartbeats}) < len(self.heartbeats):
            raise PydanticCustomError("pool_ids", "heartbeats must be of different pools")
        return self

    @property
    def rows(self) -> list[Heartbeat]:
        """The heartbeats as the store takes them."""
        return [entry.row for entry in self.heartbeats]


class GuardBody(Body):
    """End of the guard of a class, or of all."""

    action: Literal["end"]
    pool_class: Name | None = None
