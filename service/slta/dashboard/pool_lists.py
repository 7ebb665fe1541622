"""Pools of a watched fleet: all of a small one, and those that are not active of any."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from slta.models import MICROSECONDS, Pool, Snapshot
from slta.store import Store

MAX_SINGLE_POOLS = 200
"""Maximum pools drawn individually; larger fleets are drawn as distributions."""
MAX_AWAY = 200
"""Maximum listed pools of a larger fleet that are not active."""
PAGE = 1000
LIST_SECONDS = 5
"""Minimum interval between two lists of a larger fleet; at most one page a second is read on average."""


@dataclass
class AwayPools:
    """Pools of a large fleet that are not active, at most `MAX_AWAY`: listed when their number changes, and again."""

    store: Store
    _listed: list[Pool] = field(default_factory=list)
    _counts: list[tuple[int, int]] = field(default_factory=list)
    _due: int = 0

    async def follow(self, snapshot: Snapshot) -> list[Pool]:
        """The pools as last listed."""
        counts = [(c.draining_pools, c.failed_pools) for c in snapshot.classes]
        wanted = min(sum(map(sum, counts)), MAX_AWAY)
        if counts != self._counts or (wanted and snapshot.time >= self._due):
            self._listed = [pool async for pool in self._away(snapshot.fleet, wanted)]
            self._counts = counts
            self._due = snapshot.time + max(LIST_SECONDS, count_pools(snapshot) // PAGE) * MICROSECONDS
        return self._listed

    async def _away(self, fleet: str, wanted: int) -> AsyncIterator[Pool]:
        """The first `wanted`, or fewer if some have returned meanwhile."""
        found, cursor = 0, None
        while found < wanted:
            page = await self.store.pools.page(fleet, cursor, PAGE)
            for pool in not_active(page.pools)[: wanted - found]:
                found += 1
                yield pool
            cursor = page.next_cursor
            if cursor is None:
                return


async def single_pools(store: Store, fleet: str) -> list[Pool] | None:
    """All pools; None if more than `MAX_SINGLE_POOLS`."""
    page = await store.pools.page(fleet, None, MAX_SINGLE_POOLS + 1)
    pools = list(page.pools)
    while page.next_cursor is not None and len(pools) <= MAX_SINGLE_POOLS:
        page = await store.pools.page(fleet, page.next_cursor, MAX_SINGLE_POOLS + 1)
        pools += page.pools
    return pools if len(pools) <= MAX_SINGLE_POOLS else None


def not_active(pools: Sequence[Pool]) -> list[Pool]:
    """Pools that get no new sessions."""
    return [pool for pool in pools if not pool.takes_sessions]


def count_pools(snapshot: Snapshot) -> int:
    """Number of pools of any status."""
    return sum(c.counts[0] + c.draining_pools + c.failed_pools for c in snapshot.classes)


def shows_single_pools(snapshot: Snapshot) -> bool:
    """Whether the fleet is small enough to draw individual pools."""
    return count_pools(snapshot) <= MAX_SINGLE_POOLS


def agree(snapshot: Snapshot, pools: list[Pool]) -> bool:
    """Whether pools and snapshot have the same occupancies."""
    listed = Counter((pool.pool_class, pool.occupancy) for pool in pools if pool.status == "active")
    counted = Counter(
        {
            (c.name, level): count - more
            for c in snapshot.classes
            for level, (count, more) in enumerate(pairwise([*c.counts, 0]))
            if count > more
        }
    )
    return listed == counted
