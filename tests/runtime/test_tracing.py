"""A dispatcher traces where the environment names an endpoint."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from structlog.testing import capture_logs

from slta.runtime.bootstrap import ENDPOINTS, open_spans
from testbed.service_process import serving


@pytest.mark.slow
def test_a_dispatcher_exports_its_spans(tmp_path: Path, options: list[str]) -> None:
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        Thread(target=collector.serve_forever).start()
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        with serving(tmp_path, *options, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as (_, client):
            client.post("/v1/fleets/f/assign", json={"session_id": "s"})
        collector.shutdown()
    exported = [
        span
        for body in received
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    (request,) = (span for span in exported if span.name == "POST /v1/fleets/{fleet}/assign")
    assert [span.name for span in exported if span.parent_span_id == request.span_id] == ["store batch"]


def test_without_an_endpoint_there_are_no_spans() -> None:
    assert open_spans({}) is None


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_missing_extra_says_how_to_install_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "slta.runtime.spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with capture_logs() as logs:
        spans = open_spans({name: "http://127.0.0.1:4318"})
    assert spans is None, "the service goes on without"
    (entry,) = logs
    assert (entry["event"], entry["log_level"]) == ("no_tracing", "warning")
    assert "slta[otel]" in entry["why"]
