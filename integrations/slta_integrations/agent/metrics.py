"""Prometheus metrics of the agent, in a registry of their own."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge

from slta_integrations.metric_registry import Family, register

OUTCOMES = ("ok", "lost_before", "unknown_pool", "unreadable", "failed")
"""Of a heartbeat (docs/api.md)."""
PROBES = ("health", "count", "sessions")
FAMILIES: tuple[Family, ...] = (
    (Counter, "heartbeats", "Heartbeats that slta answered, by outcome.", ("outcome",)),
    (Gauge, "last_answer_timestamp_seconds", "Unix time of slta's last answer to heartbeats; 0 before the first.", ()),
    (Counter, "calls", "Calls, by ok, the problem code, or why there was no reply.", ("operation", "outcome")),
    (
        Gauge,
        "pool_healthy",
        "1 if the last health check of the pool passed, 0 if it failed; absent without checks.",
        ("pool_id",),
    ),
    (
        Counter,
        "failures",
        "Failed commands and URLs, by pool and probe: health, count, sessions.",
        ("pool_id", "probe"),
    ),
    (Counter, "listed_sessions", "Sessions of lists that slta asked for, by what it answered.", ("outcome",)),
)


class Metrics:
    """The metrics; an attribute for each name in `FAMILIES`."""

    heartbeats: Counter
    last_answer_timestamp_seconds: Gauge
    calls: Counter
    pool_healthy: Gauge
    failures: Counter
    listed_sessions: Counter

    def __init__(self, pools: Sequence[str] = ()) -> None:
        """`pools` are those whose failures are shown before the first."""
        self.registry = register(self, "slta_agent", FAMILIES)
        for outcome in OUTCOMES:
            self.heartbeats.labels(outcome)
        for pool in pools:
            for probe in PROBES:
                self.failures.labels(pool, probe)
