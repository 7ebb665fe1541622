"""Of random talks everything is served that a strict parser accepts, and nothing that it refuses. No sockets."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from starlette.types import Receive, Scope

from slta.api.fast_path import FastPath
from slta.api.http.responses import ApiResponse
from slta.server.connection_limits import ConnectionLimits
from slta.server.request_head import KnownHeads
from tests.api.raw_requests import Talk
from tests.server.raw_talks import talk
from tests.server.strict_parser import Request, StrictParser
from tests.server.wire import play, repeated


async def respond(
    _path: object, _request: object, scope: Scope, _context: object, body: bytes | Receive
) -> ApiResponse:
    """The fast path's answer: what a request was made of."""
    if isinstance(body, bytes):
        return ApiResponse(200, repeated(scope, body))
    received, has_more = b"", True
    while has_more and (message := await body())["type"] == "http.request":
        received, has_more = received + message["body"], message["more_body"]
    return ApiResponse(200, repeated(scope, received))


def answers(said: bytes) -> Iterator[tuple[int, bytes]]:
    """Status and body of each answer on a connection."""
    rest = said.removesuffix(b"END").replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head)
        assert found, head
        yield int(head[9:12]), rest[: int(found[1])]
        rest = rest[int(found[1]) :]


def plain(method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> Any:
    """A request without Upgrade, which is ignored, whatever the order of its headers and the empty query."""
    return method, path, query, sorted(one for one in headers if one[0] != b"upgrade"), body


def expected(request: Request) -> Any:
    path, _, query = request.target.partition(b"?")
    return plain(request.method.decode(), path, query, list(request.headers), request.body)


async def check(sent: Talk, limits: ConnectionLimits) -> None:
    requests, is_refused = StrictParser(b"".join(sent)).requests()
    heard = list(answers(await play(sent, waits=False, limits=limits)))
    served = [plain(*literal_eval(body.decode())) for status, body in heard if status == 200]
    assert served == [expected(one) for one in requests], sent
    assert [status for status, _ in heard][: len(served)] == [200] * len(served), sent
    assert len(heard) - len(served) in ([1] if is_refused else [0, 1]), sent


async def check_all(talks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where heads are known, and where they are not."""
    monkeypatch.setattr(FastPath, "respond", respond)
    rng, limits = Random(11), ConnectionLimits(max_connections=9, idle_timeout_seconds=9, header_timeout_seconds=9)
    for _ in range(talks):
        sent = talk(rng, "a.secret")
        await check(sent, limits)
        with monkeypatch.context() as patch:
            patch.setattr(KnownHeads, "find", lambda *_: None)
            await check(sent, limits)


async def test_of_random_talks_what_a_strict_parser_accepts_is_served_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await check_all(300, monkeypatch)


@pytest.mark.campaign
@pytest.mark.timeout(900)
async def test_of_many_random_talks_what_a_strict_parser_accepts_is_served_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await check_all(20_000, monkeypatch)
