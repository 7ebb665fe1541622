"""Occupancy record of the load generator, derived from (pool, reply to assign, reply to complete) alone."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple


class Mark(NamedTuple):
    """Integral of the number of sessions up to a moment; two marks give its average."""

    at_seconds: float
    session_seconds: float


class Record:
    """Occupancy of each pool, and the integral of their sum. Requires non-decreasing times. Memory: O(pools)."""

    def __init__(self) -> None:
        self._occupancies: Counter[str] = Counter()
        self._sessions = 0
        self._last = Mark(0.0, 0.0)

    def placed(self, pool_id: str, at_seconds: float) -> None:
        """Count a session at the reply to its assign."""
        self._step(pool_id, at_seconds, +1)

    def ended(self, pool_id: str, at_seconds: float) -> None:
        """Remove a session at the reply to its complete, or when the service reports its end."""
        self._step(pool_id, at_seconds, -1)

    def occupancies(self) -> dict[str, int]:
        """Current sessions by pool; empty pools are omitted."""
        return {pool_id: sessions for pool_id, sessions in self._occupancies.items() if sessions}

    def mark(self, at_seconds: float) -> Mark:
        """The integral now."""
        last_seconds, session_seconds = self._last
        self._last = Mark(at_seconds, session_seconds + self._sessions * (at_seconds - last_seconds))
        return self._last

    def _step(self, pool_id: str, at_seconds: float, change: int) -> None:
        self.mark(at_seconds)
        self._occupancies[pool_id] += change
        self._sessions += change


def mean_sessions(start: Mark, end: Mark) -> float:
    """Time average of the number of sessions between two marks."""
    window_seconds = end.at_seconds - start.at_seconds
    if window_seconds <= 0:
        raise ValueError(f"a window must have a positive length, not {window_seconds} s")
    return (end.session_seconds - start.session_seconds) / window_seconds
