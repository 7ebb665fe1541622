"""Refusals on the fast path and by FastAPI are the same: keys, rates, and room for bodies."""

from __future__ import annotations

import re
from typing import Any

import pytest
from redis import Redis

from slta.auth.keys import Access, generate_key
from slta.auth.rate_limit import Rate
from slta.store.sessions import Sessions
from tests.api.raw_requests import assign, call, complete, in_one, last
from tests.api.served import ADMIN_ENTRY, both_ways

ASSIGNING, ASSIGNING_ENTRY = generate_key(["assign"])
ELSEWHERE, ELSEWHERE_ENTRY = generate_key(["assign"], ["g"])
KEYS = Access({entry.id: entry for entry in (ADMIN_ENTRY, ASSIGNING_ENTRY, ELSEWHERE_ENTRY)})


async def test_both_ways_ask_for_the_same_keys(server: str, redis: Redis) -> None:
    holders = [f"Bearer {key}" for key in (ASSIGNING, ELSEWHERE, f"{ASSIGNING}x")]
    talk = in_one(*(ask("a", authorization=holder) for holder in (*holders, "") for ask in (assign, complete)))
    directly, by_fastapi = await both_ways([talk], server, redis, access=KEYS)
    assert directly == by_fastapi
    codes = re.findall(rb"HTTP/1.1 (\d+) ", directly[0])
    assert codes == [b"201", b"403", b"404", b"403", b"401", b"401", b"401", b"401"]


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        ({"access": KEYS, "key": ASSIGNING}, b"403"),
        ({"access": KEYS, "key": "unknown"}, b"401"),
        ({"rate": Rate(per_second=1e-9, burst=1)}, b"429"),
        ({"shed": True}, b"503"),
    ],
)
async def test_both_ways_refuse_a_call_before_its_body_is_there(
    refusal: dict[str, Any], status: bytes, server: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = dict(refusal)
    request = complete("a", authorization=f"Bearer {options.pop('key', '')}")
    shed = options.pop("shed", False)
    with monkeypatch.context() as patch:
        patch.setattr(Sessions, "waiting_seconds", lambda *_: 9 if shed else 0)
        directly, by_fastapi = await both_ways(
            [(last(request)[:-5],), (last(request)[:-5], request[-5:])], server, redis, **options
        )
    assert directly == by_fastapi
    assert [said[9:12] for said in directly] == [status, status]


async def test_every_refusal_leads_to_where_the_documentation_is(server: str, redis: Redis) -> None:
    unknown = call("f/operations", {"operations": [{"complete": {"session_id": "x"}}]})
    talk = in_one(call("f/assign", {"x": 1}), unknown, call("f/pools/none", method="GET"), b"no HTTP\r\n\r\n")
    for said in await both_ways([talk], server, redis, docs_url="https://docs.example/slta/"):
        codes = re.findall(rb'"type": "https://docs.example/slta/errors.html#(\w+)"', said[0])
        assert codes == [b"invalid_request", b"unknown_session", b"unknown_pool", b"invalid_http"]


async def test_both_ways_take_from_the_rate_for_each_operation(server: str, redis: Redis) -> None:
    ten = call("f/operations", {"operations": [{"complete": {"session_id": "x"}}] * 10})
    refused = call("f/operations", {"operations": [{}] * 10})
    talk = in_one(refused, ten, assign("a"), ten, assign("b"), assign("c"), refused)
    directly, by_fastapi = await both_ways([talk], server, redis, rate=Rate(per_second=1e-9, burst=23))
    assert directly == by_fastapi
    codes = re.findall(rb"HTTP/1.1 (\d+) ", directly[0])
    assert codes == [b"422", b"200", b"201", b"200", b"429", b"429", b"429"], "the first PUT took one as well"
