"""Prometheus metrics of the watcher, in a registry of their own."""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client import Counter, Gauge

from slta_integrations.metric_registry import Family, register
from slta_integrations.notices import Notices

FAMILIES: tuple[Family, ...] = (
    (Gauge, "event_age_seconds", "Time since the API server sent anything, bookmarks included.", ("kind",)),
    (Gauge, "leader", "1 while this watcher holds the Lease and changes pools.", ()),
    (Gauge, "pools", "Pools of this watcher, by status, as last read or changed; of the leader.", ("pool_status",)),
    (Gauge, "skipped_endpoints", "Endpoints that have no pool, by reason; of the leader.", ("reason",)),
    (Gauge, "services_without_slices", "Services of the options that have no EndpointSlice; of the leader.", ()),
    (Gauge, "guarded_pools", "Pools of pods that vanished at once, and may live; of the leader.", ("service",)),
    (Counter, "lists", "Lists of all objects; more than one: a watch could not be resumed.", ("kind",)),
    (Counter, "watches", "Watches begun.", ("kind",)),
    (Counter, "changes", "Pools changed, by what was done.", ("action",)),
    (Counter, "calls", "Calls to slta, by ok, the problem code, or why there was no reply.", ("outcome",)),
)

ACTIONS = ("create", "change", "drain", "return", "fail", "remove")
STATUSES = ("active", "draining", "failed")
REASONS = ("no_pod", "no_address", "no_port", "no_class", "conflict")


class Telemetry(NamedTuple):
    """What the parts of a watcher report to."""

    metrics: Metrics
    notices: Notices


class Metrics:
    """The metrics; an attribute for each name in `FAMILIES`."""

    event_age_seconds: Gauge
    leader: Gauge
    pools: Gauge
    skipped_endpoints: Gauge
    services_without_slices: Gauge
    guarded_pools: Gauge
    lists: Counter
    watches: Counter
    changes: Counter
    calls: Counter

    def __init__(self) -> None:
        self.registry = register(self, "slta_kubernetes", FAMILIES)
        values = ((self.changes, ACTIONS), (self.pools, STATUSES), (self.skipped_endpoints, REASONS))
        for labelled, known in values:
            for value in known:
                labelled.labels(value)
