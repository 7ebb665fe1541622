"""Two choices: the better of two random pools, by the sessions that each is believed to have for its capacity."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial

from slta_client.endpoints import Endpoints, Pool

PAIRS = 8
"""Drawn before all pools are looked at for room."""


def choose(endpoints: Endpoints, changes: Mapping[str, int], rng: random.Random) -> Pool | None:
    """The better of two pools drawn uniformly, of which at least one has room; None if no pool has.

    `changes` are this client's sessions on a pool, by its id, since the occupancies were read: begun minus ended.
    O(1), and O(pools) if nearly all pools are full.
    """
    count, by_load = len(endpoints), partial(load, changes=changes)  # of equals the first: the order is random
    for _ in range(PAIRS if count else 0):
        numbers = rng.sample(range(count), min(2, count))
        best = min((endpoints[number] for number in numbers), key=by_load)
        if by_load(best) < 1:
            return best
    open_pools = [pool for pool in endpoints if by_load(pool) < 1]
    return min(rng.sample(open_pools, min(2, len(open_pools))), key=by_load, default=None)


def load(pool: Pool, changes: Mapping[str, int]) -> float:
    """Sessions for each place of the pool: from 1 on it is full."""
    return max(pool.occupancy + changes.get(pool.pool_id, 0), 0) / pool.capacity
