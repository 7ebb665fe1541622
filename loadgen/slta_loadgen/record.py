"""Occupancy record of the load generator, derived from (pool, reply to assign, reply to complete) alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _PoolLine:
    occupancy: int
    session_seconds: float
    since_seconds: float

    def advance(self, at_seconds: float) -> None:
        self.session_seconds += self.occupancy * (at_seconds - self.since_seconds)
        self.since_seconds = at_seconds


@dataclass(frozen=True, slots=True)
class Mark:
    """Integrals of the occupancies at one moment; two marks give averages."""

    at_seconds: float
    session_seconds: Mapping[str, float]


class Record:
    """Occupancy of each pool and its integral over time. Requires non-decreasing times. Memory: O(pools)."""

    def __init__(self) -> None:
        self._pools: dict[str, _PoolLine] = {}

    def placed(self, pool_id: str, at_seconds: float) -> None:
        """Count a session at the reply to its assign."""
        self._step(pool_id, at_seconds, +1)

    def ended(self, pool_id: str, at_seconds: float) -> None:
        """Remove a session at the reply to its complete, or when the service reports its end."""
        self._step(pool_id, at_seconds, -1)

    def occupancies(self) -> dict[str, int]:
        """Current sessions by pool; empty pools are omitted."""
        return {pool_id: line.occupancy for pool_id, line in self._pools.items() if line.occupancy}

    def mark(self, at_seconds: float) -> Mark:
        """Integrals now. O(pools)."""
        for line in self._pools.values():
            line.advance(at_seconds)
        return Mark(at_seconds, {pool_id: line.session_seconds for pool_id, line in self._pools.items()})

    def _step(self, pool_id: str, at_seconds: float, change: int) -> None:
        line = self._pools.get(pool_id)
        if line is None:
            line = self._pools[pool_id] = _PoolLine(0, 0.0, at_seconds)
        line.advance(at_seconds)
        line.occupancy += change


def mean_sessions_by_pool(start: Mark, end: Mark) -> dict[str, float]:
    """Time averages of the occupancies between two marks; pools without sessions are omitted."""
    window_seconds = end.at_seconds - start.at_seconds
    if window_seconds <= 0:
        raise ValueError(f"a window must have a positive length, not {window_seconds} s")
    return {
        pool_id: (session_seconds - start.session_seconds.get(pool_id, 0.0)) / window_seconds
        for pool_id, session_seconds in end.session_seconds.items()
    }


def mean_sessions_per_pool(start: Mark, end: Mark, pools: float) -> float:
    """⟨s⟩ between two marks, per pool."""
    return sum(mean_sessions_by_pool(start, end).values()) / pools
