"""OpenTelemetry spans of requests and of store calls, in the traces of the callers. Requires the extra `otel`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from slta.models.request_record import RequestRecord
from slta.store import CALLERS, StoreObserver

PROPAGATOR = TraceContextTextMapPropagator()


class Spans:
    """Records spans with a tracer provider, whose sampler decides which."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("slta")

    @classmethod
    def over_http(cls) -> Self:
        """Export over OTLP/HTTP, as OpenTelemetry's variables say."""
        name = os.environ.get("OTEL_SERVICE_NAME", "slta")
        provider = TracerProvider(resource=Resource.create({"service.name": name}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    def begin_request(self, method: str, headers: Mapping[bytes, bytes], seconds: float) -> None:
        """Begin the span of this task's request, which arrived `seconds` ago; its parent is that of `traceparent`."""
        named = {name: headers.get(name.encode(), b"").decode("latin-1") for name in PROPAGATOR.fields}
        parent = PROPAGATOR.extract(named, Context())
        attributes, began = {"http.request.method": method}, time.time_ns() - round(seconds * 1e9)
        span = self._tracer.start_span(method, parent, SpanKind.SERVER, attributes, start_time=began)
        CALLERS.set([span])

    def end_request(self, request: RequestRecord) -> None:
        """End the span of this task's request; no attribute contains free text of the client."""
        callers = CALLERS.get()
        span = callers[0]
        span.update_name(f"{request.method} {request.route or ''}".rstrip())
        span.set_attributes(
            {
                "http.route": request.route or "",
                "http.response.status_code": request.status,
                "slta.fleet": request.fleet,
                "slta.request_id": request.request_id,
            }
        )
        if request.status >= 500:
            span.set_status(StatusCode.ERROR)
        span.end()
        callers.clear()  # tasks that the request has started go on without it

    def observing(self, observer: StoreObserver) -> TracingObserver:
        """An observer that also records the calls."""
        return TracingObserver(observer, self._tracer)

    def close(self) -> None:
        """Flush pending spans, for at most a few seconds."""
        self._provider.shutdown()


class TracingObserver:
    """StoreObserver that records a span for each call and forwards to another observer."""

    def __init__(self, observer: StoreObserver, tracer: Tracer) -> None:
        self._observer = observer
        self._tracer = tracer
        self.error, self.not_restored, self.sampled = observer.error, observer.not_restored, observer.sampled

    def call(self, function: str, seconds: float, operations: int) -> None:
        """Record a call that has just ended: the child of its only caller, or with links to several."""
        self._observer.call(function, seconds, operations)
        callers, now = CALLERS.get([]), time.time_ns()
        parent = set_span_in_context(callers[0], Context()) if len(callers) == 1 else Context()
        links = [Link(span.get_span_context()) for span in callers] if len(callers) > 1 else ()
        attributes = {"db.system.name": "redis", "db.operation.name": function}
        began = now - round(seconds * 1e9)
        span = self._tracer.start_span(f"store {function}", parent, SpanKind.CLIENT, attributes, links, began)
        span.set_attribute("slta.operations", operations)
        span.end(now)
