"""Bodies and answers. What the store's values already say is answered as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from service.api.answers import as_json
from service.fleet_file import FleetFile
from service.reading import LONGEST_LEASE_SECONDS, NAME_PATTERN, Name, check_lease, read_number

MOST_POOLS = 1000
MOST_RENEWALS = 1000
MOST_LISTED_SESSIONS = 8192
"""Twice the largest capacity."""

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


class CompleteBody(_Body):
    """Which session is over."""

    session_id: Name


class RenewBody(_Body):
    """Whose leases begin anew; `lease_seconds` absent: each by its own length."""

    session_ids: Annotated[list[Name], Field(max_length=MOST_RENEWALS)]
    lease_seconds: LeaseSeconds | None = None


class FleetBody(FleetFile):
    """A fleet file; `config_version` guards as If-Match does, so that an answer can be edited and sent back."""

    config_version: Annotated[int, Field(strict=True, ge=0, le=2**53)] | None = None


class PoolEntry(_Body):
    """A pool to create."""

    pool_id: Name
    pool_class: Name


class PoolsBody(_Body):
    """Pools to create, all or none."""

    pools: Annotated[list[PoolEntry], Field(max_length=MOST_POOLS)]


class PoolBody(_Body):
    """The class of a pool."""

    pool_class: Name


class PoolSessionsBody(_Body):
    """The sessions that a pool held at fleet time `as_of`, a value of `state`."""

    as_of: Seconds
    session_ids: Annotated[list[Name], Field(max_length=MOST_LISTED_SESSIONS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetNames:
    """The fleets that the caller may see."""

    fleets: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeAnswer:
    """`ok`, `ready` or `unavailable`."""

    status: str


def answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A value as JSON."""
    return Response(as_json(value), status, headers, "application/json")
