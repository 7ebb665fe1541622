"""What this process did: its requests, and its calls of the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from service.metrics.rows import HistogramRow, MeterRow, Row, TallyRow
from service.requests import RequestRecord
from service.store.requirements import Eviction
from service.values import Findings

REQUESTS = HistogramRow(
    "request_duration_seconds",
    "Time from a request's arrival in the application to the end of its answer.",
    ("method", "route", "status"),
    (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
CONNECTIONS = MeterRow("connections", "Connections of clients that are open, TLS handshakes included.", ())
REFUSED = TallyRow("connections_refused", "Connections refused or ended before a request had arrived.", ("reason",))
SHED = TallyRow("requests_shed", "Requests refused because too much waited or was held here.", ("route",))
KEY_REQUESTS = TallyRow("key_requests", "Requests by the key that they came with, and status.", ("key_id", "status"))
STORE_CALLS = HistogramRow(
    "store_duration_seconds",
    "Time of a call of a function of the store, network included.",
    ("function",),
    (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
)
BATCHES = HistogramRow("batch_size", "Operations in one call of the function batch.", (), (1, 2, 4, 8, 16, 32, 64, 128))
STORE_ERRORS = TallyRow("store_errors", "Calls of the store that failed.", ("kind",))
SURPLUS_REPLICAS = MeterRow(
    "store_surplus_replicas",
    "Online replicas of the store beyond SLTA_STORE_REPLICAS, in the mode replicated: each must confirm writes too.",
    (),
)
VANISHED = TallyRow("fleets_vanished", "Fleets that were gone from the store though nobody had deleted them.", ())
EVICTS = MeterRow(
    "store_evicts",
    "1 where the store throws keys away when its memory is full, else 0, by its maxmemory-policy.",
    ("policy",),
)
FINDINGS = MeterRow("audit_findings", "What the last audit by this process found damaged.", ("fleet",))
AUDITED = MeterRow("audit_time_seconds", "When that audit ended, in seconds of Unix time; 0 before the first.", ())
BLOCKED = MeterRow(
    "repair_blocked", "1 while a suspect fleet is not repaired by itself, for an operator must look at it.", ("fleet",)
)
ACTIVITY_ROWS: tuple[Row, ...] = (
    REQUESTS,
    SHED,
    KEY_REQUESTS,
    CONNECTIONS,
    REFUSED,
    STORE_CALLS,
    BATCHES,
    STORE_ERRORS,
    SURPLUS_REPLICAS,
    VANISHED,
    EVICTS,
    FINDINGS,
    AUDITED,
    BLOCKED,
)

NO_ROUTE = NO_KEY = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "other"
STATUS_CLASSES = ("left", "1xx", "2xx", "3xx", "4xx", "5xx")
"""`left`: the client was gone before the answer."""


class Activity:
    """Counters and histograms in a registry of their own. Labels come from fixed sets only."""

    def __init__(self) -> None:
        """Nothing was done yet."""
        self.registry = CollectorRegistry()
        self._requests = REQUESTS.histogram(self.registry)
        self._shed = SHED.tally(self.registry)
        self._key_requests = KEY_REQUESTS.tally(self.registry)
        self._connections = CONNECTIONS.meter(self.registry)
        self._refused = REFUSED.tally(self.registry)
        self._store_calls = STORE_CALLS.histogram(self.registry)
        self._batches = BATCHES.histogram(self.registry)
        self._store_errors = STORE_ERRORS.tally(self.registry)
        self._surplus_replicas = SURPLUS_REPLICAS.meter(self.registry)
        self._vanished = VANISHED.tally(self.registry)
        self._evicts = EVICTS.meter(self.registry)
        self._findings = FINDINGS.meter(self.registry)
        self._audited = AUDITED.meter(self.registry)
        self._blocked = BLOCKED.meter(self.registry)
        ProcessCollector(registry=self.registry)
        self._known_requests: dict[tuple[str, str | None, int, str], tuple[Histogram, Counter]] = {}
        self._known_functions: dict[str, Histogram] = {}

    def observe(self, request: RequestRecord) -> None:
        """Count an answered request."""
        method = request.method if request.method in METHODS else OTHER_METHOD
        key = (method, request.route, request.status, request.key_id)
        known = self._known_requests.get(key)
        if known is None:
            known = self._known_requests[key] = self._series(*key)
        durations, by_key = known
        durations.observe(request.seconds)
        by_key.inc()
        if request.shed:
            self._shed.labels(request.route or NO_ROUTE).inc()

    def _series(self, method: str, route: str | None, status: int, key_id: str) -> tuple[Histogram, Counter]:
        return (
            self._requests.labels(method, route or NO_ROUTE, STATUS_CLASSES[status // 100]),
            self._key_requests.labels(key_id or NO_KEY, status or STATUS_CLASSES[0]),
        )

    def connection_refused(self, reason: str) -> None:
        """Count a connection that was refused, or ended without a request."""
        self._refused.labels(reason).inc()

    def audited(self, found: Sequence[Findings]) -> None:
        """Show what an audit of all fleets found; a fleet that is gone, or was not looked at, has no series."""
        self._findings.clear()
        for one in found:
            if one.not_looked is None:
                self._findings.labels(one.fleet).set(one.total)
        self._audited.set_to_current_time()

    def fleet_vanished(self) -> None:
        """Count a fleet that nobody deleted and that is gone."""
        self._vanished.inc()

    def eviction(self, found: Eviction | None) -> None:
        """Show whether the store throws keys away; None, where that is not known, has no series."""
        self._evicts.clear()
        if found is not None:
            self._evicts.labels(found.policy).set(found.is_possible)

    def repair_blocked(self, fleet: str, is_blocked: bool | None) -> None:  # noqa: FBT001 - the gauge's value
        """Show whether the automatic repair of a fleet is blocked; None: it is gone, and so is its series."""
        if is_blocked is None:
            self._blocked.remove(fleet)
        else:
            self._blocked.labels(fleet).set(is_blocked)

    def watch_connections(self, count: Callable[[], float]) -> None:
        """Ask `count` for the open connections at each scrape."""
        self._connections.set_function(count)

    def watch_surplus_replicas(self, count: Callable[[], float]) -> None:
        """Ask `count` for the store's replicas beyond the configured number at each scrape."""
        self._surplus_replicas.set_function(count)

    def call(self, function: str, seconds: float, operations: int) -> None:
        """Count a call of the store."""
        histogram = self._known_functions.get(function)
        if histogram is None:
            histogram = self._known_functions[function] = self._store_calls.labels(function)
        histogram.observe(seconds)
        if function == "batch" and operations:  # each second an empty one asks whether the store takes writes
            self._batches.observe(operations)

    def error(self, kind: str) -> None:
        """Count a call of the store that failed."""
        self._store_errors.labels(kind).inc()
