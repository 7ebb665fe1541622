"""Retry budget: a token count that bounds the retries of placements by a share of the first tries."""

from __future__ import annotations

RATIO = 0.1
RESERVE = 3.0


class RetryBudget:
    """Retry budget: in any period at most 10 % of its first tries, plus 3."""

    def __init__(self) -> None:
        self._tokens = RESERVE

    def earn(self) -> None:
        """Count a first try."""
        self._tokens = min(RESERVE, self._tokens + RATIO)

    def spend(self) -> bool:
        """Take a token for a retry; False if none is left."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
