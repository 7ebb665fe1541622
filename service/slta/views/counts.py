"""Numbers of pools and sessions by status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slta.models import ClassSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCounts:
    """Number of pools: `active` are in service, `unconfirmed` of them without a heartbeat during a mass loss.

    `lost` and `gone` have the status active, but are not in service.
    """

    active: int
    draining: int
    failed: int
    unconfirmed: int
    lost: int
    gone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """Number of sessions on active and on draining pools."""

    active: int
    draining: int


def pool_counts(classes: Sequence[ClassSnapshot]) -> PoolCounts:
    """Pools of these classes; the store counts lost ones as draining, since they are not in service either."""
    leased = {word: sum(c.leased_pools[word] for c in classes) for word in ("unconfirmed", "lost", "gone")}
    return PoolCounts(
        active=sum(c.counts[0] for c in classes),
        draining=sum(c.draining_pools - c.lost_pools for c in classes),
        failed=sum(c.failed_pools for c in classes),
        **leased,
    )
