"""What a connection may take before anybody knows whose it is. A real server, and clients that misbehave."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import repeat
from typing import Any

import pytest

from slta.api.app import build_api
from slta.api.http.route_options import COMMON
from slta.auth.keys import Access
from slta.server import connection_limits, framing, protocol, request_head
from tests.api.conftest import no_metrics
from tests.api.served import Served, served

PATIENCE = 30.0
"""Seconds after which a test gives up."""
ASKED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = ASKED + b"\r\n"
LAST = ASKED + b"Connection: close\r\n\r\n"


@asynccontextmanager
async def edge(access: Access | None = None, **settings: Any) -> AsyncIterator[Served]:
    """A server that has no store: nothing here comes so far."""
    app = build_api(store=None, access=access or Access({}), render_metrics=no_metrics)
    async with served(app, **settings) as here:
        yield here


async def pour(here: Served, *pieces: bytes, endless: bytes = b"") -> bytes:
    """What the server says to one who says the pieces, then 4 MB of the endless one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    hearing = asyncio.create_task(reader.read())
    for piece in (*pieces, *repeat(endless, 4_000_000 // len(endless) if endless else 0)):
        writer.write(piece)
        await writer.drain()
    said = await asyncio.wait_for(hearing, PATIENCE)
    writer.transport.abort()
    return said


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes a connection kept unparsed after each reading, the largest so far."""
    most = [0]
    data_received = protocol.HttpProtocol.data_received

    def noted(self: protocol.HttpProtocol, data: bytes) -> None:
        data_received(self, data)
        most[0] = max(most[0], len(self._buffer))

    monkeypatch.setattr(protocol.HttpProtocol, "data_received", noted)
    return most


def codes(said: bytes) -> list[tuple[int, str]]:
    """Status and code of each problem that was said."""
    bodies = (json.loads(body) for body in re.findall(rb"\r\n\r\n(\{.*?\})(?=HTTP/1.1|\Z)", said, re.DOTALL))
    return [(body["status"], body["code"]) for body in bodies if "code" in body]


ENDLESS = {
    "a request line": (b"GET /", b"a" * 1024, [(414, "uri_too_long")]),
    "header lines": (ASKED, b"X:\r\n" * 200, [(431, "headers_too_large")]),
    "long headers": (ASKED, b"X: %s\r\n" % (b"a" * 8000), [(431, "headers_too_large")]),
    "a header's name": (ASKED, b"a" * 1024, [(431, "headers_too_large")]),
    "a header's value": (ASKED + b"X: ", b"a" * 1024, [(431, "headers_too_large")]),
}


@pytest.mark.parametrize("what", ENDLESS)
async def test_a_head_without_end_is_refused_as_soon_as_it_is_too_large(what: str, held: list[int]) -> None:
    begin, endless, expected = ENDLESS[what]
    async with edge() as here:
        said = await pour(here, begin, endless=endless)
    assert codes(said) == expected
    assert b"connection: close" in said.lower()
    assert held[0] < COMMON.max_line + request_head.MAX_HEADER_BYTES


CHUNKED = b"POST /v1/fleets/f/pools HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("begin", [b"5;", b"0\r\nX: "], ids=["chunk extension", "trailer"])
async def test_what_stands_around_chunks_has_an_end(begin: bytes) -> None:
    async with edge() as here:
        said = await pour(here, CHUNKED + begin, endless=b"a" * 4096)
    assert codes(said)[-1] == (431, "headers_too_large"), "and perhaps 401 before that"


async def test_trailers_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    on_message_complete = framing.RequestReader.on_message_complete

    def noted(self: framing.RequestReader) -> None:
        kept.append(len(self._headers))
        on_message_complete(self)

    monkeypatch.setattr(framing.RequestReader, "on_message_complete", noted)
    async with edge() as here:
        await pour(here, CHUNKED + b"0\r\n" + b"X: y\r\n" * 1000 + b"\r\n" + LAST)
    assert kept == [2, 2], "those of their heads are"


async def test_a_large_head_that_is_within_the_limits_is_taken() -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (k, b"a" * 150) for k in range(98))
    async with edge() as here:
        said = await pour(
            here,
            b"GET /healthz?%s HTTP/1.1\r\nHost: localhost\r\n" % (b"a" * 8000),
            lines,
            b"Connection: close\r\n\r\n",
        )
        one_more = await pour(here, ASKED + b"X: y\r\n" * 100 + b"\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert codes(one_more) == [(431, "headers_too_large")]


@pytest.mark.parametrize("endless", [WHOLE, b"POST /v1/fleets/f/assign HTTP/1.1\r\nHost: localhost\r\n\r\n"])
async def test_who_reads_no_answers_is_soon_read_no_more_and_then_answered_in_order(
    endless: bytes, held: list[int]
) -> None:
    """The kernel keeps some 4 MiB of answers and the requests of one small buffer; the server keeps hardly anything."""
    async with edge() as here:
        _, writer = await asyncio.open_connection("127.0.0.1", here.port, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(endless * (40_000_000 // len(endless)))
        left = -1
        while left != writer.transport.get_write_buffer_size():
            left = writer.transport.get_write_buffer_size()
            await asyncio.sleep(0.5)
        assert left > 20_000_000, "most of it is not taken"
        assert held[0] <= 2 * 65_536
        writer.transport.abort()
        said = await pour(here, WHOLE * 50 + LAST)
    assert said.count(b"HTTP/1.1 200 OK") == 51


async def test_a_body_that_nobody_waits_for_is_read_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALLED_SECONDS", 0.0)
    async with edge() as here:
        head = WHOLE[:-2] + b"Content-Length: 1000000\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(head)
        assert (await asyncio.wait_for(reader.read(), PATIENCE)).count(b"HTTP/1.1 413 ") == 1
        writer.transport.abort()


async def connect(here: Served, source: str, said: bytes = WHOLE) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection from that address, which has said something and was answered, if that was a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port, local_addr=(source, 0))
    writer.write(said)
    if said == WHOLE:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await reader.readexactly(15)
    return reader, writer


async def ended(*connections: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> list[int]:
    """Which of them the server has ended when it has answered the last one anew."""
    connections[-1][1].write(WHOLE)
    async with asyncio.timeout(PATIENCE):
        await connections[-1][0].readuntil(b"}")
    gone = [k for k, (reader, _) in enumerate(connections) if reader.at_eof()]
    for _, writer in connections:
        writer.close()
    return gone


async def test_a_trusted_proxy_gets_all_places_and_its_connections_end_last() -> None:
    async with edge(max_connections=4, trusted_proxies="127.0.0.2") as here:
        trusted = [await connect(here, "127.0.0.2") for _ in range(3)]
        others = [await connect(here, f"127.0.0.{k}") for k in range(3, 6)]
        assert await ended(*trusted, *others) == [3, 4]


async def test_where_all_work_a_probe_is_answered_and_another_request_is_refused() -> None:
    open_body = b"PUT /v1/fleets/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"
    async with edge(Access.open(), max_connections=2) as here:
        working = [await connect(here, f"127.0.0.{k}", open_body) for k in (2, 3)]
        async with asyncio.timeout(PATIENCE):
            while codes(refused := await pour(here, LAST.replace(b"/healthz", b"/v1/fleets"))) != [
                (503, "too_many_connections")
            ]:
                pass
        assert b"retry-after: 1" in refused
        assert b"HTTP/1.1 200 OK" in await pour(here, LAST)
        for _, writer in working:
            writer.transport.abort()


REFUSED = {
    "an escaped slash": (b"GET /v1/fleets/a%2Fstate HTTP/1.1\r\nHost: localhost\r\n", (400, "escaped_slash")),
    "the same in small": (b"GET /v1/fleets/a%2fstate HTTP/1.1\r\nHost: localhost\r\n", (400, "escaped_slash")),
    "an absolute target": (b"GET http://evil/v1/fleets HTTP/1.1\r\nHost: localhost\r\n", (400, "invalid_host")),
    "one without Host": (b"GET http://localhost/v1/fleets HTTP/1.1\r\n", (400, "invalid_host")),
    "two keys": (
        b"GET /v1/fleets HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n",
        (400, "repeated_authorization"),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_a_proxy_could_read_otherwise_is_refused(what: str) -> None:
    head, expected = REFUSED[what]
    async with edge() as here:
        said = await pour(here, head + b"Connection: close\r\n\r\n")
    assert codes(said) == [expected]


async def test_an_absolute_target_that_names_the_host_is_taken() -> None:
    async with edge() as here:
        said = await pour(here, b"GET http://localhost/v1/fleets HTTP/1.1\r\n", LAST.partition(b"\r\n")[2])
    assert codes(said) == [(401, "unauthenticated")]


async def test_a_trailer_is_no_header() -> None:
    trailer = b"0\r\nHost: evil\r\nAuthorization: Bearer x\r\n\r\n"
    async with edge() as here:
        said = await pour(here, CHUNKED + trailer, LAST)
    assert codes(said) == [(401, "unauthenticated")]
    assert said.count(b"HTTP/1.1 200 OK") == 1, "and the next request stands where it should"


@pytest.mark.parametrize("kept", [1, 2, 3])
async def test_a_request_behind_a_body_whose_end_arrives_in_two_readings_is_answered(kept: int) -> None:
    """One reading is one piece of the parser's, or several of so many bytes."""
    size = framing.CHUNK_PIECE - len(b"fff\r\n" + b"\r\n0\r\n\r\n") + kept
    async with edge() as here:
        said = await pour(here, CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"a" * size) + LAST)
    assert re.findall(rb"HTTP/1.1 (\d+)", said) == [b"401", b"200"]


def test_the_most_connections_leave_room_for_what_the_process_itself_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, possible in ((1024, 896), (64, 1)):
        monkeypatch.setattr("slta.server.connection_limits.resource.getrlimit", lambda _, files=files: (files, files))
        assert connection_limits.possible_connections() == possible
