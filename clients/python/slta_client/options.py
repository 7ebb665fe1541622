"""Options of a client, and the state that its loops share."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from slta_client.breaker import Breaker, CircuitBreaker
from slta_client.budget import RetryBudget
from slta_client.copies import Copies
from slta_client.endpoints import Endpoints
from slta_client.fallback import Fallback
from slta_client.keeping import keep
from slta_client.leases import Leases
from slta_client.session import OnLost, Priority
from slta_client.steps import Steps

LEASE_SECONDS = 300.0
"""Renewed every 100 s; a process that dies holds its places for at most so long."""
CLOSE_SECONDS = 5.0
TWO_CHOICES = "two-choices"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a client."""

    url: str
    fleets: tuple[str, ...]
    key: str | None
    timeout: float
    wait: float | None
    lease_seconds: float | None
    on_lost: OnLost | None
    verify: ssl.SSLContext | bool
    fallback: str | None = None
    fallback_file: Path | None = None
    breaker: Breaker | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an address or a time that cannot be one, an unknown fallback, and options of none."""
        if not self.url.startswith(("http://", "https://")) or not urlsplit(self.url).hostname:
            raise ValueError("url must begin with http:// or https:// and a host")
        if self.key is not None and not (self.key.isascii() and self.key.isprintable()):
            raise ValueError("key must consist of printable ASCII characters")
        if not 0 < self.timeout < inf or not 0 <= (self.lease_seconds or 0) < inf:
            raise ValueError("timeout must be positive, lease_seconds must not be negative, and both finite")
        if self.fallback not in (None, TWO_CHOICES):
            raise ValueError(f'fallback must be "{TWO_CHOICES}" or None')
        if self.fallback is None and (self.fallback_file is not None or self.breaker is not None):
            raise ValueError("fallback_file and breaker need a fallback")

    def state(self, inherited: Mapping[str, Endpoints] | None = None) -> State:
        """State without sessions. `inherited` are the endpoints that the parent of a forked process knew."""
        rng = random.Random()
        if self.fallback is None:
            return State(self.timeout, rng=rng)
        breaker = CircuitBreaker(self.breaker or Breaker(), rng)
        fallback = Fallback(breaker, Copies(self.fleets, self.fallback_file, rng, inherited or {}), rng)
        return State(self.timeout, Leases(fallback.copies.changed), rng=rng, fallback=fallback)

    def wanted(
        self,
        session_id: str | None,
        wait: float | None,
        on_lost: OnLost | None,
        session_type: str | None,
        priority: Priority | None,
    ) -> Wanted:
        """A session to place; None is the client's own option, or an id of 128 random bits."""
        given = self.wait if wait is None else wait
        return Wanted(
            uuid4().hex if session_id is None else session_id,
            self.fleets,
            self.lease_seconds,
            given or 0.0,
            on_lost or self.on_lost,
            session_type,
            priority,
        )


@dataclass(frozen=True)
class Wanted:
    """A session to place: in which of the fleets, in order, and for how long to wait for capacity.

    `session_type` is None for all classes, `priority` for high.
    """

    session_id: str
    fleets: tuple[str, ...]
    lease_seconds: float | None
    wait_seconds: float
    on_lost: OnLost | None
    session_type: str | None = None
    priority: Priority | None = None


@dataclass
class State:
    """What the loops of one client share: one in each process."""

    timeout: float
    leases: Leases = field(default_factory=Leases)
    budget: RetryBudget = field(default_factory=RetryBudget)
    rng: random.Random = field(default_factory=random.Random)
    fallback: Fallback | None = None
    clock: Callable[[], float] = time.monotonic

    def keep(self) -> Steps[None]:
        """The loop of leases."""
        return keep(self.leases, self.timeout, self.clock, self.rng, self.fallback)


def fleets_of(fleet: str | None, fleets: Sequence[str] | None) -> tuple[str, ...]:
    """One fleet, or several in order of preference; ValueError for both or neither, or one text as several."""
    if isinstance(fleets, str) or (fleet is None) == (not fleets):
        raise ValueError("give either fleet or fleets")
    return (fleet,) if fleet is not None else tuple(fleets or ())
