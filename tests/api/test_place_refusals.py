"""Refusals of the placement route: 503 with the code in a header; and the requests that are not for it."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, NamedTuple
from unittest.mock import AsyncMock

import pytest
from redis import Redis

from slta.api.http.responses import PROBLEM_JSON
from slta.auth.keys import Access, generate_key
from slta.auth.rate_limit import Rate
from slta.models import errors
from slta.store.sessions import Sessions
from tests.api.conftest import FLEET
from tests.api.placements import KEY, ask, of, placed
from tests.api.raw_requests import call, last
from tests.api.served import ADMIN_ENTRY, Served, one_way, without_dates

READING, READING_ENTRY = generate_key(["read"])
ELSEWHERE, ELSEWHERE_ENTRY = generate_key(["assign"], ["g"])
KEYS = Access({entry.id: entry for entry in (ADMIN_ENTRY, READING_ENTRY, ELSEWHERE_ENTRY)})
SMALL = {**FLEET["classes"][0], "capacity": 1, "pools": 1}
FLEETS: dict[str, dict[str, Any]] = {
    "full": {"classes": [SMALL]},
    "bare": {"classes": [{**SMALL, "pools": 0}]},
    "watched": {**FLEET, "policy": "observe"},
}
"""Besides `f`, in which the session `ended` has ended."""


class Refused(NamedTuple):
    """A question, and the code that it is refused with."""

    request: bytes
    code: str
    asks_again: bool = False
    """Whether the answer says when to ask again."""
    error: Exception | None = None
    """What the store raises."""
    waiting: float = 0
    """Seconds that the store says an operation waits."""


REFUSED: dict[str, Refused] = {
    "no key": Refused(ask(), "unauthenticated"),
    "a browser's key": Refused(ask(authorization="Basic YTpi"), "unauthenticated"),
    "another key": Refused(ask(authorization=f"{KEY}x"), "unauthenticated"),
    "two keys": Refused(ask(authorization=f"{KEY}\r\nauthorization: Basic YTpi"), "repeated_authorization"),
    "no scope": Refused(ask(authorization=f"Bearer {READING}"), "insufficient_scope"),
    "a key of another fleet": Refused(ask(authorization=f"Bearer {ELSEWHERE}"), "unknown_fleet"),
    "no such fleet": Refused(of("g"), "unknown_fleet"),
    "no fleet's name": Refused(of("%7Bf"), "invalid_request"),
    "overload": Refused(of("f"), "overloaded", asks_again=True, waiting=9),
    "no id": Refused(of("f", x_session_id=""), "no_session_id"),
    "an empty id": Refused(of("f", x_session_id=" "), "no_session_id"),
    "two ids": Refused(of("f", x_session_id="a\r\nx-session-id: b"), "repeated_header"),
    "two types": Refused(of("f", x_slta_session_type="a\r\nx-slta-session-type: a"), "repeated_header"),
    "two leases": Refused(of("f", x_slta_lease="1\r\nx-slta-lease: 1"), "repeated_header"),
    "a lease that is no number": Refused(of("f", x_slta_lease="1e3"), "invalid_request"),
    "a negative lease": Refused(of("f", x_slta_lease="-1"), "invalid_request"),
    "a lease too short": Refused(of("f", x_slta_lease="0.0005"), "invalid_request"),
    "a lease too long": Refused(of("f", x_slta_lease="315360000.1"), "invalid_request"),
    "no store": Refused(of("f"), "store_unavailable", asks_again=True, error=errors.StoreUnavailableError()),
    "an unknown outcome": Refused(of("f"), "outcome_unknown", asks_again=True, error=errors.OutcomeUnknownError()),
    "a defect": Refused(of("f"), "internal_error", error=RuntimeError("secret")),
    "an ended session": Refused(of("f", x_session_id="ended"), "session_ended"),
    "a full fleet": Refused(of("full"), "no_capacity", asks_again=True),
    "a fleet without pools": Refused(of("bare"), "no_active_pool", asks_again=True),
    "a fleet that observes": Refused(of("watched"), "fleet_observes"),
    "headers too long": Refused(of("f", cookie="x" * 17_000), "headers_too_large"),
    "too many headers": Refused(of("f", **{f"x_{k}": "y" for k in range(100)}), "headers_too_large"),
    "a URL too long": Refused(of("f", "/" + "x" * 17_000), "uri_too_long"),
    "a URL that is none": Refused(of("f", "/\xff"), "invalid_http"),
    "another version": Refused(of("f").replace(b"HTTP/1.1", b"HTTP/1.2"), "unsupported_http_version"),
    "another coding": Refused(of("f", transfer_encoding="gzip, chunked"), "unsupported_transfer_coding"),
    "two lengths": Refused(of("f", content_length="1\r\ncontent-length: 2"), "invalid_http"),
    "broken chunks": Refused(of("f", transfer_encoding="chunked") + b"zz\r\n", "invalid_http"),
}
MADE_UP = re.compile(rb"[0-9a-f]{16}")
"""The id of a request that was refused before its own was read."""


async def refusals(here: Served, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is said in each case."""
    for fleet, document in FLEETS.items():
        await here.say(last(call(fleet, document, method="PUT", authorization=KEY)))
    await here.say(last(of("full", x_session_id="filling")))
    await here.say(of("f", x_session_id="ended"), last(call("f/complete", {"session_id": "ended"}, authorization=KEY)))
    said = {}
    for what, case in REFUSED.items():
        with monkeypatch.context() as patch:
            patch.setattr(Sessions, "waiting_seconds", lambda *_, seconds=case.waiting: seconds)
            if case.error:
                patch.setattr(Sessions, "assign", AsyncMock(side_effect=case.error))
            said[what] = b"\r\n".join(without_dates(await here.say(last(case.request))))
    return said


async def test_refusals_are_503_and_alike_both_ways(server: str, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    both = []
    for fast_path in (True, False):
        async with one_way(server, redis, fast_path=fast_path, access=KEYS) as here:
            both.append(await refusals(here, monkeypatch))
    for what, said in both[0].items():
        head, _, body = said.partition(b"\r\n\r\n")
        problem, code = json.loads(body), REFUSED[what].code
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n"), what
        assert f"x-slta-code: {code}\r\n".encode() in head, what
        assert f"content-type: {PROBLEM_JSON}\r\n".encode() in head, what
        assert (problem["code"], problem["status"]) == (code, 503), what
        assert (b"retry-after: 1\r\n" in head) is REFUSED[what].asks_again, what
        assert b"www-authenticate" not in head, what
        assert MADE_UP.sub(b"", said) == MADE_UP.sub(b"", both[1][what]), what


async def test_without_authentication_a_page_of_another_host_is_refused(here: Served) -> None:
    hosts = ("shop.example:80", "evil.example", "shop.example\r\nhost: shop.example")
    codes = [(await placed(here, host=host)).get("x-slta-code") for host in hosts]
    assert codes == [None, "invalid_host", "invalid_host"]


async def test_a_rate_that_is_used_up_is_a_refusal_too(server: str, redis: Redis) -> None:
    rate = Rate(per_second=1e-9, burst=1)  # which the PUT of the fleet takes
    async with one_way(server, redis, rate=rate) as here:
        headers = await placed(here)
    assert (headers["x-slta-code"], int(headers["retry-after"]) > 0) == ("rate_limited", True)


async def test_a_connection_too_many_is_a_refusal_too(server: str, redis: Redis) -> None:
    async with one_way(server, redis, max_connections=1) as here:
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(ask(transfer_encoding="chunked"))  # it stays under way
        headers = await placed(here)
        writer.close()
    assert (headers["x-slta-code"], headers["retry-after"]) == ("too_many_connections", "1")


async def test_a_head_that_does_not_end_is_a_refusal_too(server: str, redis: Redis) -> None:
    async with one_way(server, redis, header_timeout_seconds=0.1) as here:
        said = await here.say(ask()[:-2])
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"x-slta-code: request_timeout\r\n" in said


@pytest.mark.parametrize(
    "request_",
    [b"good day\r\n\r\n", b"\x16\x03\x01/v1/fleets/f/place HTTP/1.1\r\n\r\n", ask().replace(b" /v1", b" x/v1")],
)
async def test_bytes_that_do_not_ask_for_a_place_are_no_http_as_before(request_: bytes, here: Served) -> None:
    said = await here.say(request_)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"x-slta-code" not in said


@pytest.mark.parametrize("path", ["placed", "places/x", "sessions/place", "plac", ""])
async def test_other_paths_are_not_for_the_placement_route(path: str, here: Served) -> None:
    said = await here.say(last(call(f"f/{path}", method="PATCH")))
    assert said[9:12] in (b"404", b"405")
    assert b"x-slta-code" not in said


async def test_the_request_line_of_other_routes_stays_shorter(here: Served) -> None:
    said = await here.say(last(call(f"f/placed?{'x' * 9000}")))
    assert said.startswith(b"HTTP/1.1 414 ")
