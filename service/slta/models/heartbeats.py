"""Heartbeats of pools, and their results. A pool that sends them has a lease, and a liveness beside its status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Liveness = Literal["alive", "unconfirmed", "lost", "gone"]
Guard = Literal["off", "on", "over"]
"""State of the mass-loss guard of a class, see `lua/pools/guards.lua`."""
HeartbeatOutcome = Literal["ok", "lost_before", "unknown_pool", "unreadable", "failed"]

LIVENESS: tuple[Liveness, ...] = get_args(Liveness)

NO_COUNT = NO_QUALITY = "-"
"""Count, or quality, of a pool that sends none."""


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
