"""Prometheus metrics of the follower."""

from __future__ import annotations

from slta_integrations.follow.log_line import SKIPPED
from slta_integrations.metric_registry import MetricRegistry

EVENTS = ("begin", "end", "start", "alive", *SKIPPED)
DROPPED = ("backlog", "kernel", "spool")
GAPS = {
    "gone": "the file that was being read is gone or compressed: its last lines are lost",
    "truncated": "the log was truncated without a copy: lines may be lost",
    "backlog": "over --max-backlog bytes wait: the rest of the oldest file is dropped",
}


class Metrics(MetricRegistry):
    """The metrics."""

    def __init__(self) -> None:
        super().__init__("slta_follow")
        text = "Lines read, by event: begin, end, start, alive, or why a line was skipped."
        self.lines = self.counter("lines", text, event=EVENTS)
        text = "Sessions that began and did not end, of a proxy whose lines say that it lives."
        self.live_sessions = self.gauge("live_sessions", text, fleet=())
        text = "Upper bound of the age of the oldest line that slta has not answered; 0 without one."
        self.lag_seconds = self.gauge("lag_seconds", text)
        self.backlog_bytes = self.gauge("backlog_bytes", "Bytes of the log or spool that slta has not answered.")
        text = (
            "Datagrams' lines lost: backlog (over --max-backlog), kernel (receive buffer full), spool (not writable)."
        )
        self.dropped_lines = self.counter("dropped_lines", text, reason=DROPPED)
        text = (
            "Losses of an unknown number of lines: gone (file), truncated (no copy), backlog (file over --max-backlog)."
        )
        self.gaps = self.counter("gaps", text, reason=GAPS)
        text = "Sessions that the proxy served on another pool than slta had placed them on."
        self.elsewhere_sessions = self.counter("elsewhere_sessions", text)
        text = "Duration of ended sessions that slta never knew."
        self.unseen_session_seconds = self.counter("unseen_session_seconds", text)
        text = "Operations that slta answered, by kind and final outcome."
        self.answers = self.counter("answers", text, operation=(), outcome=())
        text = "Bulk calls, by ok, the problem code, or why there was no reply."
        self.calls = self.counter("calls", text, outcome=())
