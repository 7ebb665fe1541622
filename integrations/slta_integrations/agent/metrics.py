"""Prometheus metrics of the agent."""

from __future__ import annotations

from collections.abc import Sequence

from slta_integrations.metric_registry import MetricRegistry

OUTCOMES = ("ok", "lost_before", "unknown_pool", "unreadable", "failed")
"""Of a heartbeat (docs/api.md)."""
PROBES = ("health", "count", "sessions")


class Metrics(MetricRegistry):
    """The metrics."""

    def __init__(self, pools: Sequence[str] = ()) -> None:
        """`pools` are those whose failures are shown before the first."""
        super().__init__("slta_agent")
        self.heartbeats = self.counter("heartbeats", "Heartbeats that slta answered, by outcome.", outcome=OUTCOMES)
        text = "Unix time of slta's last answer to heartbeats; 0 before the first."
        self.last_answer_timestamp_seconds = self.gauge("last_answer_timestamp_seconds", text)
        text = "Calls, by ok, the problem code, or why there was no reply."
        self.calls = self.counter("calls", text, operation=(), outcome=())
        text = "1 if the last health check of the pool passed, 0 if it failed; absent without checks."
        self.pool_healthy = self.gauge("pool_healthy", text, pool_id=())
        text = "Failed commands and URLs, by pool and probe: health, count, sessions."
        self.failures = self.counter("failures", text, pool_id=pools, probe=PROBES)
        text = "Sessions of lists that slta asked for, by what it answered."
        self.listed_sessions = self.counter("listed_sessions", text, outcome=())
