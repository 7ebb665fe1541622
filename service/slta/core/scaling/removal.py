"""Which pools of a class to drain, which may go, and how many pods hold the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple


class PoolState(NamedTuple):
    """Pool that is active, or drains. Lost, gone and failed pools are none; pools of one pod go together."""

    pool_id: str
    pool_class: int
    is_active: bool
    sessions: int
    pod: str


@dataclass(frozen=True)
class Draining:
    """Pool to drain now, and the mean time until it is empty, null if the mean stay is not known."""

    pool_id: str
    sessions: int
    empty_in_seconds: float | None


class Removal(NamedTuple):
    """Pools of a class to drain, emptiest first, and those that are drained and empty; pods that remain."""

    drain: list[Draining]
    ready: list[str]
    replicas: int


Pod = Sequence[PoolState]


def pods_of(pools: Sequence[PoolState], classes: int) -> list[list[Pod]]:
    """Pods by class; one with pools of several is of the first of them only, and never goes."""
    found: dict[str, list[PoolState]] = {}
    for pool in pools:
        found.setdefault(pool.pod, []).append(pool)
    by_class: list[list[Pod]] = [[] for _ in range(classes)]
    for pod in found.values():
        by_class[pod[0].pool_class].append(pod)
    return by_class


def removal_of(pods: Sequence[Pod], now: int, wanted: int, mean_stay: float | None) -> Removal:
    """Which pools of a class may go so that `wanted` of `now` stay active. O(k log k).

    The last of x sessions ends after H_x mean stays if they are exponential. Pods that are to come are counted besides
    those that are ready, which do not return.
    """
    drain, spare = list[PoolState](), now - wanted
    for pod in sorted(pods, key=lambda pod: (sum(pool.sessions for pool in pod) / len(pod), pod[0].pool_id)):
        own = [pool for pool in pod if pool.is_active]
        if 0 < len(own) <= spare and len({pool.pool_class for pool in pod}) == 1:
            drain += own
            spare -= len(own)
    ready = [pod for pod in pods if not any(pool.is_active or pool.sessions for pool in pod)]
    in_use, is_active = len(pods) - len(ready), [any(pool.is_active for pool in pod) for pod in pods]
    pods_wanted = sum(is_active) + math.ceil((wanted - now) / max(map(len, pods), default=1))
    stays = [0.0, *accumulate(1 / k for k in range(1, 1 + max((pool.sessions for pool in drain), default=0)))]
    return Removal(
        [Draining(p.pool_id, p.sessions, None if mean_stay is None else mean_stay * stays[p.sessions]) for p in drain],
        sorted(pool.pool_id for pod in ready for pool in pod),
        in_use if pods_wanted <= in_use else pods_wanted + len(ready),
    )
