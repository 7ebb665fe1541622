"""Completes of ids that nobody knows: remembered apart, for a while, so many at most, and not when memory is full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from redis import Redis

from slta.models import errors
from slta.store import Store, StoreSettings
from testbed.awaiting import eventually
from testbed.servers import SERVERS, own_server
from tests import rawstate
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, TWO_CLASSES, create, everything, field, pass_seconds, spec

EARLY = f"{{{FLEET}}}:early"
KEPT_SECONDS = 120
MOST = 100_000


@pytest.fixture
async def fleet(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES, retention=600), {"small": 2, "large": 2})


async def complete_unknown(store: Store, *ids: str) -> None:
    done = await store.sessions.operate(FLEET, [("complete", id_, "", "") for id_ in ids])
    assert done == [["UNKNOWN"]] * len(ids)


async def is_placed(store: Store, session_id: str) -> bool:
    """False where it is refused because its complete came first."""
    try:
        await store.sessions.assign(FLEET, session_id, None)
    except errors.SessionEndedError as ended:
        return ended.context != {"pool_id": "", "reason": "completed_before_assign"}
    return True


async def test_what_no_tick_has_dropped_is_forgotten_too(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    await complete_unknown(store, "s")
    for _ in range(KEPT_SECONDS // 5):
        clock.advance(5)
        await store.sessions.renew(FLEET, ["nobody"], None)
    assert redis.zcard(EARLY) == 1
    assert await is_placed(store, "s")


async def test_a_tick_drops_few_so_no_call_takes_long(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    await complete_unknown(store, *(f"s{k}" for k in range(4001)))
    left = []
    await pass_seconds(store, clock, KEPT_SECONDS - 1)
    for _ in range(3):
        await pass_seconds(store, clock, 1)
        left.append(redis.zcard(EARLY))
    assert left == [2001, 1, 0]


async def test_a_fleet_keeps_the_latest_100_000(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    await complete_unknown(store, "old-1", "old-2")
    redis.zadd(EARLY, dict.fromkeys(map(str, range(MOST - 2)), redis.zscore(EARLY, "old-2") + 1))
    rawstate.poke(redis, FLEET, early=MOST)
    clock.advance(1)
    await complete_unknown(store, "new")
    assert (redis.zcard(EARLY), field(redis, "early")) == (MOST, str(MOST))
    assert [await is_placed(store, name) for name in ("old-1", "old-2", "new")] == [True, False, False]


async def test_deleting_the_fleet_drops_them(store: Store, fleet: None, redis: Redis) -> None:
    await complete_unknown(store, "s")
    await store.fleets.delete(FLEET)
    assert everything(redis) == {}


# Memory


@pytest.fixture(params=sorted(SERVERS))
def own(request: pytest.FixtureRequest) -> Iterator[tuple[str, Redis]]:
    """A server of the test's own, whose memory it may fill; its fleet is audited afterwards."""
    with own_server(SERVERS[request.param]) as server, server.client() as client:
        yield server.url, client
        assert violations(client, FLEET) == []


async def test_with_full_memory_no_end_is_kept_and_memory_does_not_grow(own: tuple[str, Redis], calls: Calls) -> None:
    url, redis = own
    full = Store(StoreSettings(url, call_timeout_seconds=30, deadline_seconds=60), calls)
    await create(full, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    await full.sessions.assign(FLEET, "lives", None)
    await complete_unknown(full, "before")
    redis.config_set("maxmemory", 1)
    before = redis.info("memory")["used_memory"]
    await complete_unknown(full, *unknown_ids(4000))
    # 4,000 ids would take 400,000; what the call itself took is freed soon.
    await eventually(lambda: redis.info("memory")["used_memory"] - before < 300_000)
    assert redis.zrange(EARLY, 0, -1) == ["before"]
    assert (await full.sessions.complete(FLEET, "lives")).session_id == "lives"
    redis.config_set("maxmemory", 0)
    await complete_unknown(full, "after")
    assert redis.zrange(EARLY, 0, -1) == ["before", "after"]
    await full.close()


def unknown_ids(count: int) -> Sequence[str]:
    return [f"an-id-of-thirty-characters-{k:05}" for k in range(count)]
