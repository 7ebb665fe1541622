"""State of a client: what its placements and its loop of leases share, and the I/O that both ask for."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from slta_client import metrics
from slta_client.breaker import Breaker, CircuitBreaker
from slta_client.endpoints import Endpoints
from slta_client.fallback import Fallback
from slta_client.leases import Leases
from slta_client.replies import Reply


class Send(NamedTuple):
    """POST `body` as JSON to a fleet's call; the reply within so many seconds.

    Without a body, GET it, if it has another ETag than this. A placement's call may wait for its turn before; all
    together takes at most `patience` seconds. Calls without that bound wait for no others.
    """

    fleet: str
    call: str
    body: Mapping[str, Any] | None
    seconds: float
    etag: str | None = None
    patience: float = inf


class State(ABC):
    """State of one client in one process. All I/O, the clock and chance are its own, so tests can have others."""

    def __init__(self, timeout: float, breaker: Breaker, fallback: Fallback, rng: random.Random | None = None) -> None:
        self.timeout = timeout
        self.fallback = fallback
        self.rng = rng or random.Random()
        self.breaker = CircuitBreaker(breaker, self.rng)
        self.leases = Leases(fallback.changed)
        metrics.watch("open_breakers", self, lambda self: self.fallback.is_on and not self.breaker.is_closed)

    def clock(self) -> float:
        """Seconds."""
        return time.monotonic()

    @abstractmethod
    async def send(self, send: Send) -> Reply:
        """The reply of a call, or why there is none."""

    @abstractmethod
    async def pause(self, seconds: float) -> None:
        """Wait so long."""

    @abstractmethod
    async def until_changed(self, seconds: float) -> None:
        """Wait until a session begins or ends, or the client is closed, at most so long."""

    @abstractmethod
    async def save(self, path: Path, copies: Sequence[Endpoints]) -> None:
        """Write endpoints to a file."""
