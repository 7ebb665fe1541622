"""Random talks, in which heads repeat and bytes change, say the same whether or not heads are known."""

from __future__ import annotations

import re
from random import Random

import pytest
from redis import Redis

from slta.auth.keys import Access, generate_key
from slta.server.request_head import KnownHeads
from tests.api.raw_requests import Talk
from tests.api.served import ADMIN_ENTRY, Served, one_way, without_dates
from tests.server.raw_talks import talk

TALKS = 1500


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
