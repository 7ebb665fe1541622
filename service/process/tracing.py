"""OpenTelemetry spans: one for each request and one for each call of the store, sent over OTLP/HTTP.

They are made when a thing has ended, with the times it took. A call of the store serves many requests, so its span is
nobody's child; the fleet and the clock bring them together.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol, Self

import structlog

from service.requests import RequestRecord
from service.store import StoreObserver

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""OpenTelemetry's own variables: spans are made where one of them is set."""

Attributes = Mapping[str, str | int]

log = structlog.get_logger(__name__)


class Spans(Protocol):
    """Where spans go; `seconds` ago they began."""

    def ended(self, name: str, seconds: float, attributes: Attributes) -> None:
        """A thing has ended now."""

    def close(self) -> None:
        """Send what is left."""


class NoSpans:
    """No spans: nobody asked for them."""

    def ended(self, name: str, seconds: float, attributes: Attributes) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is to be sent."""


class OpenTelemetrySpans:
    """Spans of a tracer provider of OpenTelemetry's SDK."""

    def __init__(self, provider: Any) -> None:  # noqa: ANN401 - the SDK is an extra
        self._provider = provider
        self._tracer = provider.get_tracer("slta")

    @classmethod
    def over_http(cls) -> Self:
        """To the endpoint that the environment names. ImportError without the extra `otel`."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        provider = TracerProvider(resource=Resource.create({"service.name": "slta"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    def ended(self, name: str, seconds: float, attributes: Attributes) -> None:
        """A span from `seconds` ago until now."""
        now = time.time_ns()
        span = self._tracer.start_span(name, start_time=now - round(seconds * 1e9), attributes=dict(attributes))
        span.end(now)

    def close(self) -> None:
        """Send what is left; at most some seconds."""
        self._provider.shutdown()


def open_spans(environment: Mapping[str, str]) -> Spans:
    """Spans as the environment asks for them. Without the libraries a warning: a service without spans is better."""
    if not any(environment.get(name) for name in ENDPOINTS):
        return NoSpans()
    try:
        return OpenTelemetrySpans.over_http()
    except ImportError:
        log.warning("no_tracing", why="spans are asked for, but the libraries are not there: pip install 'slta[otel]'")
        return NoSpans()


def trace_request(spans: Spans, record: RequestRecord) -> None:
    """The span of an answered request; nothing in it is a client's free text."""
    if isinstance(spans, NoSpans):
        return
    attributes: Attributes = {
        "http.request.method": record.method,
        "http.route": record.route or "",
        "http.response.status_code": record.status,
        "slta.fleet": record.fleet,
        "slta.request_id": record.request_id,
    }
    spans.ended(f"{record.method} {record.route or ''}".rstrip(), record.seconds, attributes)


class TracingObserver:
    """A StoreObserver that makes a span of each call and passes everything on."""

    def __init__(self, observer: StoreObserver, spans: Spans) -> None:
        self._observer = observer
        self._spans = spans

    def call(self, function: str, seconds: float, operations: int) -> None:
        """A call came back."""
        self._observer.call(function, seconds, operations)
        self._spans.ended(f"store {function}", seconds, {"db.operation.name": function, "slta.operations": operations})

    def error(self, kind: str) -> None:
        """A call failed."""
        self._observer.error(kind)
