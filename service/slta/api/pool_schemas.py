"""Request models of pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, Self

from fastapi import Path
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from slta.api.schemas import Body
from slta.models import UNCHANGED, AfterDrain, Drain, PoolSpec, Unchanged
from slta.models.heartbeats import NO_COUNT, NO_QUALITY, Heartbeat
from slta.parsing import NAME_PATTERN, Name
from slta.parsing.fields import Number, is_name
from slta.parsing.pool_attributes import Address, Labels
from slta.store.pools import attribute_word

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
