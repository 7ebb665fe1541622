"""Options of a client, and the state that its loops share."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from slta_client.budget import RetryBudget
from slta_client.keeping import keep
from slta_client.leases import Leases
from slta_client.release import VERSION
from slta_client.session import OnLost
from slta_client.steps import Steps

LEASE_SECONDS = 300.0
"""Renewed every 100 s; a process that dies holds its places for at most so long."""
CLOSE_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 30.0
"""Idle connections are closed before the dispatcher does it after 65 s."""


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

    def __post_init__(self) -> None:
        """Raise ValueError for an address that cannot be one."""
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("url must begin with http:// or https://")

    def http(self) -> dict[str, Any]:
        """Arguments of httpx's clients."""
        headers = {"User-Agent": f"slta-client/{VERSION}"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEP_ALIVE_SECONDS)
        verify = self.verify if self.url.startswith("https:") else False  # or httpx reads all CAs for nothing
        return {"headers": headers, "limits": limits, "verify": verify}

    def address(self, fleet: str, call: str) -> str:
        """URL of a fleet's call."""
        return f"{self.url.rstrip('/')}/v1/fleets/{quote(fleet, safe='')}/{call}"

    def wanted(self, session_id: str | None, wait: float | None, on_lost: OnLost | None) -> Wanted:
        """A session to place; None is the client's own option, or an id of 128 random bits."""
        given = self.wait if wait is None else wait
        return Wanted(
            uuid4().hex if session_id is None else session_id,
            self.fleets,
            self.lease_seconds,
            given or 0.0,
            on_lost or self.on_lost,
        )


@dataclass(frozen=True)
class Wanted:
    """A session to place: in which of the fleets, in order, and for how long to wait for capacity."""

    session_id: str
    fleets: tuple[str, ...]
    lease_seconds: float | None
    wait_seconds: float
    on_lost: OnLost | None


@dataclass
class State:
    """What the loops of one client share: one in each process."""

    timeout: float
    leases: Leases = field(default_factory=Leases)
    budget: RetryBudget = field(default_factory=RetryBudget)
    rng: random.Random = field(default_factory=random.Random)

    clock: Callable[[], float] = time.monotonic

    def keep(self) -> Steps[None]:
        """The loop of leases."""
        return keep(self.leases, self.timeout, self.clock, self.rng)


def fleets_of(fleet: str | None, fleets: Sequence[str] | None) -> tuple[str, ...]:
    """One fleet, or several in order of preference; ValueError for both or neither."""
    if (fleet is None) == (not fleets):
        raise ValueError("give either fleet or fleets")
    return (fleet,) if fleet is not None else tuple(fleets or ())
