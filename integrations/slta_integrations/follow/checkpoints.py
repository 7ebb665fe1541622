"""Upper bound of a line's age: the time since the source was last seen to end before the line."""

from __future__ import annotations

import math
from collections import deque
from itertools import islice, takewhile

Place = tuple[int, int]
"""Generation of the log, which rises with each rotation, and offset in bytes."""

SPACING_SECONDS = 1.0
MAX_CHECKPOINTS = 10_000
"""Enough for almost three hours of backlog. Without a later one, an earlier one bounds the age less closely."""


class Checkpoints:
    """Where the source ended, and when. Times are seconds since 1970; places never decrease."""

    def __init__(self, place: Place, seconds: float) -> None:
        """At `seconds` the source ended at `place` or before."""
        self._seen = deque([(place, seconds)])

    def saw_end(self, place: Place, seconds: float) -> None:
        """Note where the source ended at `seconds`: one checkpoint a second while lines wait."""
        last_place, last_seconds = self._seen[-1]
        if place == last_place:
            self._seen[-1] = (place, seconds)
        elif len(self._seen) == 1 or (
            abs(seconds - last_seconds) >= SPACING_SECONDS and len(self._seen) < MAX_CHECKPOINTS
        ):
            self._seen.append((place, seconds))

    def written_after(self, place: Place) -> float:
        """Time after which the line at `place` was written. Forgets the checkpoints before it: call it in order."""
        while len(self._seen) > 1 and self._seen[1][0] <= place:
            self._seen.popleft()
        return self._seen[0][1]

    def last_end(self, place: Place, size: int) -> int:
        """Bytes of the `size` from `place` up to the last end that was seen among them; 0 without one.

        Call it after `written_after`.
        """
        generation, begin = place
        ends = takewhile(lambda one: one[0] < (generation, begin + size), islice(self._seen, 1, None))
        return max((offset - begin for (_, offset), _ in ends), default=0)


def age_bound(written_after: float, now: float) -> float:
    """Upper bound of an age in seconds; infinite if the clock went back."""
    return now - written_after if now >= written_after else math.inf
