"""Connections to slta: why there is no reply, what is read of one, and what a client counts."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
import pytest
from prometheus_client import REGISTRY

from slta_client import AsyncClient, Breaker, UnavailableError
from slta_client.calls import Send
from slta_client.engine import Engine
from slta_client.fallback import Fallback
from slta_client.http import Attempt
from slta_client.replies import Reply, failed, outcomes, parse
from tests.inventory import each

CUT = aiohttp.ServerDisconnectedError()


@each(
    ("error", "is_written", "is_reused", "reply"),
    [
        (OSError(), False, False, failed("unreachable")),
        (TimeoutError(), False, False, failed("unreachable")),
        (TimeoutError(), True, True, failed("timeout")),
        (CUT, True, False, failed("disconnected")),
        (CUT, True, True, failed("disconnected", reused=True)),
        (aiohttp.ClientOSError(), True, True, failed("disconnected", reused=True)),
        (aiohttp.ClientPayloadError(), True, True, failed("disconnected")),
    ],
)
def test_an_error_is_one_of_four_reasons(error: Exception, is_written: bool, is_reused: bool, reply: Reply) -> None:
    attempt = Attempt()
    attempt.is_written, attempt.is_reused = is_written, is_reused
    assert attempt.failure(error) == reply


@each(("etag", "expected"), [('"1"', '"1"'), ('"\xe9"', None)])
def test_an_etag_is_one_that_a_request_can_have(etag: str, expected: str | None) -> None:
    assert parse(200, {"ETag": etag}, b'{"fleet": "a"}').etag == expected


@each(("header", "seconds"), [("2", 2.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("", 0.0)])
def test_retry_after_is_read_in_seconds(header: str, seconds: float) -> None:
    reply = parse(503, {"Retry-After": header}, b'{"code": "overloaded"}')
    assert (reply.code, reply.retry_after) == ("overloaded", seconds)


@each("content", [b"", b"<html>", b"[]", b'{"code": 3}', b'{"code": "Not a code"}', b"\xff", b"[" * 100_000])
def test_a_response_without_a_problem_document_is_named_by_its_status(content: bytes) -> None:
    assert parse(502, {}, content).code == "http_502"


@each("body", [{}, {"code": ""}, {"code": 3}, {"code": "Not a code"}])
def test_an_outcome_without_a_problem_code_is_a_failure_named_by_its_status(body: dict[str, object]) -> None:
    (outcome,) = outcomes(Reply(200, "", {"outcomes": [{"status": 503, "body": body}]}), 1)
    assert (outcome.ok, outcome.code) == (False, "http_503")


@each(("value", "seconds"), [(2, 2.0), (0.5, 0.5), (None, 0.0), ("x", None), ([1], None), (-1, None), (10**400, None)])
def test_a_member_that_is_no_number_of_seconds_is_none(value: object, seconds: float | None) -> None:
    assert Reply(200, "", {"lease_seconds": value}).seconds("lease_seconds") == seconds


async def test_the_key_is_sent() -> None:
    assert (
        Engine("http://slta", "id.secret", 1.0, Breaker(), Fallback()).http.headers["Authorization"]
        == "Bearer id.secret"
    )


@pytest.mark.parametrize("name", ["f", "a/b"])
async def test_the_address_of_a_call_is_below_the_url_that_was_given(name: str) -> None:
    request = Engine("http://slta/base/", None, 1.0, Breaker(), Fallback()).request(Send(name, "assign", {}, 1.0))
    assert str(request["url"]) == f"http://slta/base/v1/fleets/{name.replace('/', '%2F')}/assign"


async def test_the_deadline_holds_though_a_reply_trickles_in() -> None:
    """The whole reply would take 20 s."""
    left = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with suppress(OSError):
            for _ in range(1000):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        left.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine = Engine(f"http://127.0.0.1:{port}", None, 1.0, Breaker(), Fallback())
    assert await engine.send(Send("f", "assign", {}, 0.5)) == failed("timeout")
    await left.wait()
    await engine.http.close()
    server.close()


async def test_calls_are_counted_by_their_outcome() -> None:
    labels = {"operation": "assign", "outcome": "unreachable"}

    def count() -> float:
        return REGISTRY.get_sample_value("slta_client_calls_total", labels) or 0.0

    before = count()
    async with AsyncClient("http://127.0.0.1:1", "f", timeout=1) as client:
        with pytest.raises(UnavailableError):
            await client.session().__aenter__()
    assert count() > before
    assert REGISTRY.get_sample_value("slta_client_live_sessions") == 0
