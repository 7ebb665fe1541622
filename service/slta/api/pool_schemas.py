"""Request models of pools."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import Path
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from slta.api.schemas import Body
from slta.models import UNCHANGED, PoolSpec
from slta.parsing import NAME_PATTERN, Name
from slta.parsing.pool_attributes import Address, Labels

MAX_POOLS = 1000
MAX_LISTED_SESSIONS = 8192
"""Twice the largest capacity."""

AS_OF_PATTERN = r"^[0-9]{1,16}:[0-9]{1,16}$"
"""Store epoch, and fleet time in microseconds."""

PoolId = Annotated[str, Path(pattern=NAME_PATTERN)]


class PoolBody(Body):
    """Class and attributes of a pool. An absent attribute stays as it is, null removes it."""

    pool_class: Name
    address: Address | None = None
    labels: Labels | None = None

    def spec(self, pool_id: str) -> PoolSpec:
        """The pool as the store takes it."""
        given = self.model_fields_set
        return PoolSpec(
            pool_id,
            self.pool_class,
            self.address if "address" in given else UNCHANGED,
            self.labels if "labels" in given else UNCHANGED,
        )


class PoolEntry(PoolBody):
    """Pool to create or to change."""

    pool_id: Name


class PoolsBody(Body):
    """Pools to create, atomically."""

    pools: Annotated[list[PoolEntry], Field(max_length=MAX_POOLS, fail_fast=True)]


class PoolStatusBody(Body):
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


class PoolSessionsBody(Body):
    """Sessions that a pool held at `as_of`, a value of `state`."""

    as_of: Annotated[str, Field(strict=True, pattern=AS_OF_PATTERN)]
    session_ids: Annotated[list[Name], Field(max_length=MAX_LISTED_SESSIONS, fail_fast=True)]
