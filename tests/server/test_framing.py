"""Requests are told apart however their bytes are cut, valid ones and others. No sockets: the protocol alone."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import uvicorn

from slta.api.app import build_api, fast_path_of
from slta.api.http.route_options import RouteRules
from slta.auth.keys import Access
from slta.auth.rate_limit import Rate
from slta.server import framing, request_head
from tests.api.conftest import no_metrics
from tests.server.wire import configuration, connected, play

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
LENGTH = b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n\r\n\r\nx"
POST = b"POST /c?d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = POST + b"4\r\n\r\n\r\n\r\n3;a=b\r\nab\r\r\n0\r\n"
UPGRADE = b"\r\nConnection: Upgrade\r\nUPGRADE: h2c"
HALVES = b"\r\r\nUpgrade: x\n"
LAST = b"GET /e HTTP/1.1\r\nConnection: close\r\n\r\n"

PIPELINES = {
    "chunks": (GET + CHUNKS + b"\r\n" + GET, [200, 200, 200]),
    "chunks twice": (CHUNKS + b"\r\n" + CHUNKS + b"\r\n" + LAST + GET, [200, 200, 200]),
    "trailers": (CHUNKS + b"T: u\r\nV: w\r\n\r\n" + GET + LENGTH, [200, 200, 200]),
    "trailers like headers": (CHUNKS + b"Connection: close\r\nHost: x\r\n\r\n" + GET, [200, 200]),
    "lengths": (LENGTH + LENGTH + GET, [200, 200, 200]),
    "empty lines": (b"\r\n" + GET + b"\r\n\r\n" + LENGTH + b"\r\n" + GET, [200, 200, 200]),
    "continue": (GET[:-2] + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab" + GET, [100, 200, 200]),
    "absolute target": (b"GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n" + GET, [200, 200]),
    "absolute target without a path": (b"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n" + GET, [200, 200]),
    "HTTP/1.0": (b"GET /a HTTP/1.0\r\n\r\n" + GET, [200]),
    "upgrade": (LENGTH[:-9].replace(b": 5", b": 35") + UPGRADE + b"\r\n\r\n" + UPGRADE + GET, [200, 200]),
    "upgrade without return": (GET[:-2] + b"Upgrade: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET, [400]),
    "upgrade in halves of a line end": (GET[:-2] + b"X: y" + HALVES + b"Content-Length: 1\r\n\r\nx" + GET, [400]),
    "fold behind upgrade": (GET[:-2] + b"X: y\r\nUpgrade: x\r\n z\r\n\r\n" + GET, [400]),
    "open head": (GET + LENGTH + b"GET /", [200, 200]),
    "open body": (GET + CHUNKS, [200]),
    "empty line without return": (GET + b"\n" + GET, [200, 400]),
    "empty line of returns": (LENGTH + b"\r\r\r\n" + GET, [200, 400]),
    "lines without return": (GET + b"GET /a HTTP/1.1\nHost: h\n\n" + GET, [200, 400]),
    "trailers without return": (GET + CHUNKS + b"T: u\n\r\n" + GET, [200, 400]),
    "end without return": (CHUNKS + b"\n\r\n" + GET, [400]),
    "return twice": (CHUNKS + b"\r\r\n\r\n" + GET, [400]),
    "bad size": (GET + POST + b"x\r\n\r\n" + GET, [200, 400]),
    "size without data": (POST + b"2\r\nabc\r\n0\r\n\r\n" + GET, [400]),
    "two framings": (GET + POST[:-2] + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + GET, [200, 400]),
    "two lengths": (LENGTH[:-9] + b"\r\nContent-Length: 6\r\n\r\nabcdef" + GET, [400]),
    "two types": (
        GET + GET[:-2] + b"Content-Type: text/plain\r\nContent-type: application/json\r\n\r\n" + GET,
        [200, 400],
    ),
    "no length": (GET + b"POST /b HTTP/1.1\r\nContent-Length: -1\r\n\r\n" + GET, [200, 400]),
    "no header": (GET + b"GET /a HTTP/1.1\r\nHost h\r\n\r\n" + GET, [200, 400]),
    "no method": (LENGTH + b"G\x00T /a HTTP/1.1\r\n\r\n" + GET, [200, 400]),
    "two blanks": (GET + GET.replace(b" /", b"  /"), [200, 400]),
    "two blanks before the version": (GET + GET.replace(b" HTTP", b"  HTTP"), [200, 400]),
    "a fragment": (GET + GET.replace(b"/a", b"/a#b"), [200, 400]),
    "no letter": (b"\x16\x03\x01\x02\x00\x01" + GET, [400]),
    "no path": (POST.replace(b"/c?d", b"c:d") + b"0\r\n\r\n" + GET, [400]),
    "a tunnel": (GET + b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde" + GET, [200, 400]),
    "no version": (GET + b"GET /a\r\n\r\n" + GET, [200, 400]),
    "another protocol": (b"SOURCE /a ICE/1.0\r\n\r\n" + GET, [400]),
    "HTTP/0.9": (GET + b"GET /a HTTP/0.9\r\n\r\n" + GET, [200, 505]),
    "HTTP/2.0": (LENGTH + b"GET /a HTTP/2.0\r\nHost: h\r\n\r\n" + GET, [200, 505]),
    "HTTP/2.0 behind a body": (LENGTH + b'{"a":1}GET /a HTTP/2.0\r\n\r\n' + GET, [200, 505]),
    "HTTP/2 with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(20), [505]),
    "HTTP/3": (b"GET /a HTTP/3\r\nHost: h\r\n\r\n" + GET, [505]),
    "another coding": (GET + POST.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n" + GET, [200, 501]),
    "another coding in its line": (POST.replace(b"chunked", b"gzip\r\nTransfer-Encoding: Chunked") + GET, [501]),
    "another coding at the end": (GET + POST.replace(b"chunked", b"gzip") + b"0\r\n\r\n" + GET, [200, 400]),
    "another coding that is no coding": (POST.replace(b"chunked", b"? chunked") + b"0\r\n\r\n" + GET, [400]),
    "chunked twice": (POST.replace(b"chunked", b"chunked, chunked") + b"0\r\n\r\n" + GET, [400]),
    "chunked behind nothing": (POST.replace(b"chunked", b", Chunked") + b"0\r\n\r\n" + GET, [400]),
}


TOO_LARGE = {
    "line": (GET + b"GET /%s HTTP/1.1\r\n\r\n" % (b"a" * 50) + GET, [200, 414]),
    "headers": (GET + b"GET /a HTTP/1.1\r\nA: %s\r\n\r\n" % (b"a" * 50) + GET, [200, 431]),
    "header lines": (GET + b"GET /a HTTP/1.1\r\n" + b"A:\r\n" * 5 + b"\r\n" + GET, [200, 431]),
    "chunk extension": (GET + POST + b"1;a=%s\r\na\r\n0\r\n\r\n" % (b"a" * 80) + GET, [200, 431]),
    "trailers": (GET + CHUNKS + b"T: %s\r\n\r\n" % (b"a" * 80) + GET, [200, 431]),
    "no letter": (b"\x16" + bytes(80), [400]),
}
"""Where limits are as small as here."""
ASSIGN = b"POST /v1/fleets/f/assign HTTP/1.1\r\nHost: localhost\r\n"
HOT = b"".join(
    [
        ASSIGN + b"\r\n",
        ASSIGN + b"Content-Length: 5\r\n\r\n\r\n\r\nx",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ASSIGN + CHUNKS.partition(b"h\r\n")[2] + b"T: u\r\n\r\n",
        ASSIGN + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
    ]
)


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", said)]


def alike(said: bytes) -> bytes:
    return re.sub(rb"(x-request-id): .*?\r\n|\"request_id\": \"\w+\"", b"", said)


async def whole(name: str) -> bytes:
    return alike(await play([PIPELINES[name][0]], waits=True))


def in_two(data: bytes) -> Iterator[tuple[bytes, ...]]:
    yield from ((data[:cut], data[cut:]) for cut in range(1, len(data)))


def in_three(data: bytes, first: int, second: int) -> tuple[bytes, ...]:
    return data[:first], data[first:second], data[second:]


@pytest.mark.parametrize("name", PIPELINES)
async def test_each_request_is_answered_as_it_should_be(name: str) -> None:
    assert statuses(await whole(name)) == PIPELINES[name][1]


@pytest.mark.parametrize("waits", [True, False], ids=["one by one", "at once"])
@pytest.mark.parametrize("name", PIPELINES)
async def test_the_answers_are_the_same_wherever_the_bytes_are_cut_in_two(name: str, waits: bool) -> None:
    expected = await whole(name)
    for pieces in in_two(PIPELINES[name][0]):
        assert alike(await play(pieces, waits=waits)) == expected, pieces


async def test_the_answers_are_the_same_where_the_bytes_are_cut_in_three() -> None:
    draws = random.Random(5)
    for _ in range(500):
        name, waits = draws.choice(list(PIPELINES)), draws.random() < 0.5
        data = PIPELINES[name][0]
        pieces = in_three(data, *sorted(draws.sample(range(1, len(data)), 2)))
        assert alike(await play(pieces, waits=waits)) == await whole(name), pieces


async def stream(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for is_first in (True, False):
        await send({"type": "http.response.body", "body": b"x", "more_body": is_first})


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (b"1.1", b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n1\r\nx\r\n0\r\n\r\n"),
        (b"1.0", b"connection: close\r\n\r\nxxEND"),
    ],
)
async def test_a_stream_is_in_chunks_where_the_client_knows_them(version: bytes, said: bytes) -> None:
    request = GET.replace(b"1.1", version)
    assert (await play([request], waits=True, config=configuration(stream))).endswith(said)


async def test_a_request_that_would_upgrade_keeps_its_body() -> None:
    assert repr(UPGRADE).encode() in await whole("upgrade")


@pytest.mark.parametrize("beyond", range(-6, 3))
async def test_a_chunked_body_may_end_anywhere_in_a_piece(beyond: int) -> None:
    size = framing.CHUNK_PIECE + beyond - len(b"1000\r\n\r\n0\r\n\r\n")
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"a" * size)
    assert len(chunks) == framing.CHUNK_PIECE + beyond - 1
    assert statuses(await play([POST + chunks + GET], waits=True)) == [200, 200]


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_what_is_too_large_is_refused_wherever_it_is_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (request_head, framing):
        monkeypatch.setattr(module, "MAX_HEADER_BYTES", 50)
    monkeypatch.setattr(RouteRules, "max_line", 48)
    monkeypatch.setattr(request_head, "MAX_HEADER_LINES", 4)
    monkeypatch.setattr(request_head, "UNCHECKED_HEAD_BYTES", 10)
    for pieces in in_two(TOO_LARGE[name][0]):
        assert statuses(await play(pieces, waits=True)) == TOO_LARGE[name][1], pieces


@pytest.mark.parametrize("name", PIPELINES)
async def test_the_answers_are_the_same_where_the_loop_has_its_turn_between_pieces(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await whole(name)
    monkeypatch.setattr(framing, "MAX_PIECES_PER_ITERATION", 2)
    assert await whole(name) == expected


TINY = {
    "empty lines": (b"", b"\r\n"),
    "ends in a chunk": (POST + b"fffffff\r\n", b"0\r\n\r\n"),
    "chunks of a byte": (POST, b"1\r\na\r\n"),
    "trailers": (POST + b"0\r\n", b"a:\r\n"),
    "header lines": (GET[:-2], b"a:\r\n"),
    "letters": (GET[:-2], b"a"),
}
READING = 65_536
"""Bytes that arrive at once, at most."""
TURN_SECONDS = 0.02
"""Of processor time that a turn of the event loop may take."""


@pytest.mark.parametrize("name", TINY)
async def test_no_reading_holds_the_loop_up(name: str) -> None:
    begin, tiny = TINY[name]
    taken = []
    for _ in range(3):
        wire = connected()
        wire.arrive(begin or b"\r\n")
        before = time.thread_time()
        wire.arrive(tiny * (READING // len(tiny)))
        taken.append(time.thread_time() - before)
    assert min(taken) < TURN_SECONDS


async def test_many_small_pieces_are_parsed_in_several_turns() -> None:
    wire = connected()
    wire.arrive(POST + b"fffffff\r\n" + b"\r\n\r\n" * 10_000)
    turns = []
    while len(wire.protocol._buffer) > len(b"\r\n\r"):  # which could be the beginning of an end
        turns.append(len(wire.protocol._buffer))
        await asyncio.sleep(0)
    assert [left - rest for left, rest in pairwise(turns)] == [4 * (framing.MAX_PIECES_PER_ITERATION - 1)]


async def test_hot_calls_are_answered_the_same_wherever_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slta.api.http.authorization.FAILURES", Rate(per_second=1e6, burst=1_000_000))
    app = build_api(store=None, access=Access({}), render_metrics=no_metrics)
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    config.load()
    given = {"config": config, "fast_path": fast_path_of(app)}
    heard = {alike(await play(pieces, waits=waits, **given)) for pieces in in_two(HOT) for waits in (True, False)}
    assert [statuses(said) for said in heard] == [[401, 401, 200, 401, 401, 200]]


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("waits", [True, False], ids=["one by one", "at once"])
@pytest.mark.parametrize("name", PIPELINES)
async def test_the_answers_are_the_same_wherever_the_bytes_are_cut_in_three(name: str, waits: bool) -> None:
    expected, data = await whole(name), PIPELINES[name][0]
    for second in range(2, len(data)):
        for first in range(1, second):
            pieces = in_three(data, first, second)
            assert alike(await play(pieces, waits=waits)) == expected, pieces
