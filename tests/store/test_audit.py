"""Both audits are audited, the tests' and the store's: each finds each planted corruption, none where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from slta.store import Store
from testbed.servers import TextRedis
from testbed.stores import running_store
from tests import rawstate
from tests.audit import violations
from tests.store.conftest import Clock
from tests.store.corruptions import Plant, flip, key
from tests.store.fleets import FLEET, TWO_CLASSES, create, end, everything, pass_seconds, place, put_back, spec


def shift(field: str, by: int, word: int = 0) -> Plant:
    """One number of a field of the state becomes another."""

    def plant(redis: TextRedis) -> None:
        words = rawstate.fields(redis, FLEET)[field].split()
        words[word] = f"{int(float(words[word])) + by:d}"
        rawstate.poke(redis, FLEET, **{field: " ".join(words)})

    return plant


def rename_session(redis: TextRedis) -> None:
    """A record that speaks of another pool than the set of ids does."""
    record = redis.hget(key("sessions"), "s0").split()
    redis.hset(key("sessions"), "s0", " ".join([str(int(record[0]) ^ 1), *record[1:]]))


def copy_id(redis: TextRedis) -> None:
    number = redis.hget(key("sessions"), "s0").split()[0]
    redis.sadd(key("ids:65536" if number != "65536" else "ids:0"), "s0")


def swap_order(redis: TextRedis) -> None:
    entries = redis.get(key("order"))
    redis.set(key("order"), entries[6:12] + entries[:6] + entries[12:])


def placed_at(redis: TextRedis, word: str) -> str:
    """The record of s0 with this level and token."""
    return " ".join([*redis.hget(key("sessions"), "s0").split()[:5], word])


def lose_lease(redis: TextRedis) -> None:
    due = redis.hget(key("sessions"), "s0").split()[3]
    redis.srem(key(f"leases:{due}"), "s0")


def due_elsewhere(redis: TextRedis) -> None:
    record = redis.hget(key("sessions"), "s0").split()
    redis.hset(key("sessions"), "s0", " ".join([*record[:3], str(int(record[3]) + 1), *record[4:]]))


def overfill(redis: TextRedis) -> None:
    """More on a draining pool than fits, with all else told accordingly."""
    rawstate.poke(redis, FLEET, capacities="1 6")


def other_bound(redis: TextRedis) -> None:
    digit = redis.getrange(key("bound"), 19, 19)
    redis.setrange(key("bound"), 19, "1" if digit != "1" else "2")


BOTH: dict[str, Plant] = {
    "a set bit in a level": flip("level:1:1", 1),
    "a bit beyond the pools": flip("level:0:1", 77),
    "a level that is not nested": flip("level:1:6", 0),
    "an active bit": flip("active:0", 1),
    "a used bit": flip("used:0", 9),
    "a session on another pool": rename_session,
    "a session without a record": lambda redis: redis.hdel(key("sessions"), "s1"),
    "a record without a session": lambda redis: redis.hset(key("sessions"), "ghost", "0 0 0 0 small-0"),
    "a level that is none": lambda redis: redis.hset(key("sessions"), "s0", placed_at(redis, "0g")),
    "an id in two pools": copy_id,
    "a pool under another name": lambda redis: redis.hset(key("names"), "0", "small-1"),
    "a name without a pool": lambda redis: redis.hset(key("names"), "99", "ghost"),
    "a pool's status": lambda redis: redis.hset(key("pools"), "large-1", "65537 d- 0 0 0 0"),
    "a pool that no class knows": lambda redis: redis.hdel(key("pools"), "large-1"),
    "more than a capacity": overfill,
    "sessions": shift("sessions", 1),
    "draining sessions": shift("draining_sessions", 1, 1),
    "draining pools": shift("draining_pools", -1, 1),
    "failed pools": shift("failed_pools", 1, 0),
    "pools of a class": shift("pools", 1, 0),
    "active pools": shift("active_pools", -1),
    "room": shift("room_for", 1),
    "utility by one": shift("utility", 1),
    "optimum by one": shift("optimum", -1),
    "the optimum's place": shift("bound_filled", 1),
    "the optimum's rank": shift("bound_rank", 1),
    "a session that was never counted": shift("assigned", 1),
    "an end that was never counted": shift("expired", 1),
    "a lost lease": lose_lease,
    "a lease of nobody": lambda redis: redis.sadd(key("leases:500"), "ghost"),
    "a lease due at another time": due_elsewhere,
    "a lease that is passed over": lambda redis: rawstate.poke(redis, FLEET, next_due=999),
    "an id live and completed early": lambda redis: redis.zadd(key("early"), {"s0": 1e15}),
    "an id live and ended": lambda redis: redis.hset(key("ended:0"), "s0", "completed small-0"),
    "the last rank": shift("last_rank", -1),
    "the order": swap_order,
    "a marginal utility": lambda redis: redis.setrange(key("marginals:0"), 17, "9"),
    "the bound's table": other_bound,
    "a rank": lambda redis: redis.setrange(key("ranks:1"), 4, "9"),
    "utility above its bound for a while": shift("utility_high", 10**30),
    "a stray key": lambda redis: redis.set(key("scratch"), "x"),
    "a stray level": lambda redis: redis.set(key("level:0:5"), "\0"),
    "a time to live": lambda redis: redis.expire(key("sessions"), 1000),
    "a suspect fleet": lambda redis: rawstate.poke(redis, FLEET, suspect="why"),
    "pools integrated from the future": lambda redis: rawstate.poke(redis, FLEET, pools_since=10**15),
}
SLTA: dict[str, Plant] = {
    "a green bit": flip("green:1", 0),
    "a green count": shift("green", 1, 0),
    "a yellow bit": flip("yellow", 0),
    "a yellow count": shift("yellow", 1),
    "r up by one": shift("rank", 1),
    "r down by one": shift("rank", -1),
    "a threshold": shift("thresholds", 1, 1),
    "the estimate's class": shift("estimate_class", 1),
    "the estimate's level": shift("estimate_level", 1),
    "the class before": shift("previous_class", 1),
    "tokens enough to step down": shift("min_green", 1),
    "a frontier under SLTA": lambda redis: redis.set(key("open:0"), "\0"),
}
JLMU: dict[str, Plant] = {
    "an open bit": flip("open:0", 0),
    "an open count": shift("open", 1, 1),
    "a frontier": shift("frontiers", 1, 0),
    "a frontier's rank": shift("frontier_ranks", 1, 1),
    "tokens under JLMU": lambda redis: redis.set(key("green:0"), "\0"),
}
PLANTS = {"slta": BOTH | SLTA, "jlmu": BOTH | JLMU}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """One is enough: what is audited are keys."""
    with running_store() as url:
        yield url


@pytest.fixture
async def sound(store: Store, clock: Clock, redis: TextRedis, policy: str) -> None:
    """A fleet with leases, a draining pool, history and memory."""
    await create(store, spec(*TWO_CLASSES, policy=policy, lease=300), {"small": 2, "large": 3})
    placed = await place(store, 15)
    await store.pools.set_status(FLEET, "large-2", "draining")
    await pass_seconds(store, clock, 12)
    await end(store, list(placed)[10:])
    assert violations(redis, FLEET) == []
    assert (await store.audits.inspect(FLEET)).sentences == []
    assert (await store.sessions.get(FLEET, "s0")).session_id == "s0"


@pytest.mark.parametrize("policy", PLANTS)
async def test_each_planted_corruption_is_found_by_both_audits(
    sound: None, store: Store, redis: TextRedis, policy: str
) -> None:
    saved, missed = everything(redis), []
    for what, plant in PLANTS[policy].items():
        plant(redis)
        if not violations(redis, FLEET):
            missed.append(f"by the tests: {what}")
        if not (await store.audits.inspect(FLEET)).sentences:
            missed.append(f"by the store: {what}")
        put_back(redis, saved)
    assert missed == []


async def test_a_field_that_is_no_number_is_found(store: Store, redis: TextRedis, fleet: None) -> None:
    redis.hset(key("cold"), "retention", "rubbish")
    assert (await store.audits.inspect(FLEET)).sentences == ["retention: is not a number"]
