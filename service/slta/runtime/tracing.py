"""OpenTelemetry spans of requests and store calls, exported over OTLP/HTTP.

A span is created when its operation has ended, with start and end time. A store call serves many requests, so its span
has no parent; correlate by fleet and time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Self

import structlog

from slta.models.request_record import RequestRecord
from slta.store import StoreObserver

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's standard variables; tracing is on if one is set."""

Attributes = Mapping[str, str | int]

log = structlog.get_logger(__name__)


class NoSpans:
    """Discards spans: tracing is off."""

    def record(self, name: str, seconds: float, attributes: Attributes) -> None:
        """Discard the span."""

    def close(self) -> None:
        """Do nothing."""


class OpenTelemetrySpans:
    """Records spans with a tracer provider of OpenTelemetry's SDK."""

    def __init__(self, provider: Any) -> None:  # noqa: ANN401 - the SDK is an extra
        self._provider = provider
        self._tracer = provider.get_tracer("slta")

    @classmethod
    def over_http(cls) -> Self:
        """Export to the endpoint in the environment. ImportError without the extra `otel`."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        provider = TracerProvider(resource=Resource.create({"service.name": "slta"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    def record(self, name: str, seconds: float, attributes: Attributes) -> None:
        """Record a span from `seconds` ago until now."""
        now = time.time_ns()
        span = self._tracer.start_span(name, start_time=now - round(seconds * 1e9), attributes=dict(attributes))
        span.end(now)

    def close(self) -> None:
        """Flush pending spans, for at most a few seconds."""
        self._provider.shutdown()


Spans = NoSpans | OpenTelemetrySpans


def open_spans(environment: Mapping[str, str]) -> Spans:
    """Recorder for the environment. Missing libraries are a warning, not an error, and turn tracing off."""
    if not any(environment.get(name) for name in ENDPOINTS):
        return NoSpans()
    try:
        return OpenTelemetrySpans.over_http()
    except ImportError:
        log.warning(
            "no_tracing", why="an OTLP endpoint is set, but OpenTelemetry is not installed: pip install 'slta[otel]'"
        )
        return NoSpans()


def trace_request(spans: Spans, request: RequestRecord) -> None:
    """Record the span of a finished request; no attribute contains free text of the client."""
    if isinstance(spans, NoSpans):
        return
    attributes: Attributes = {
        "http.request.method": request.method,
        "http.route": request.route or "",
        "http.response.status_code": request.status,
        "slta.fleet": request.fleet,
        "slta.request_id": request.request_id,
    }
    spans.record(f"{request.method} {request.route or ''}".rstrip(), request.seconds, attributes)


class TracingObserver:
    """StoreObserver that records a span for each call and forwards to another observer."""

    def __init__(self, observer: StoreObserver, spans: Spans) -> None:
        self._observer = observer
        self._spans = spans

    def call(self, function: str, seconds: float, operations: int) -> None:
        """Record a completed call."""
        self._observer.call(function, seconds, operations)
        self._spans.record(f"store {function}", seconds, {"db.operation.name": function, "slta.operations": operations})

    def error(self, kind: str) -> None:
        """Record a failed call."""
        self._observer.error(kind)

    def not_replayed(self, reason: str, changes: int) -> None:
        """Record changes that could not be put back."""
        self._observer.not_replayed(reason, changes)
