"""Errors of the parser end the connection with one answer: directly, over TLS, and behind proxies."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httptools
import pytest

from slta.server.framing import RequestReader
from testbed.certificates import certificate_in
from tests.api.served import Served
from tests.server.reverse_proxies import PROXIES, reverse_proxy
from tests.server.test_http_limits import edge
from tests.server.wire import connected, play

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALVES = b"\r\r\nUpgrade: x\n"
CONNECT = b"CONNECT /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
ERRORS = [kind for kind in vars(httptools).values() if isinstance(kind, type) and issubclass(kind, Exception)]
WAYS = ["plain", pytest.param("tls", marks=pytest.mark.needs("openssl"))]
WAYS += [pytest.param(name, marks=pytest.mark.needs(name)) for name in PROXIES]
REFUSED = {
    "a tunnel": (CONNECT, [400]),
    "a tunnel behind a request": (GET + CONNECT, [200, 400]),
    "a tunnel with a body": (GET + CONNECT[:-2] + b"Content-Length: 5\r\n\r\nabcde" + GET, [200, 400]),
    "a tunnel to another scheme": (GET + CONNECT.replace(b"/x", b"http://localhost/") + GET, [200, 400]),
    "two requests in one head": (GET + GET[:-4] + HALVES + HALVES + GET, [200, 400]),
}
"""What is sent on a connection, and the answers until it ends."""


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+) ", said)]


@asynccontextmanager
async def reached(way: str, folder: Path) -> AsyncIterator[Served]:
    """A dispatcher as clients reach it."""
    settings: dict[str, Any] = {}
    if way == "tls":
        settings["tls_certificate"], settings["tls_key"] = await asyncio.to_thread(certificate_in, folder)
    async with edge(**settings) as here:
        if way in PROXIES:
            async with reverse_proxy(way, folder, here.port) as proxy:
                yield Served(proxy.port, None)
        else:
            yield here


@pytest.mark.parametrize("kind", ERRORS)
async def test_each_error_of_the_parser_ends_the_connection_with_one_answer(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: bytes) -> None:
        raise kind

    monkeypatch.setattr(httptools, "HttpRequestParser", lambda _: SimpleNamespace(feed_data=fail))
    said = await play([GET + GET], waits=True)
    assert (statuses(said), said[-3:]) == ([400], b"END")


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the parser gets."""
    pieces: list[bytes] = []
    monkeypatch.setattr(httptools, "HttpRequestParser", lambda _: SimpleNamespace(feed_data=pieces.append))
    return pieces


async def test_what_is_parsed_is_no_longer_in_the_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytes] = []
    wire = connected()
    monkeypatch.setattr(RequestReader, "parse", lambda *_: kept.append(wire.protocol._buffer))
    wire.arrive(GET)
    wire.protocol.connection_lost(None)
    assert kept == [b""]


@pytest.mark.parametrize("half", [b"X: y" + HALVES + b"\r\n", b"X: y\rz\r\n", b"X: y\nz\r\n"])
async def test_a_head_with_half_a_line_end_does_not_reach_the_parser(half: bytes, fed: list[bytes]) -> None:
    said = await play([GET[:-2] + half + b"\r\n"], waits=True)
    assert (statuses(said), fed) == ([400], [])


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("way", WAYS)
async def test_what_the_parser_refuses_is_answered_once(
    way: str, what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent, expected = REFUSED[what]
    async with reached(way, tmp_path) as here:
        said = await asyncio.wait_for(here.say(sent), 30)
    assert [400 if status == 405 else status for status in statuses(said)] == expected
    assert caplog.record_tuples == []


async def test_a_piece_of_two_requests_is_refused() -> None:
    wire = connected()
    wire.arrive(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(httptools.HttpParserCallbackError):
        wire.protocol._reader.parse(b"0\r\n\r\n" + GET)
    wire.protocol.connection_lost(None)
