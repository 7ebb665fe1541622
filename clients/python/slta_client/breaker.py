"""Circuit breaker: opens after failures of placements in a row, then lets one probe at a time through."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import inf

from slta_client.replies import Reply, failed


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """Limits of a circuit breaker.

    It opens after `failures` placements in a row that slta did not answer, at first for `open_seconds`, then for twice
    as long after each failed probe, up to `max_open_seconds`. A random part of up to a quarter is taken off each time.
    """

    failures: int = 5
    open_seconds: float = 1.0
    max_open_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Raise ValueError for limits that cannot be."""
        if self.failures < 1 or not 0 < self.open_seconds <= self.max_open_seconds < inf:
            raise ValueError("a breaker needs failures >= 1 and 0 < open_seconds <= max_open_seconds")


class CircuitBreaker:
    """Circuit breaker: closed, open until `open_until`, or half-open from then on. Times are of the client's clock."""

    def __init__(self, limits: Breaker, rng: random.Random) -> None:
        self._limits = limits
        self._rng = rng
        self._failures = 0
        self._seconds = 0.0
        self._probe: object | None = None
        self.open_until = -inf
        """When a probe may be sent; -inf: closed."""
        self.last = failed("")
        """Reply to the last placement that failed."""

    @property
    def is_closed(self) -> bool:
        """True if every placement is sent."""
        return self.open_until == -inf

    def admit(self, now: float) -> object | None:
        """Admission of a placement, to be given back by `leave`; None: do not send it."""
        if self.is_closed:
            return object()
        if now < self.open_until or self._probe is not None:
            return None
        self._probe = object()
        return self._probe

    def leave(self, admission: object | None) -> None:
        """The placement is over, also without a result."""
        if admission is self._probe:
            self._probe = None

    def answered(self) -> None:
        """Close: slta answered a placement."""
        self._failures, self._seconds, self.open_until = 0, 0.0, -inf

    def failed(self, admission: object | None, reply: Reply, now: float) -> None:
        """Count a placement that slta did not answer. Once open, only the probe's failure counts."""
        self.last = reply
        if self.is_closed:
            self._failures += 1
            if self._failures >= self._limits.failures:
                self._open(self._limits.open_seconds, now)
        elif admission is not None and admission is self._probe:
            self._open(min(2 * self._seconds, self._limits.max_open_seconds), now)

    def heard(self, now: float) -> None:
        """Allow a probe at once: slta answered another call."""
        self.open_until = min(self.open_until, now)

    def _open(self, seconds: float, now: float) -> None:
        self._seconds = seconds
        self.open_until = now + seconds * self._rng.uniform(0.75, 1.0)
