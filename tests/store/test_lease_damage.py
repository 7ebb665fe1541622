"""Audits and repairs of leases, of pools and of sessions; damage of pools' is in the table of corruptions."""

from __future__ import annotations

import pytest

from slta.models import Ticked, errors
from slta.store import Store
from testbed.servers import TextRedis
from tests import rawstate
from tests.audit import violations
from tests.store.conftest import Clock
from tests.store.corruptions import POOL, key, pool, retype
from tests.store.fleets import FLEET, all_pools, create, end_of, pass_seconds, place, repair, repair_by_itself, spec
from tests.store.test_guards import CLASSES, EIGHT, EXPIRY, count
from tests.store.test_liveness import TTL, beat, keep_alive, liveness
from tests.store.test_ticks import tick

SPEC = spec(*CLASSES)


@pytest.fixture
async def guarded(store: Store, clock: Clock, redis: TextRedis) -> None:
    """Of eight pools one is lost, four are unconfirmed, three alive; one of those drains."""
    await create(store, SPEC, {"small": 8, "large": 2})
    await beat(store, *EIGHT)
    await place(store, 20)
    await keep_alive(store, clock, 22.5, *EIGHT[1:])
    await keep_alive(store, clock, EXPIRY, *EIGHT[5:])
    await store.pools.set_status(FLEET, "small-5", "draining")
    assert await count(store) == {"lost": 1, "unconfirmed": 4, "alive": 3}
    assert violations(redis, FLEET) == []
    assert (await store.audits.inspect(FLEET)).total == 0


@pytest.mark.parametrize("word", POOL.groupindex)
async def test_an_unreadable_field_is_mended_alone(store: Store, guarded: None, redis: TextRedis, word: str) -> None:
    before = redis.hget(key("pools"), "small-5")
    pool("small-5", **{word: "x"})(redis)
    assert (await store.audits.inspect(FLEET)).total > 0
    await repair(store, SPEC)
    assert (await store.audits.inspect(FLEET)).sentences == []
    found = POOL.fullmatch(redis.hget(key("pools"), "small-5"))
    expected = POOL.fullmatch(before)
    assert found
    assert expected
    assert {**found.groupdict(), word: ""} == {**expected.groupdict(), word: ""}


@pytest.mark.parametrize("number", ["x", "999999", "99999999999999999999"])
async def test_an_unreadable_record_is_refused_until_a_tick_asks_for_a_repair(
    store: Store, guarded: None, redis: TextRedis, number: str
) -> None:
    pool("small-7", number=number)(redis)
    with pytest.raises(errors.DamagedError):
        await store.pools.get(FLEET, "small-7")
    with pytest.raises(errors.DamagedError):
        await store.pools.set_status(FLEET, "small-7", "draining")
    assert [one.outcome for one in (await beat(store, "small-7", "small-6")).values()] == ["unreadable", "ok"]
    await repair_by_itself(store, SPEC)
    assert (await store.pools.get(FLEET, "small-7")).liveness == "alive"


async def test_a_heartbeat_may_be_later_than_the_state_s_time(store: Store, guarded: None, redis: TextRedis) -> None:
    """It does not write the state, and the clock of another master may be behind."""
    later = int(rawstate.fields(redis, FLEET)["time"]) + 1_000_000
    pool("small-7", since=str(later), listed=str(later))(redis)
    assert (await store.audits.inspect(FLEET)).sentences == []


async def test_after_a_repair_leases_begin_anew_and_guards_stay(store: Store, guarded: None, clock: Clock) -> None:
    await store.pools.set_status(FLEET, "small-1", "draining")
    await repair(store, SPEC)
    assert await count(store) == {"lost": 1, "unconfirmed": 4, "alive": 3}
    statuses = {pool.pool_id: pool.status for pool in await all_pools(store)}
    assert (statuses["small-0"], statuses["small-5"]) == ("active", "draining")
    await pass_seconds(store, clock, 1.25 * TTL - 1)
    assert (await liveness(store))["small-6"] == "alive"
    await pass_seconds(store, clock, 1.5)
    assert await count(store) == {"lost": 2, "unconfirmed": 6}
    await beat(store, *EIGHT[1:4])
    assert (await store.fleets.snapshot(FLEET)).classes[0].guard == "over", "three of six"


async def test_a_lost_lease_begins_anew_and_a_stray_timer_goes(store: Store, guarded: None, redis: TextRedis) -> None:
    pool("small-6", liveness="-", since="0", ttl="0", listed="0")(redis)
    redis.zadd(key("timers"), {"nobody": 10**9})
    await repair(store, SPEC)
    found = POOL.fullmatch(redis.hget(key("pools"), "small-6"))
    assert found
    assert (found["liveness"], found["ttl"]) == ("a", "60")
    assert redis.zscore(key("timers"), "nobody") is None


async def test_ticks_suspect_fields_of_wrong_type(store: Store, guarded: None, clock: Clock, redis: TextRedis) -> None:
    retype("cold")(redis)
    clock.advance(10)
    ticked = await tick(store)
    assert isinstance(ticked, Ticked)
    assert ticked.suspect is not None
    await repair(store, SPEC)


async def test_an_audit_of_a_fleet_whose_last_leased_pool_was_removed_finds_nothing(store: Store) -> None:
    await create(store, SPEC, {"small": 1})
    await beat(store, "small-0")
    await store.pools.remove(FLEET, "small-0")
    assert (await store.audits.inspect(FLEET)).sentences == []


async def test_a_lease_of_nobody_blocks_no_other_and_no_operation(store: Store, clock: Clock, redis: TextRedis) -> None:
    await create(store, SPEC, {"small": 1})
    for id_ in ("gone", "unreadable", "s"):
        await store.sessions.assign(FLEET, id_, 2)
    redis.hdel(key("sessions"), "gone")
    redis.hset(key("sessions"), "unreadable", "rubbish")
    clock.advance(5)
    assert (await store.sessions.assign(FLEET, "t", None)).session_id == "t"
    assert await end_of(store, "s") == "expired"
    assert not redis.keys(key("leases:*"))
    assert (await store.fleets.snapshot(FLEET)).suspect
    redis.hdel(key("sessions"), "unreadable")
    await repair_by_itself(store, SPEC)
    assert {id_: (await store.sessions.get(FLEET, id_)).session_id for id_ in ("gone", "unreadable", "t")}


async def test_a_lease_ends_in_its_own_second_though_in_another_set(
    store: Store, clock: Clock, redis: TextRedis
) -> None:
    await create(store, SPEC, {"small": 1})
    await store.sessions.assign(FLEET, "s", 4)
    redis.sadd(key("leases:2"), "s")
    clock.advance(3)
    await repair_by_itself(store, SPEC)
    assert (await store.sessions.get(FLEET, "s")).lease_seconds_left
