"""Spans of requests and of calls of the store, in the traces of the callers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from redis import Redis

from slta.metrics import Metrics
from slta.models.pools import Heartbeat
from slta.models.request_record import RequestRecord
from slta.runtime.spans import Spans
from slta.store import Store
from tests.api.placements import ask
from tests.api.raw_requests import assign, call, last
from tests.api.served import PATIENT, Served, one_way
from tests.store.fleets import FLEET, TWO_CLASSES, create, spec

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ENDED = RequestRecord("r-1", "POST", "/assign", 503, 0.0, "f", "key-1")


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exported: InMemorySpanExporter) -> Spans:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    return Spans(provider)


@pytest.fixture
async def store(server: str, spans: Spans, exported: InMemorySpanExporter) -> AsyncIterator[Store]:
    opened = Store(PATIENT(server, traces=True), spans.observing(Metrics()))
    await create(opened, spec(*TWO_CLASSES), {"small": 1})
    exported.clear()
    yield opened
    await opened.close()


@pytest.fixture(params=[True, False], ids=["fast path", "ASGI"])
async def here(
    request: pytest.FixtureRequest, server: str, redis: Redis, spans: Spans, exported: InMemorySpanExporter
) -> AsyncIterator[Served]:
    async with one_way(server, redis, fast_path=request.param, spans=spans) as served:
        exported.clear()
        yield served


def sampled(request: bytes, flags: str = "01") -> bytes:
    return last(request).replace(b"\r\n", f"\r\ntraceparent: 00-{TRACE}-{PARENT}-{flags}\r\n".encode(), 1)


@pytest.mark.parametrize(
    ("asked", "name", "function", "status"),
    [
        (assign("s"), "POST /v1/fleets/{fleet}/assign", "batch", 201),
        (ask(), "GET /v1/fleets/{fleet}/place", "batch", 200),
        (call("f/state", method="GET"), "GET /v1/fleets/{fleet}/state", "snapshot", 200),
    ],
    ids=["assign", "place", "state"],
)
async def test_a_request_is_in_the_trace_of_its_caller_and_its_call_of_the_store_in_it(
    asked: bytes, name: str, function: str, status: int, here: Served, exported: InMemorySpanExporter
) -> None:
    await here.say(sampled(asked))
    store, request = exported.get_finished_spans()
    assert (request.name, request.kind, request.attributes["slta.fleet"]) == (name, SpanKind.SERVER, "f")
    assert request.attributes["http.response.status_code"] == status
    assert (f"{request.context.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, PARENT)
    assert (store.name, store.kind) == (f"store {function}", SpanKind.CLIENT)
    assert (store.parent, store.attributes["db.system.name"]) == (request.context, "redis")
    assert request.start_time <= store.start_time <= store.end_time <= request.end_time


@pytest.mark.parametrize("kind", ["assign", "heartbeat"])
async def test_a_call_for_many_requests_has_links(
    store: Store, spans: Spans, exported: InMemorySpanExporter, kind: str
) -> None:
    async def request(id_: str) -> None:
        spans.begin_request("POST", {}, 0.25)
        if kind == "assign":
            await store.sessions.assign(FLEET, id_, None)
        else:
            await store.pools.beat(FLEET, [Heartbeat(id_, "10")])
        spans.end_request(ENDED)

    await asyncio.gather(request("a"), request("b"))
    called, *requests = exported.get_finished_spans()
    assert (called.parent, called.attributes["slta.operations"]) == (None, 2)
    assert [link.context for link in called.links] == [one.context for one in requests]
    assert [(one.parent, one.status.is_ok) for one in requests] == [(None, False)] * 2
    assert "key-1" not in str([one.attributes for one in requests])


async def test_calls_after_a_request_are_untraced(store: Store, spans: Spans, exported: InMemorySpanExporter) -> None:
    spans.begin_request("GET", {}, 0.0)
    later = asyncio.create_task(store.fleets.snapshot(FLEET))
    spans.end_request(ENDED)
    await later
    assert exported.get_finished_spans()[-1].parent is None


async def test_what_the_caller_does_not_sample_is_not_recorded(here: Served, exported: InMemorySpanExporter) -> None:
    await here.say(sampled(assign("s"), flags="00"))
    assert not exported.get_finished_spans()
