"""State of one pool: what slta is known to have, what the agent wants, and the next step from one to the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import inf

from slta_integrations.agent.config import MARK, MARKED, PoolEntry

FAILURES = 3
"""Failed health checks in a row that drain the pool."""
Status = str
UNKNOWN, ABSENT, ACTIVE, DRAINING, FAILED, REMOVED = "unknown", "absent", "active", "draining", "failed", "removed"
"""Status at slta: to be read, not there, the three of the API, and removed by the agent."""


class Step(Enum):
    """What to call for a pool."""

    READ = "read"
    REGISTER = "register"
    DRAIN = "drain"
    UNDRAIN = "undrain"
    SESSIONS = "sessions"
    REMOVE = "remove"


@dataclass
class Pool:
    """Pool of the agent. Times are seconds of the agent's clock."""

    entry: PoolEntry
    status: Status = UNKNOWN
    marked: bool = False
    """Whether the agent drained it; a label says so to the next agent."""
    registered: bool = False
    """Whether slta has its address and labels as they are now."""
    beats: bool = False
    """Whether it has heartbeats: it exists, and an attempt was made to set its address, which they would revive."""
    has_lease: bool = False
    """Whether slta has answered a heartbeat."""
    leaving: bool = False
    healthy: bool | None = None
    """Result of the last health check."""
    failures: int = 0
    count: int | None = None
    """Sessions by the pool's own count, for the next heartbeat."""
    quality: float | None = None
    """Their quality, likewise."""
    asked_as_of: str | None = None
    """slta asked for the list. What was placed before this moment and is not listed will be ended."""
    listed: tuple[str, ...] | None = None
    """The list, to be sent."""
    listed_types: Mapping[str, str] = field(default_factory=dict)
    """Session types of some of the list, by id."""
    retry_at: float = -inf
    """Next step after a refused one."""
    health_at: float = -inf
    count_at: float = inf
    list_at: float = -inf

    @property
    def id(self) -> str:
        return self.entry.pool_id

    @property
    def labels(self) -> dict[str, str]:
        """Labels at slta."""
        return self.entry.labels | ({MARK: MARKED} if self.marked else {})

    @property
    def is_fit(self) -> bool:
        """Whether it may have sessions: the last health check passed, or there is none."""
        return self.entry.health is None or self.healthy is True

    @property
    def has_left(self) -> bool:
        """Whether nothing of it is left at slta."""
        return self.leaving and self.status in {ABSENT, REMOVED}

    @property
    def must_drain(self) -> bool:
        return self.leaving or self.failures >= FAILURES

    def step(self) -> Step | None:
        """The next call, or None.

        1. Read status and label.
        2. Create the pool once it is fit; set its attributes.
        3. Set the mark before a drain, and clear it after an undrain: an agent that is killed in between is
           followed by one that knows who drained. A pool that somebody else drained is not marked, so never undrained.
        4. Send the list that slta asked for.
        5. Remove the pool when it leaves.
        """
        if self.status == ACTIVE and self.marked != self.must_drain:
            self.marked, self.registered = self.must_drain, False
        if self.status == UNKNOWN:
            return Step.READ
        if self.status in {ABSENT, REMOVED}:
            return Step.REGISTER if self.status == ABSENT and self.is_fit and not self.leaving else None
        if not self.registered:
            return Step.REGISTER
        last = Step.REMOVE if self.leaving else None
        return self._change() or (last if self.listed is None else Step.SESSIONS)

    def _change(self) -> Step | None:
        if self.must_drain:
            return Step.DRAIN if self.status == ACTIVE else None
        return Step.UNDRAIN if self.marked and self.is_fit and self.status == DRAINING else None

    def checked(self, *, healthy: bool) -> None:
        """Apply a health check. A change of the aim begins by reading what slta has."""
        has_recovered = healthy and (self.marked or self.failures >= FAILURES)
        self.failures = 0 if healthy else self.failures + 1
        self.healthy = healthy
        if self.failures == FAILURES or (has_recovered and not self.leaving):
            self.read_again()

    def read_again(self) -> None:
        """Read the status before the next step."""
        if self.status in {ACTIVE, DRAINING, FAILED}:
            self.status = UNKNOWN

    def leave(self) -> None:
        """Drain, then remove."""
        self.leaving = True
        self.retry_at = -inf
        self.read_again()

    def gone(self) -> None:
        """slta does not have it: registered again, unless it leaves."""
        self.status = REMOVED if self.leaving else ABSENT
        self.beats = self.has_lease = self.registered = self.marked = False
        self.asked_as_of = self.listed = None

    def ask(self, as_of: str, now: float) -> None:
        """slta asks for the list as of `as_of`.

        It is taken some seconds later: a session that was placed just before may not have reached the pool. Until a
        list that was taken is sent, its own moment counts, not a later one.
        """
        if self.entry.sessions and self.listed is None:
            self.asked_as_of = as_of
            self.list_at = now + self.entry.sessions.settle_seconds
