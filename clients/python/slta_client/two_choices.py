"""Two choices: the better of two random pools, by the sessions that each is believed to have for its capacity."""

from __future__ import annotations

import random
from collections.abc import Mapping

from slta_client.endpoints import Endpoints, Pool

PAIRS = 8
"""Drawn before all pools are looked at for room."""


def choose(endpoints: Endpoints, changes: Mapping[str, int], weight: float, rng: random.Random) -> Pool | None:
    """The better of two pools drawn uniformly, of which at least one has room; None if no pool has.

    `changes` are this client's sessions on a pool, by its id, since the occupancies were read: begun minus ended. Each
    counts as `weight` sessions, since other clients do the same; for room it counts as one. O(1), and O(pools) if
    nearly all pools are full.
    """

    def is_full(pool: Pool) -> bool:
        return load(pool, changes, 1.0) >= 1

    def rank(pool: Pool) -> tuple[bool, float]:
        return is_full(pool), load(pool, changes, weight)

    count = len(endpoints)
    for _ in range(PAIRS if count else 0):
        numbers = rng.sample(range(count), min(2, count))  # of equals the first is taken: the order is random
        best = min((endpoints[number] for number in numbers), key=rank)
        if not is_full(best):
            return best
    open_pools = [pool for pool in endpoints if not is_full(pool)]
    return min(rng.sample(open_pools, min(2, len(open_pools))), key=rank, default=None)


def load(pool: Pool, changes: Mapping[str, int], weight: float) -> float:
    """Sessions for each place of the pool: from 1 on it is full."""
    return max(pool.occupancy + weight * changes.get(pool.pool_id, 0), 0.0) / pool.capacity
