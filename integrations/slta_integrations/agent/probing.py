"""Schedule of health checks, counts and lists, without I/O: one probe at a time, those first that are due first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from slta_integrations.agent.config import Health, Source
from slta_integrations.agent.metrics import Metrics
from slta_integrations.agent.pool import FAILURES, Pool
from slta_integrations.agent.probe_output import count_of, listing_of
from slta_integrations.notices import Notices

COUNT_WAIT_SECONDS = 0.5
"""A heartbeat waits so long at most for its count, which is begun when the heartbeat is due."""
LIST_RETRY_SECONDS = 10.0


class Probe(NamedTuple):
    """Something to ask of the pool: `kind` is health, count or sessions."""

    pool_id: str
    kind: str
    source: Source
    as_of: str | None = None
    """Of a list: what slta asked for when it was begun."""


class Probed(NamedTuple):
    """Output of a probe; `problem` if it failed."""

    output: bytes = b""
    problem: str = ""


class Probes:
    """Probes of the pools."""

    def __init__(self, pools: Sequence[Pool], metrics: Metrics, notices: Notices) -> None:
        self._pools = {pool.id: pool for pool in pools}
        self._metrics = metrics
        self._notices = notices

    def next(self, now: float) -> Probe | float:
        """The probe that has been due for the longest, or when the next is due. O(pools)."""
        due, probe = min(self._all(), key=lambda pair: pair[0], default=(inf, None))
        return probe if probe and due <= now else due

    def _all(self) -> Iterator[tuple[float, Probe]]:
        for pool in self._pools.values():
            if pool.entry.health and not pool.has_left:
                yield pool.health_at, Probe(pool.id, "health", pool.entry.health)
            if pool.entry.count and pool.beats:
                yield pool.count_at, Probe(pool.id, "count", pool.entry.count)
            if pool.entry.sessions and pool.asked_as_of is not None and pool.listed is None:
                yield pool.list_at, Probe(pool.id, "sessions", pool.entry.sessions, pool.asked_as_of)

    def plan(self, beat_at: float) -> None:
        """Take the counts when the next heartbeat is due: an older one differs from slta's without a reason."""
        for pool in self._pools.values():
            pool.count, pool.quality, pool.count_at = None, None, beat_at

    def are_counted(self) -> bool:
        """Whether no count is missing that was planned."""
        return all(pool.count_at == inf for pool in self._pools.values() if pool.entry.count and pool.beats)

    def apply(self, probe: Probe, result: Probed, now: float) -> None:
        """Apply a result. What cannot be read counts as a failure."""
        pool = self._pools[probe.pool_id]
        problem = result.problem or self._read(pool, probe, result.output)
        kind = f"{probe.kind} {pool.id}"
        if problem:
            self._metrics.failures.labels(pool.id, probe.kind).inc()
            self._notices.say(kind, f"{probe.kind} of {pool.id}: {problem}")
        else:
            self._notices.over(kind, f"{probe.kind} of {pool.id}: it succeeds again.")
        if isinstance(probe.source, Health):
            self._apply_health(pool, probe.source, now, healthy=not problem)
        elif probe.kind == "count" and pool.count_at > now:
            pool.count = pool.quality = None  # its heartbeat has gone without it
        elif probe.kind == "count":
            pool.count_at = inf
        elif problem:
            pool.list_at = now + LIST_RETRY_SECONDS

    def _read(self, pool: Pool, probe: Probe, output: bytes) -> str:
        """Take the output over; the problem, or an empty text."""
        try:
            if probe.kind == "count":
                pool.count, pool.quality = count_of(output)
            elif probe.kind == "sessions":
                (pool.listed, pool.listed_types), pool.asked_as_of = listing_of(output), probe.as_of
        except Exception as error:  # noqa: BLE001 - an output that nobody foresaw must not end the other probes
            return str(error) or type(error).__name__
        return ""

    def _apply_health(self, pool: Pool, health: Health, now: float, *, healthy: bool) -> None:
        pool.checked(healthy=healthy)
        pool.health_at = now + health.every_seconds
        self._metrics.pool_healthy.labels(pool.id).set(healthy)
        if pool.failures == FAILURES:
            self._notices.say(f"unhealthy {pool.id}", f"{FAILURES} health checks of {pool.id} failed: it is drained")
        elif healthy:
            self._notices.over(
                f"unhealthy {pool.id}", f"{pool.id} is healthy: it takes sessions if it was drained for that"
            )
