"""Retry budget: a token count that bounds retries by a share of the first tries."""

from __future__ import annotations

RATIO = 0.1
RESERVE = 3.0


class RetryBudget:
    """Retry budget: in any period at most `ratio` of its first tries, plus `reserve`."""

    def __init__(self, reserve: float = RESERVE, ratio: float = RATIO) -> None:
        self._tokens = self._reserve = reserve
        self._ratio = ratio

    def earn(self) -> None:
        """Count a first try."""
        self._tokens = min(self._reserve, self._tokens + self._ratio)

    def spend(self) -> bool:
        """Take a token for a retry; False if none is left."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
