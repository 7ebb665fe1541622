"""Random talks, in which heads repeat and bytes change, say the same whether or not heads are known."""

from __future__ import annotations

import re
from random import Random

import pytest
from redis import Redis

from slta.auth.keys import Access, generate_key
from slta.server.request_head import KnownHeads
from tests.api.raw_requests import Talk, call, last
from tests.api.served import ADMIN_ENTRY, Served, one_way, without_dates

TALKS = 1500
PATHS = ("f/assign",) * 6 + ("f/complete",) * 6 + ("f/renew", "f/operations", "f/state", "g/assign", "f/assign?x=1")
BODIES = (b"", b"{}", b'{"operations": [{"assign": {"session_id": "s-1"}}]}')
RARE = (
    {"accept": "text/html"}, {"accept": "*/*"}, {"host": "LOCALHOST:1"}, {"host": "elsewhere"}, {"connection": "close"},
    {"connection": "Upgrade", "upgrade": "h2c"}, {"content_type": "text/plain"}, {"expect": "100-continue"},
    {"origin": "http://evil"}, {"x_request_id": "r-1"}, {"authorization": ""}, {"authorization": "Bearer x.wrong"},
)  # fmt: skip
EDITS = (b"\n", b"\r", b"\0", b" ", b":", b"\r\n", b"A", b"\xff", b"\r\nAuthorization: q", b"\nContent-Length: 3")


def request(rng: Random, key: str) -> bytes:
    body = rng.choice(BODIES) if rng.random() < 0.1 else b'{"session_id": "s-%02d"}' % rng.randrange(40)
    headers = {"authorization": f"Bearer {key}"} | (rng.choice(RARE) if rng.random() < 0.3 else {})
    head, end, body = call(rng.choice(PATHS), body, **headers).partition(b"\r\n\r\n")
    if rng.random() < 0.1:
        at, removed = rng.randrange(len(head)), rng.randrange(2)
        head = head[:at] + rng.choice(EDITS) + head[at + removed :]
    return head + end + body


def talk(rng: Random, key: str) -> Talk:
    """Some requests on one connection, in pieces."""
    requests = [request(rng, key) for _ in range(rng.randrange(1, 7))]
    sent = b"".join([*requests, last(rng.choice(requests))])
    cuts = sorted(rng.randrange(len(sent)) for _ in range(rng.choice((0, 0, 1, 3))))
    return tuple(sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True))


async def heard(here: Served, sent: Talk) -> bytes | None:
    """What is said without dates and ids; None if the connection ended before all was sent."""
    try:
        return re.sub(rb"[0-9a-f]{16,}", b"", b"".join(without_dates(await here.say(*sent))))
    except ConnectionError:
        return None


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
async def test_known_heads_change_no_answer(
    seed: int, server: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key, entry), rng, said = generate_key(["assign", "complete"]), Random(seed), []
    talks = [talk(rng, key) for _ in range(TALKS)]
    monkeypatch.setattr("slta.auth.rate_limit.RateLimiter.take", lambda *_: 0)
    for known in (True, False):
        if not known:
            monkeypatch.setattr(KnownHeads, "find", lambda *_: None)
        async with one_way(server, redis, access=Access({one.id: one for one in (entry, ADMIN_ENTRY)})) as here:
            said.append([await heard(here, one) for one in talks])
    answers = zip(talks, *said, strict=True)
    assert [one for one, *both in answers if None not in both and both[0] != both[1]] == []
