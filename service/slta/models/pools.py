"""Result types of calls on pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple

from slta.models.drains import Drain
from slta.models.heartbeats import Liveness

Status = Literal["active", "draining", "failed"]


class Unchanged(Enum):
    """Type of `UNCHANGED`, an attribute that a change leaves as it is."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Server pool and its number of sessions. `address` and `labels` are what its operator set.

    It takes sessions if its `status` is `active` and its `liveness` is `alive` or `unconfirmed`. `drain` is null unless
    it drains with a deadline.

    - `alive`: within its lease, or without one.
    - `unconfirmed`: its lease ran out with those of many others; it receives sessions only while no other pool has
      room.
    - `lost`: its lease ran out; its sessions live. `gone`: lost for `gone_seconds`; its sessions end as `pool_gone`.
    """

    pool_id: str
    pool_class: str
    status: Status
    liveness: Liveness
    occupancy: int
    address: str | None
    labels: Mapping[str, str]
    drain: Drain | None = None

    @property
    def takes_sessions(self) -> bool:
        """Whether new sessions may be placed on it."""
        return self.status == "active" and self.liveness in ("alive", "unconfirmed")


class PoolSpec(NamedTuple):
    """Pool to create or to change. `UNCHANGED` leaves an attribute as it is, None removes it."""

    pool_id: str
    pool_class: str
    address: str | Unchanged | None = UNCHANGED
    labels: Mapping[str, str] | Unchanged | None = UNCHANGED


class PoolFilter(NamedTuple):
    """Pools that a page has; None for any."""

    status: Status | None = None
    liveness: Liveness | None = None
    pool_class: str | None = None


ALL_POOLS = PoolFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPage:
    """Page of pools, and the cursor of the next page."""

    pools: list[Pool]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsAdded:
    """Pool ids: created, existing with changed attributes, and existing without a change."""

    created: list[str]
    changed: list[str]
    unchanged: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolsChanged:
    """Pool ids whose status changed, and those that had it, with no deadline before or after, or have failed."""

    changed: list[str]
    unchanged: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFailed(Pool):
    """Failed pool and the sessions that it ended."""

    ended_session_ids: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Session ids by result.

    - `ended`: placed here before `as_of` and not listed. `adopted`: unknown; now here, with the fleet's lease.
    - `over_capacity`, `incompatible`: unknown, but the pool is full, or their type may not use its class.
    - `already_ended`: stop them on the pool. `elsewhere`: placed on another pool.
    """

    ended: list[str]
    adopted: list[str]
    over_capacity: list[str]
    incompatible: list[str]
    already_ended: list[str]
    elsewhere: list[str]
