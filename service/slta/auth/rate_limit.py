"""Rate limits: a token bucket per name, such as a key id or an address."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class Rate:
    """Refill rate and capacity of a bucket."""

    per_second: float
    burst: int


class RateLimiter:
    """One bucket per name; above `MAX_NAMES` the least recently used ones are dropped."""

    MAX_NAMES = 10_000

    def __init__(self, rate: Rate, clock: Callable[[], float] = monotonic) -> None:
        """`clock` returns seconds."""
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> int:
        """Take one token: 0 on success, otherwise the whole seconds until one is available."""
        now = self._clock()
        left, since = self._buckets.pop(name, (float(self._rate.burst), now))
        left = min(self._rate.burst, left + (now - since) * self._rate.per_second)
        wait = 0 if left >= 1 else math.ceil((1 - left) / self._rate.per_second)
        self._buckets[name] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > self.MAX_NAMES:
            self._buckets.popitem(last=False)
        return wait

    def charge(self, name: str, count: int) -> None:
        """Take `count` tokens even if that makes the bucket negative; a negative `count` refunds."""
        left, since = self._buckets.get(name, (float(self._rate.burst), self._clock()))
        self._buckets[name] = (left - count, since)
