"""Each state of a connection has an end, whatever its client does or leaves. No sockets: the protocol alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn

from slta.runtime.bootstrap import connection_limits
from slta.runtime.settings import Settings
from slta.server import protocol as protocol_module
from slta.server.connection_limits import MAX_PER_ITERATION, ConnectionLimits
from slta.server.server import Server
from tests.server.wire import Wire, configuration, connected, quiet

HEAD, KEEP_ALIVE, STALLED, REQUEST = 1000, 2000, 3000, 4000
GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol_module, "STALLED_SECONDS", STALLED)
    monkeypatch.setattr(protocol_module, "REQUEST_SECONDS", REQUEST)


def limits() -> ConnectionLimits:
    return ConnectionLimits(
        max_connections=200, idle_timeout_seconds=KEEP_ALIVE, header_timeout_seconds=HEAD, refused=REFUSED.append
    )


REFUSED: list[str] = []


async def at_once(scope: Any, receive: Any, send: Any) -> None:
    """Answers without having read the body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b"x"})


async def begins(scope: Any, receive: Any, send: Any) -> None:
    """A stream."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    await asyncio.Event().wait()


async def hangs(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


STATES = {
    "nothing has come": (b"", hangs, HEAD),
    "empty lines have come": (b"\r\n\r\n", hangs, HEAD),
    "a head is open": (b"GET", hangs, HEAD),
    "an empty line has come, and a head is open": (b"\r\nG", hangs, HEAD),
    "a body is open": (POST + b"\r\nab", hangs, REQUEST),
    "chunks are open": (CHUNKED + b"1\r\na\r\n0\r\n\r", hangs, REQUEST),
    "it waits for leave to send its body": (POST + b"Expect: 100-continue\r\n\r\n", hangs, REQUEST),
    "it is answered soon, and more has come": (GET + GET, hangs, REQUEST),
    "its answer has begun": (GET, begins, REQUEST),
    "it was answered": (GET, at_once, KEEP_ALIVE),
    "it was answered, and a head is open": (GET + b"GET", at_once, HEAD),
    "it was answered before its body had come": (POST + b"\r\nab", at_once, STALLED),
    "it was answered before its chunks had come": (CHUNKED + b"1\r\na\r\n", at_once, STALLED),
    "it was refused": (b"\x16", hangs, STALLED),
    "it was refused in its body": (CHUNKED + b"x\r\n", hangs, STALLED),
    "it asked for an end": (GET[:-2] + b"Connection: close\r\n\r\n", at_once, STALLED),
    "it asked for an upgrade": (GET[:-2] + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", hangs, REQUEST),
}


async def in_state(name: str) -> tuple[Wire, Any]:
    sent, app, _ = STATES[name]
    wire = connected(limits(), config=configuration(app))
    wire.arrive(sent)
    await quiet()
    return wire, wire.protocol


def patience(protocol: Any) -> int:
    """Seconds until it ends, to the next thousand."""
    return int(round(protocol.deadline - protocol._loop.time(), -3))


async def leave(protocol: Any) -> None:
    protocol.connection_lost(None)
    tasks = tuple(protocol.state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("name", STATES)
async def test_each_state_has_its_deadline(name: str) -> None:
    _, protocol = await in_state(name)
    assert patience(protocol) == STATES[name][2]
    await leave(protocol)


@pytest.mark.parametrize("name", [name for name in STATES if name != "its answer has begun"])
async def test_each_state_ends_at_its_deadline(name: str) -> None:
    wire, protocol = await in_state(name)
    for _ in range(2):  # where it ends with an answer, the next one is that of the end
        protocol.deadline = 0
        protocol.on_timeout()
    assert wire.is_closing()
    assert wire.written.count(b"HTTP/1.1 408 ") == name.endswith("a head is open")
    await leave(protocol)


async def test_nothing_ends_before_its_deadline() -> None:
    for name in STATES:
        wire, protocol = await in_state(name)
        ended = wire.is_closing()
        protocol.on_timeout()
        assert wire.is_closing() == ended, name
        await leave(protocol)


async def test_an_answer_that_does_not_begin_is_given_up_and_counted() -> None:
    REFUSED.clear()
    wire, protocol = await in_state("it is answered soon, and more has come")
    protocol.deadline = 0
    protocol.on_timeout()
    assert (REFUSED, wire.written) == (["unanswered"], b"")
    await leave(protocol)


def test_the_settings_are_those_of_the_limits() -> None:
    made = connection_limits(Settings(auth=False, header_timeout_seconds=HEAD, idle_timeout_seconds=KEEP_ALIVE))
    assert (made.header_timeout_seconds, made.idle_timeout_seconds) == (HEAD, KEEP_ALIVE)


async def test_a_stream_goes_on_until_its_client_stops_reading() -> None:
    wire, protocol = await in_state("its answer has begun")
    protocol.deadline = 0
    protocol.on_timeout()
    assert (wire.is_closing(), patience(protocol)) == (False, REQUEST)
    protocol.pause_writing()
    assert patience(protocol) == STALLED
    await leave(protocol)


async def test_an_answer_that_is_not_read_has_its_own_deadline_though_it_is_whole() -> None:
    _, protocol = await in_state("it was answered")
    protocol.pause_writing()
    protocol.on_response_complete()
    assert patience(protocol) == STALLED
    protocol.resume_writing()
    assert patience(protocol) == KEEP_ALIVE
    await leave(protocol)


async def test_where_a_client_sends_nothing_more_its_connection_ends_soon() -> None:
    _, protocol = await in_state("it is answered soon, and more has come")
    protocol.eof_received()
    assert patience(protocol) == STALLED
    await leave(protocol)


async def test_drops_of_a_head_do_not_move_its_deadline() -> None:
    wire, protocol = await in_state("a head is open")
    protocol.deadline -= 1
    before = protocol.deadline
    wire.arrive(b" /")
    assert protocol.deadline == before
    await leave(protocol)


async def test_when_many_are_due_they_end_a_few_in_a_turn() -> None:
    kept = limits()
    wires = [connected(kept) for _ in range(2 * MAX_PER_ITERATION)]
    kept.close_expired([wire.protocol for wire in wires], wires[0].protocol._loop.time() + 2 * HEAD)
    for wire in wires:
        wire.protocol.deadline = 0
    await asyncio.sleep(0)
    assert sum(wire.is_closing() for wire in wires) == MAX_PER_ITERATION
    await quiet()
    assert [wire for wire in wires if not wire.is_closing()] == []


def test_uvicorn_has_the_methods_that_the_server_overrides_and_no_other_of_their_names() -> None:
    overridden = [name for name in vars(Server) if name[0] != "_" and hasattr(uvicorn.Server, name)]
    assert overridden == ["capture_signals", "startup", "on_tick"]
