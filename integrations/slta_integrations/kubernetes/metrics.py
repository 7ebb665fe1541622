"""Prometheus metrics of the watcher."""

from __future__ import annotations

from typing import NamedTuple

from slta_integrations.metric_registry import MetricRegistry
from slta_integrations.notices import Notices

ACTIONS = ("create", "change", "drain", "return", "fail", "remove")
STATUSES = ("active", "draining", "failed")
REASONS = ("no_pod", "no_address", "no_port", "no_class", "conflict")


class Telemetry(NamedTuple):
    """What the parts of a watcher report to."""

    metrics: Metrics
    notices: Notices


class Metrics(MetricRegistry):
    """The metrics."""

    def __init__(self) -> None:
        super().__init__("slta_kubernetes")
        text = "Time since the API server sent anything, bookmarks included."
        self.event_age_seconds = self.gauge("event_age_seconds", text, kind=())
        self.leader = self.gauge("leader", "1 while this watcher holds the Lease and changes pools.")
        text = "Pools of this watcher, by status, as last read or changed; of the leader."
        self.pools = self.gauge("pools", text, pool_status=STATUSES)
        text = "Endpoints that have no pool, by reason; of the leader."
        self.skipped_endpoints = self.gauge("skipped_endpoints", text, reason=REASONS)
        text = "Services of the options that have no EndpointSlice; of the leader."
        self.services_without_slices = self.gauge("services_without_slices", text)
        text = "Pools of pods that vanished at once, and may live; of the leader."
        self.guarded_pools = self.gauge("guarded_pools", text, service=())
        text = "Lists of all objects; more than one: a watch could not be resumed."
        self.lists = self.counter("lists", text, kind=())
        self.watches = self.counter("watches", "Watches begun.", kind=())
        self.changes = self.counter("changes", "Pools changed, by what was done.", action=ACTIONS)
        text = "Calls to slta, by ok, the problem code, or why there was no reply."
        self.calls = self.counter("calls", text, outcome=())
