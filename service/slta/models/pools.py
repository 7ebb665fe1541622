"""Result types of calls on pools: pools, the deadlines of their drains, their heartbeats and lists of sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple, get_args

Status = Literal["active", "draining", "failed"]
AfterDrain = Literal["list", "fail"]
Liveness = Literal["alive", "unconfirmed", "lost", "gone"]
Guard = Literal["off", "on", "over"]
"""State of the mass-loss guard of a class, see `lua/pools/guards.lua`."""
HeartbeatOutcome = Literal["ok", "lost_before", "unknown_pool", "unreadable", "failed"]

LIVENESS: tuple[Liveness, ...] = get_args(Liveness)

NO_COUNT = NO_QUALITY = "-"
"""Count, or quality, of a pool that sends none."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Deadline of a drain: seconds of fleet time until it, negative after it, and what then happens to the pool.

    `list` leaves it draining, with an event about the sessions that are left; `fail` also fails it.
    """

    deadline_seconds: float
    then: AfterDrain


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSessions:
    """Ids of the sessions on a pool, sorted; of a page of them, with the cursor of the next one."""

    pool_id: str
    session_ids: list[str]
    next_cursor: str | None = None


class Heartbeat(NamedTuple):
    """Heartbeat of a pool, as texts: a lease of `ttl` seconds, and the number of sessions that are `counted` on it.

    `attributes` are address and labels, as `lua/state/attributes.lua` takes them; None if it sends neither. `quality`
    is that of the sessions.
    """

    pool_id: str
    ttl: str
    counted: str = NO_COUNT
    attributes: tuple[str, str] | None = None
    quality: str = NO_QUALITY


@dataclass(frozen=True, slots=True)
class PoolBeat:
    """Result of one heartbeat; send the next after `next_seconds`.

    `list`: send the pool's list of sessions too. `outcome`: `ok`; `lost_before`, the same for a pool that was lost or
    gone; `unknown_pool`; `unreadable`, nothing changes until a repair; or `failed`, nothing changes until it is
    undrained.
    """

    pool_id: str
    outcome: HeartbeatOutcome
    next_seconds: float
    list: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardEnded:
    """Names of the classes whose mass-loss guard was ended."""

    ended: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """Results of heartbeats in their order, at the instant `as_of`, which the list of a pool names."""

    as_of: str
    pools: Sequence[PoolBeat]
