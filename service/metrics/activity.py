"""What this process did: its requests, and its calls of the store."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from service.requests import RequestRecord

PREFIX = "slta"
REQUEST_SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
STORE_SECONDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
OPERATIONS = (1, 2, 4, 8, 16, 32, 64, 128)
NO_ROUTE = "none"
STATUS_CLASSES = ("left", "1xx", "2xx", "3xx", "4xx", "5xx")
"""`left`: the client was gone before the answer."""


class ProcessMetrics:
    """Counters and histograms in a registry of their own. Labels come from fixed sets only."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            f"{PREFIX}_request_duration_seconds",
            "Time from a request's arrival in the application to the end of its answer.",
            ("route", "status"),
            registry=self.registry,
            buckets=REQUEST_SECONDS,
        )
        self._store_calls = Histogram(
            f"{PREFIX}_store_duration_seconds",
            "Time of a call of a function of the store, network included.",
            ("function",),
            registry=self.registry,
            buckets=STORE_SECONDS,
        )
        self._batches = Histogram(
            f"{PREFIX}_batch_size",
            "Operations in one call of the function batch.",
            registry=self.registry,
            buckets=OPERATIONS,
        )
        self._store_errors = Counter(
            f"{PREFIX}_store_errors", "Calls of the store that failed.", ("kind",), registry=self.registry
        )
        ProcessCollector(registry=self.registry)
        self._known_requests: dict[tuple[str | None, int], Histogram] = {}
        self._known_functions: dict[str, Histogram] = {}

    def observe(self, request: RequestRecord) -> None:
        """Count an answered request."""
        key = (request.route, request.status // 100)
        histogram = self._known_requests.get(key)
        if histogram is None:
            histogram = self._requests.labels(request.route or NO_ROUTE, STATUS_CLASSES[request.status // 100])
            self._known_requests[key] = histogram
        histogram.observe(request.seconds)

    def call(self, function: str, seconds: float, operations: int) -> None:
        """Count a call of the store."""
        histogram = self._known_functions.get(function)
        if histogram is None:
            histogram = self._known_functions[function] = self._store_calls.labels(function)
        histogram.observe(seconds)
        if function == "batch":
            self._batches.observe(operations)

    def error(self, kind: str) -> None:
        """Count a call of the store that failed."""
        self._store_errors.labels(kind).inc()
