"""Prometheus metrics of the follower, in a registry of their own."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from slta_integrations.follow.log_line import SKIPPED
from slta_integrations.metric_registry import Family, register

FAMILIES: tuple[Family, ...] = (
    (Counter, "lines", "Lines read, by event: begin, end, start, alive, or why a line was skipped.", ("event",)),
    (
        Gauge,
        "live_sessions",
        "Sessions that began and did not end, of a proxy whose lines say that it lives.",
        ("fleet",),
    ),
    (Gauge, "lag_seconds", "Upper bound of the age of the oldest line that slta has not answered; 0 without one.", ()),
    (Gauge, "backlog_bytes", "Bytes of the log or spool that slta has not answered.", ()),
    (
        Counter,
        "dropped_lines",
        "Lines lost: backlog (over --max-backlog), kernel (receive buffer full), spool (spool not writable).",
        ("reason",),
    ),
    (
        Counter,
        "gaps",
        "Losses of an unknown number of lines: gone (file removed or compressed), truncated (without a copy).",
        ("reason",),
    ),
    (Counter, "elsewhere_sessions", "Sessions that the proxy served on another pool than slta had placed them on.", ()),
    (Counter, "unseen_session_seconds", "Duration of ended sessions that slta never knew.", ()),
    (Counter, "answers", "Operations that slta answered, by kind and final outcome.", ("operation", "outcome")),
    (Counter, "calls", "Bulk calls, by ok, the problem code, or why there was no reply.", ("outcome",)),
)

EVENTS = ("begin", "end", "start", "alive", *SKIPPED)
DROPPED = ("backlog", "kernel", "spool")
GAPS = ("gone", "truncated")


class Metrics:
    """The metrics; an attribute for each name in `FAMILIES`."""

    lines: Counter
    live_sessions: Gauge
    lag_seconds: Gauge
    backlog_bytes: Gauge
    dropped_lines: Counter
    gaps: Counter
    elsewhere_sessions: Counter
    unseen_session_seconds: Counter
    answers: Counter
    calls: Counter

    def __init__(self) -> None:
        self.registry = register(self, "slta_follow", FAMILIES)
        for family, values in ((self.lines, EVENTS), (self.dropped_lines, DROPPED), (self.gaps, GAPS)):
            for value in values:
                family.labels(value)
