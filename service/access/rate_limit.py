"""Token buckets by name."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` on average, `burst` at once."""

    per_second: float
    burst: int


class RateLimiter:
    """One bucket per name; names that were not used for longest are forgotten first."""

    MOST_NAMES = 10_000

    def __init__(self, rate: Rate, clock: Callable[[], float] = monotonic) -> None:
        """`clock` in seconds."""
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> int:
        """0 when one more may pass, else in how many whole seconds the next may."""
        now = self._clock()
        left, since = self._buckets.pop(name, (float(self._rate.burst), now))
        left = min(self._rate.burst, left + (now - since) * self._rate.per_second)
        wait = 0 if left >= 1 else math.ceil((1 - left) / self._rate.per_second)
        self._buckets[name] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > self.MOST_NAMES:
            self._buckets.popitem(last=False)
        return wait

    def owe(self, name: str, count: int) -> None:
        """Let `count` more pass at once; what the bucket does not hold must come in before the next may.

        A negative `count` gives back.
        """
        left, since = self._buckets.get(name, (float(self._rate.burst), self._clock()))
        self._buckets[name] = (left - count, since)
