"""Process metrics: counters and histograms of this process's requests, connections and store calls."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import accumulate

from prometheus_client import CollectorRegistry, Histogram, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from slta.metrics.definitions import CounterDef, GaugeDef, HistogramDef, Labels, Row
from slta.models import Findings
from slta.models.request_record import PLACE_ROUTE, RequestRecord
from slta.store import Eviction

REQUESTS = HistogramDef(
    "http_server_request_duration_seconds",
    "Request duration, from its arrival in the application to the end of the response.",
    ("http_request_method", "http_route", "http_response_status_code", "error_type"),
    (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
KEY_REQUESTS = CounterDef("key_requests", "Requests by key and status code.", ("key_id", "http_response_status_code"))
PLACE_REQUESTS = CounterDef(
    "place_requests",
    "Requests of the placement route: `placed`, the code in X-Slta-Code, or `left` by the client before its answer.",
    ("fleet", "outcome"),
)
CONNECTIONS = GaugeDef("connections", "Open client connections, including TLS handshakes.", ())
REFUSED = CounterDef("connections_refused", "Connections refused, or closed before a complete request.", ("reason",))
STORE_CALLS = HistogramDef(
    "store_duration_seconds",
    "Duration of store function calls, including the network; ticks in one packet count as one.",
    ("function",),
    (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
)
BATCHES = HistogramDef("batch_size", "Operations or heartbeats per call.", ("function",), (1, 2, 4, 8, 16, 32, 64, 128))
STORE_ERRORS = CounterDef("store_errors", "Failed store calls.", ("error_type",))
NOT_RESTORED = CounterDef(
    "changes_not_restored",
    "Acknowledged changes that the store lost and that were not restored, by kind (`placed`, `ended`, `pool`, `put`, "
    "`delete`, `call`) and reason: `not_sent` for what is never sent again, `late`, `unknown_pool`, `unknown_fleet`, "
    "`session_type` for sessions that lost their type, or `log_full` for calls beyond the size of the log.",
    ("kind", "reason"),
)
SHARDS = GaugeDef(
    "store_shards",
    "Masters of the store by the result of this process's last test write, `ready` or as in /readyz.",
    ("shard_status",),
)
HELD = GaugeDef(
    "leases_held_seconds",
    "Longest time for which no lease of a fleet ends: up to 60 s after a gap of more than 5 s between ticks.",
    (),
)
CERTIFICATE_ENDS = GaugeDef(
    "tls_certificate_not_after_timestamp_seconds", "Unix time at which the TLS certificate expires, 0 without one.", ()
)
SAMPLED = CounterDef(
    "quality_samples",
    "Qualities that pools sent: `taken`; `repeated`, not the first of a visit to a level or of a round; `moved`, of "
    "another number of sessions than the store has; `unused`, of an empty pool or of a fleet that measures none; "
    "`refused` heartbeats.",
    ("outcome",),
)
UNOWNED_SLOTS = GaugeDef("store_unowned_slots", "Slots of the cluster that no known master owns.", ())
FOREIGN_NODES = GaugeDef(
    "store_foreign_nodes", "Addresses of the cluster where a node of another cluster replies, which is ignored.", ()
)
VANISHED = CounterDef(
    "fleets_vanished",
    "Fleets that disappeared without a DELETE: `lost`, `relisted` if only the list had lost the name, or "
    "`undeleted` if the store had lost the DELETE.",
    ("outcome",),
)
EVICTS = GaugeDef(
    "store_eviction_enabled",
    "1 if the store evicts keys when its memory is full (see maxmemory-policy), otherwise 0.",
    ("maxmemory_policy",),
)
UNLISTED = GaugeDef(
    "store_audit_findings",
    "Findings of this process on keys of an unlisted fleet, or of no fleet (`fleet` is empty).",
    ("fleet",),
)
BLOCKED = GaugeDef(
    "repair_blocked", "1 while the automatic repair of a suspect fleet is blocked and an operator must act.", ("fleet",)
)
PROCESS_ROWS = tuple(row for row in vars().values() if isinstance(row, Row))
"""All rows of this process."""

BOUNDS = [*map(floatToGoString, (*REQUESTS.buckets, float("inf")))]
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "_OTHER"
NO_KEY = NO_FLEET = "none"
PLACEMENT_MISTAKES = (
    "unauthenticated",
    "insufficient_scope",
    "rate_limited",
    "unknown_fleet",
    "fleet_observes",
    "unknown_session_type",
    "no_session_id",
    "invalid_request",
    "repeated_header",
    "repeated_authorization",
)
"""Codes of the placement route that the proxy's configuration, its key or the fleet's policy is to blame for."""
PLACED = "placed"
"""Outcome of a placement that was not refused."""
LEFT = "left"
"""Error of a request whose client disconnected before the response."""

Key = tuple[str, str | None, int, str, str]
"""Method, route, status, key id and problem: values of fixed sets, and of the key file."""


class RequestCounts(Collector):
    """Requests by bucket of their duration; the last number of a key is the sum of the durations in seconds.

    They are plain numbers: a sixth of the work of prometheus_client's counters.
    """

    def __init__(self) -> None:
        self._counts: dict[Key, list[float]] = {}

    def observe(self, request: RequestRecord) -> None:
        method = request.method if request.method in METHODS else OTHER_METHOD
        key = (method, request.route, request.status, request.key_id, request.problem)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0.0] * (len(BOUNDS) + 1)
        counts[bisect_left(REQUESTS.buckets, request.seconds)] += 1
        counts[-1] += request.seconds

    def collect(self) -> Iterator[Metric]:
        """Both families, for prometheus_client."""
        durations, by_key = defaultdict[Labels, list[list[float]]](list), Counter[Labels]()
        for (method, route, status, key_id, problem), counts in self._counts.items():
            durations[method, route or "", str(status or ""), _error_of(status, problem)].append(counts)
            by_key[key_id or NO_KEY, str(status or "")] += int(sum(counts[:-1]))
        histogram = HistogramMetricFamily(REQUESTS.full_name, REQUESTS.help, labels=REQUESTS.labels)
        for labels, rows in durations.items():
            *buckets, total = map(sum, zip(*rows, strict=True))
            histogram.add_metric(labels, [*zip(BOUNDS, accumulate(buckets), strict=True)], total)
        requests = CounterMetricFamily(KEY_REQUESTS.full_name, KEY_REQUESTS.help, labels=KEY_REQUESTS.labels)
        for labels, number in by_key.items():
            requests.add_metric(labels, number)
        yield from (histogram, requests)


def _error_of(status: int, problem: str) -> str:
    """Type of the error that a request ended in, by OpenTelemetry: of the server's only; '' without one."""
    if not status:
        return LEFT
    return (problem or str(status)) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""


class ProcessMetrics:
    """Metrics of this process, in their own registry. Label values come from fixed sets only."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = RequestCounts()
        self.registry.register(self._requests)
        self._place_requests = PLACE_REQUESTS.create(self.registry)
        for code in PLACEMENT_MISTAKES:
            self._place_requests.labels(NO_FLEET, code)  # at 0, so that rate() has the first ones
        self._placed_fleets: set[str] = set()
        watched = (CONNECTIONS, HELD, CERTIFICATE_ENDS)
        self._watched = {gauge: gauge.create(self.registry) for gauge in watched}
        self._refused = REFUSED.create(self.registry)
        self._store_calls = STORE_CALLS.create(self.registry)
        batches = BATCHES.create(self.registry)
        self._batches = {function: batches.labels(function) for function in ("batch", "beat")}
        self._store_errors = STORE_ERRORS.create(self.registry)
        self._not_restored = NOT_RESTORED.create(self.registry)
        self._sampled = SAMPLED.create(self.registry)
        self._shards = SHARDS.create(self.registry)
        self._unowned_slots = UNOWNED_SLOTS.create(self.registry)
        self._foreign_nodes = FOREIGN_NODES.create(self.registry)
        self._vanished = VANISHED.create(self.registry)
        for outcome in ("lost", "relisted", "undeleted"):
            self._vanished.labels(outcome)  # at 0, so that increase() has the first ones
        self._evicts = EVICTS.create(self.registry)
        self._unlisted = UNLISTED.create(self.registry)
        self._blocked = BLOCKED.create(self.registry)
        ProcessCollector(registry=self.registry)
        self._known_functions: dict[str, Histogram] = {}

    def observe(self, request: RequestRecord) -> None:
        self._requests.observe(request)
        if request.route == PLACE_ROUTE:
            self._observe_placement(request)

    def _observe_placement(self, request: RequestRecord) -> None:
        """The label is only a fleet that has placed a session here: a client may ask for any number of other names."""
        if request.status == HTTPStatus.OK:
            self._placed_fleets.add(request.fleet)
        fleet = request.fleet if request.fleet in self._placed_fleets else NO_FLEET
        outcome = request.problem or (PLACED if request.status else LEFT)
        self._place_requests.labels(fleet, outcome).inc()

    def connection_refused(self, reason: str) -> None:
        """Count a connection refused or closed by the server."""
        self._refused.labels(reason).inc()

    def unlisted_audited(self, found: Sequence[Findings]) -> None:
        """Set the findings of an audit of the keys of no listed fleet; a fleet that was not audited has no series."""
        self._unlisted.clear()
        for one in found:
            if one.not_looked is None:
                self._unlisted.labels(one.fleet).set(one.total)

    def fleet_vanished(self, outcome: str) -> None:
        self._vanished.labels(outcome).inc()

    def shards(self, statuses: Mapping[str, int], unowned_slots: int, foreign_nodes: int) -> None:
        """Set the number of masters by status, of slots without one, and of nodes that are ignored."""
        self._unowned_slots.set(unowned_slots)
        self._foreign_nodes.set(foreign_nodes)
        self._shards.clear()
        for status, count in statuses.items():
            self._shards.labels(status).set(count)

    def eviction(self, found: Eviction | None) -> None:
        """Set whether the store may evict keys; None (unknown): no series."""
        self._evicts.clear()
        if found is not None:
            self._evicts.labels(found.policy).set(found.is_possible)

    def repair_blocked(self, fleet: str, is_blocked: bool | None) -> None:  # noqa: FBT001 - the gauge's value
        """Set whether the automatic repair of a fleet is blocked; None: the fleet is gone, remove its series."""
        if is_blocked is None:
            self._blocked.remove(fleet)
        else:
            self._blocked.labels(fleet).set(is_blocked)

    def watch(self, gauge: GaugeDef, value: Callable[[], float]) -> None:
        """Read one of the gauges of connections, surplus replicas, held leases and the certificate at each scrape."""
        self._watched[gauge].set_function(value)

    def call(self, function: str, seconds: float, operations: int) -> None:
        histogram = self._known_functions.get(function)
        if histogram is None:
            histogram = self._known_functions[function] = self._store_calls.labels(function)
        histogram.observe(seconds)
        if function in self._batches and operations:  # an empty batch is the write check, once a second
            self._batches[function].observe(operations)

    def error(self, kind: str) -> None:
        self._store_errors.labels(kind).inc()

    def not_restored(self, kind: str, reason: str, changes: int) -> None:
        """Count acknowledged changes that are lost."""
        self._not_restored.labels(kind, reason).inc(changes)

    def sampled(self, outcome: str, count: int) -> None:
        self._sampled.labels(outcome).inc(count)
