"""Circuit breaker: how often an slta that does not answer is asked again, and when it is not asked at all.

Retries take tokens of a budget. After failures of placements in a row it opens, then lets one probe at a time through.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import inf

from slta_client.replies import BUSY, Reply, failed
from slta_client.rules import bound_seconds, is_away

RATIO = 0.1
RESERVE = 3.0


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


class CircuitBreaker(RetryBudget):
    """Circuit breaker of a client: closed, open until `open_until`, or half-open from then on, and its retry budget."""

    def __init__(self, limits: Breaker, rng: random.Random) -> None:
        super().__init__()
        self._limits = limits
        self._rng = rng
        self._failures = 0
        """In a row; once open, the probe's only."""
        self._probe: object | None = None
        self.open_until = -inf
        """When a probe may be sent, in seconds of the client's clock; -inf: closed."""
        self.last = failed("")
        """Reply to the last placement that failed."""

    @property
    def is_closed(self) -> bool:
        """True if every placement is sent."""
        return self.open_until == -inf

    def admit(self, now: float) -> object | None:
        """Admission of a placement, to be given back by `settle`; None: do not send it."""
        if self.is_closed:
            return object()
        if now < self.open_until or self._probe is not None:
            return None
        self._probe = object()
        return self._probe

    def settle(self, admission: object | None, reply: Reply | None, now: float) -> None:
        """A placement is over, with its last reply or none: an answer closes, a failure counts unless it was queued."""
        is_probe = admission is not None and admission is self._probe
        if is_probe:
            self._probe = None
        if reply is None or reply.code == BUSY:
            return
        if not is_away(reply):
            self._failures, self.open_until = 0, -inf
            return
        self.last = reply
        if self.is_closed or is_probe:
            self._failures += 1
            excess = self._failures - self._limits.failures
            if excess >= 0:
                seconds = bound_seconds(excess, self._limits.open_seconds, self._limits.max_open_seconds)
                self.open_until = now + seconds * self._rng.uniform(0.75, 1.0)

    def heard(self, now: float) -> None:
        """Allow a probe at once: slta answered another call."""
        self.open_until = min(self.open_until, now)
