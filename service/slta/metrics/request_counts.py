"""Counts of requests in plain numbers: a sixth of the work of counters of prometheus_client, which collects them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from slta.metrics.definitions import CounterDef, HistogramDef, Labels
from slta.models.request_record import RequestRecord

REQUESTS = HistogramDef(
    "http_server_request_duration_seconds",
    "Request duration, from its arrival in the application to the end of the response.",
    ("http_request_method", "http_route", "http_response_status_code", "error_type"),
    (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
KEY_REQUESTS = CounterDef("key_requests", "Requests by key and status code.", ("key_id", "http_response_status_code"))
BOUNDS = [*map(floatToGoString, (*REQUESTS.buckets, float("inf")))]
NO_KEY = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "_OTHER"
LEFT = "left"
"""Error of a request whose client disconnected before the response."""

Key = tuple[str, str | None, int, str, str]
"""Method, route, status, key id and problem: values of fixed sets, and of the key file."""


class RequestCounts(Collector):
    """Requests by bucket of their duration; the last number of a key is the sum of the durations in seconds."""

    def __init__(self) -> None:
        self._counts: dict[Key, list[float]] = {}

    def observe(self, request: RequestRecord) -> None:
        """Count a finished request."""
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
