"""How fast the server answered lately, and so how long what waits for it will wait."""

from __future__ import annotations

from math import exp

MEMORY_SECONDS = 1.0
"""Of waiting for the server: what lies further back counts for less than 37 %."""
FIRST_SECONDS_PER_CALL = 0.003
"""What is believed before there was a call."""


class Pace:
    """The mean time of a call, weighted by how recent it is.

    It runs from one call to the next while calls follow each other, so it has in it what this process does between.
    """

    def __init__(self) -> None:
        self._seconds = MEMORY_SECONDS
        self._calls = MEMORY_SECONDS / FIRST_SECONDS_PER_CALL

    def took(self, seconds: float) -> None:
        """One more call took so long."""
        weight = exp(-seconds / MEMORY_SECONDS)
        self._seconds = weight * self._seconds + seconds
        self._calls = weight * self._calls + 1

    @property
    def seconds_per_call(self) -> float:
        """Of a full call."""
        return self._seconds / self._calls
