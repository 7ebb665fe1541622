"""Moving average of the store's call time, used to estimate the queueing delay."""

from __future__ import annotations

from math import exp

MEMORY_SECONDS = 1.0
"""Time constant: calls that are older, counted in call time, have a weight below 1/e."""
FIRST_SECONDS_PER_CALL = 0.003
"""Estimate before the first call."""


class CallTimeEstimate:
    """Exponentially weighted mean of the call time.

    Back-to-back calls are measured from end to end, so the mean includes the work of this process between them.
    """

    def __init__(self) -> None:
        self._seconds = MEMORY_SECONDS
        self._calls = MEMORY_SECONDS / FIRST_SECONDS_PER_CALL

    def took(self, seconds: float) -> None:
        """Add a call."""
        weight = exp(-seconds / MEMORY_SECONDS)
        self._seconds = weight * self._seconds + seconds
        self._calls = weight * self._calls + 1

    @property
    def seconds_per_call(self) -> float:
        """Mean time of a full call."""
        return self._seconds / self._calls
