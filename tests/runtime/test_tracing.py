"""A span for each request and for each call of the store, where the environment asks for them."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from slta.metrics import Metrics
from slta.models.request_record import RequestRecord
from slta.runtime.tracing import ENDPOINTS, NoSpans, OpenTelemetrySpans, TracingObserver, open_spans
from slta.runtime.tracing import trace_request as trace


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exported: InMemorySpanExporter) -> OpenTelemetrySpans:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    return OpenTelemetrySpans(provider)


def test_a_request_is_a_span_of_its_route_and_its_duration(
    spans: OpenTelemetrySpans, exported: InMemorySpanExporter
) -> None:
    trace(spans, RequestRecord("r-1", "POST", "/v1/fleets/{fleet}/assign", 201, 0.25, "f", "key-1"))
    (span,) = exported.get_finished_spans()
    assert span.name == "POST /v1/fleets/{fleet}/assign"
    assert span.end_time - span.start_time == 250_000_000
    assert span.attributes["http.response.status_code"] == 201
    assert span.attributes["slta.request_id"] == "r-1"
    assert "key-1" not in str(span.attributes)


def test_a_call_of_the_store_is_a_span_with_its_operations_and_still_counted(
    spans: OpenTelemetrySpans, exported: InMemorySpanExporter
) -> None:
    heard: list[object] = []

    class Listening:
        def call(self, *told: object) -> None:
            heard.append(told)

        def error(self, kind: str) -> None:
            heard.append(kind)

        def not_replayed(self, *told: object) -> None:
            heard.append(told)

    traced = TracingObserver(Listening(), spans)
    traced.call("batch", 0.001, 7)
    traced.error("timeout")
    (span,) = exported.get_finished_spans()
    assert (span.name, span.attributes["slta.operations"]) == ("store batch", 7)
    assert heard == [("batch", 0.001, 7), "timeout"]


def test_without_an_endpoint_there_are_no_spans() -> None:
    spans = open_spans({})
    assert isinstance(spans, NoSpans)
    TracingObserver(Metrics(), spans).call("batch", 0.001, 1)
    spans.close()


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_missing_extra_says_how_to_install_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with capture_logs() as logs:
        spans = open_spans({name: "http://127.0.0.1:4318"})
    assert isinstance(spans, NoSpans), "the service goes on without"
    (entry,) = logs
    assert (entry["event"], entry["log_level"]) == ("no_tracing", "warning")
    assert "slta[otel]" in entry["why"]
