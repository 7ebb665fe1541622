"""Leases of pools: heartbeats renew them, a pool without one is lost, then gone, and forgotten when it is empty."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import pytest
from redis import Redis

from slta.models import Pool, PoolSpec, errors
from slta.models.pools import NO_COUNT, Heartbeat, PoolBeat
from slta.store import Store
from slta.store._failover.items import Item
from tests.store.conftest import Clock
from tests.store.fleets import (
    FLEET,
    TWO_CLASSES,
    all_pools,
    as_of,
    begin_in_another_process,
    create,
    end_of,
    everything,
    jump,
    pass_seconds,
    place,
    spec,
)

TTL = 10


async def beat(store: Store, *pool_ids: str, ttl: int = TTL, count: int | None = None) -> Mapping[str, PoolBeat]:
    """One heartbeat of each pool; the results by pool."""
    counted = NO_COUNT if count is None else str(count)
    beats = await store.pools.beat(FLEET, [Heartbeat(pool_id, str(ttl), counted) for pool_id in pool_ids])
    return {result.pool_id: result for result in beats.pools}


async def keep_alive(store: Store, clock: Clock, seconds: float, *pool_ids: str) -> None:
    """Time passes while these pools send heartbeats, a quarter of a lease apart."""
    for _ in range(round(seconds / (TTL / 4))):
        await beat(store, *pool_ids)
        await pass_seconds(store, clock, TTL / 4)


async def liveness(store: Store) -> dict[str, str]:
    return {pool.pool_id: pool.liveness for pool in await all_pools(store)}


async def test_a_pool_that_never_sent_a_heartbeat_lives_for_ever(store: Store, fleet: None, clock: Clock) -> None:
    await pass_seconds(store, clock, 100)
    assert set((await liveness(store)).values()) == {"alive"}


async def test_a_pool_is_lost_a_quarter_lease_after_it_has_run_out(store: Store, fleet: None, clock: Clock) -> None:
    await beat(store, "small-0")
    await pass_seconds(store, clock, 1.25 * TTL - 0.1)
    assert (await liveness(store))["small-0"] == "alive"
    await pass_seconds(store, clock, 0.1)
    pool = await store.pools.get(FLEET, "small-0")
    assert (pool.liveness, pool.status, pool.takes_sessions) == ("lost", "active", False)


async def test_a_pool_lost_for_long_is_gone_and_its_sessions_end(store: Store, fleet: None, clock: Clock) -> None:
    await beat(store, "small-0")
    placed = await place(store, 8)
    await pass_seconds(store, clock, 13)
    await pass_seconds(store, clock, 119)
    assert (await liveness(store))["small-0"] == "lost"
    await pass_seconds(store, clock, 2)
    assert (await liveness(store))["small-0"] == "gone"
    ended = next(id_ for id_, pool in placed.items() if pool == "small-0")
    assert await end_of(store, ended) == "pool_gone"
    assert (await store.fleets.snapshot(FLEET)).counters["pool_gone"] == list(placed.values()).count("small-0")


async def test_a_gone_pool_is_revived_by_a_heartbeat(store: Store, fleet: None, clock: Clock) -> None:
    await beat(store, "small-0")
    await pass_seconds(store, clock, 140)
    assert (await beat(store, "small-0"))["small-0"].outcome == "lost_before"
    assert (await store.pools.get(FLEET, "small-0")).takes_sessions


async def test_a_gone_pool_that_is_empty_is_forgotten_after_the_fleet_s_time(store: Store, clock: Clock) -> None:
    await create(store, replace(spec(*TWO_CLASSES), gone_seconds=20, forget_seconds=30), {"small": 2})
    await beat(store, "small-0")
    await place(store, 2)
    await pass_seconds(store, clock, 12.5 + 20 + 29)
    assert (await liveness(store))["small-0"] == "gone"
    await pass_seconds(store, clock, 5)
    with pytest.raises(errors.UnknownPoolError):
        await store.pools.get(FLEET, "small-0")
    newest = (await store.fleets.events(FLEET))[0]
    assert (newest.action, newest.pool_id) == ("forget_pools", "small-0")
    assert (await beat(store, "small-0"))["small-0"].outcome == "unknown_pool"


async def made_again(store: Store, clock: Clock) -> Pool:
    """The pool small-0, which was forgotten, as it is once it has been made again."""
    await create(store, replace(spec(*TWO_CLASSES), gone_seconds=20, forget_seconds=30), {"small": 2})
    await beat(store, "small-0")
    await pass_seconds(store, clock, 12.5 + 20 + 35)
    await store.pools.add(FLEET, [PoolSpec("small-0", "small"), PoolSpec("small-1", "small")])
    return await store.pools.get(FLEET, "small-0")


async def test_a_forgotten_pool_that_is_made_again_is_lost_until_it_is_heard(store: Store, clock: Clock) -> None:
    pool = await made_again(store, clock)
    assert (pool.status, pool.liveness, pool.takes_sessions) == ("active", "lost", False)
    assert set((await place(store, 4)).values()) == {"small-1"}
    assert (await beat(store, "small-0"))["small-0"].outcome == "lost_before"
    assert (await store.pools.get(FLEET, "small-0")).takes_sessions


@pytest.mark.parametrize("before", ["active", "draining", "failed", "in the other class"])
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
async def test_a_forgotten_pool_that_is_made_again_and_undrained_serves_without_a_lease(
    store: Store, clock: Clock, redis: Redis, before: str, many: bool
) -> None:
    await made_again(store, clock)
    if before == "in the other class":
        await store.pools.move(FLEET, PoolSpec("small-0", "large"))
    else:
        await store.pools.set_status(FLEET, "small-0", before)  # type: ignore[arg-type]
    if before != "active":  # which undrains it already
        assert not (await store.pools.get(FLEET, "small-0")).takes_sessions
    if many:
        await store.pools.set_statuses(FLEET, "active", ["small-0"])
    else:
        await store.pools.set_status(FLEET, "small-0", "active")
    await pass_seconds(store, clock, 100)
    assert (await store.pools.get(FLEET, "small-0")).takes_sessions
    assert redis.exists(f"{{{FLEET}}}:timers", f"{{{FLEET}}}:forgotten") == 0


async def test_a_pool_that_is_made_again_and_not_heard_is_forgotten_again(store: Store, clock: Clock) -> None:
    await made_again(store, clock)
    await pass_seconds(store, clock, 20 + 35)
    await store.pools.add(FLEET, [PoolSpec("small-0", "small")])
    assert not (await store.pools.get(FLEET, "small-0")).takes_sessions


async def report(store: Store, _: Redis) -> None:
    await store.sessions.report(FLEET, "late", "small-0", None)


async def reconcile(store: Store, _: Redis) -> None:
    await store.pools.reconcile(FLEET, "small-0", await as_of(store), ["late"])


async def restore(store: Store, redis: Redis) -> None:
    begin_in_another_process(redis)
    incarnation = (await store._functions.change("recover", FLEET))[-2]
    item = Item("placed", "late", "small-0", "", 0, incarnation, 2**40)
    await store._functions.change("restore", FLEET, incarnation=incarnation, items=[item])


COMING: Mapping[str, Callable[[Store, Redis], Awaitable[None]]] = {
    "reported": report,
    "listed": reconcile,
    "restored": restore,
}


@pytest.mark.parametrize("how", COMING)
@pytest.mark.parametrize("forget", [0, 86_400], ids=["", "forgotten after a day"])
async def test_a_session_on_a_gone_pool_ends_as_the_others(
    store: Store, clock: Clock, redis: Redis, how: str, forget: float
) -> None:
    await create(store, replace(spec(*TWO_CLASSES), gone_seconds=20, forget_seconds=forget), {"small": 2})
    await beat(store, "small-0")
    await pass_seconds(store, clock, 12.5 + 20 + 30)
    await COMING[how](store, redis)
    await pass_seconds(store, clock, 18)
    assert (await store.sessions.get(FLEET, "late")).pool_id == "small-0"
    await pass_seconds(store, clock, 5)
    assert await end_of(store, "late") == "pool_gone"
    assert (await store.fleets.snapshot(FLEET)).counters["pool_gone"] == 1


async def test_an_outage_of_the_store_loses_no_pool_for_one_lease(store: Store, fleet: None, clock: Clock) -> None:
    await beat(store, "small-0")
    await jump(store, clock, 600)
    await pass_seconds(store, clock, 1.25 * TTL - 0.1)
    assert (await liveness(store))["small-0"] == "alive"
    await pass_seconds(store, clock, 0.2)
    assert (await liveness(store))["small-0"] == "lost", "not held for a minute, as sessions are"


async def test_a_new_master_loses_no_pool_for_a_lease(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    await beat(store, "small-0")
    await pass_seconds(store, clock, 1.25 * TTL - 1)
    begin_in_another_process(redis)
    await pass_seconds(store, clock, 1.25 * TTL)
    assert (await liveness(store))["small-0"] == "alive"
    await pass_seconds(store, clock, 5)
    assert (await liveness(store))["small-0"] == "lost"


async def test_a_pool_that_moves_to_another_class_keeps_a_lease(store: Store, fleet: None, clock: Clock) -> None:
    await beat(store, "small-0")
    moved, _ = await store.pools.move(FLEET, PoolSpec("small-0", "large"))
    assert moved.liveness == "alive"
    await pass_seconds(store, clock, 13)
    assert (await liveness(store))["small-0"] == "lost"
    assert (await store.fleets.snapshot(FLEET)).classes[1].lost_pools == 1


async def test_heartbeats_without_change_write_no_state(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    await beat(store, "small-0")
    before = everything(redis)
    clock.advance(2)
    await beat(store, "small-0")
    changed = {key for key, value in everything(redis).items() if before.get(key) != value}
    assert changed == {f"{{{FLEET}}}:timers"}


async def test_a_list_is_wanted_once_the_counts_differ_twice_in_a_row(store: Store, fleet: None, clock: Clock) -> None:
    assert not (await beat(store, "small-0", count=3))["small-0"].list
    assert not (await beat(store, "small-0", count=0))["small-0"].list
    assert not (await beat(store, "small-0", count=3))["small-0"].list
    assert (await beat(store, "small-0", count=3))["small-0"].list
    assert not (await beat(store, "small-0", count=3))["small-0"].list


async def test_a_list_is_wanted_once_in_ten_minutes(store: Store, fleet: None, clock: Clock) -> None:
    wanted = 0
    for _ in range(1200 // 5):
        wanted += (await beat(store, "small-0", count=0))["small-0"].list
        await pass_seconds(store, clock, 5)
    assert wanted == 2


async def test_without_a_count_no_list_is_wanted(store: Store, fleet: None, clock: Clock) -> None:
    for _ in range(1200 // 5):
        assert not (await beat(store, "small-0"))["small-0"].list
        await pass_seconds(store, clock, 5)


async def test_the_list_of_a_heartbeat_s_instant_is_accepted(store: Store, fleet: None) -> None:
    beats = await store.pools.beat(FLEET, [Heartbeat("small-0", "10", "1")])
    assert (await store.pools.reconcile(FLEET, "small-0", beats.as_of, ["s"])).adopted == ["s"]


async def test_attributes_come_with_a_heartbeat(store: Store, fleet: None) -> None:
    await store.pools.beat(
        FLEET, [Heartbeat("small-1", "10"), Heartbeat("small-0", "10", attributes=("10.0.0.1:80", ""))]
    )
    assert [(await store.pools.get(FLEET, f"small-{k}")).address for k in (0, 1)] == ["10.0.0.1:80", None]


async def test_full_memory_lets_heartbeats_renew_leases(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    heartbeats = [Heartbeat("small-0", "10", attributes=("10.0.0.1:80", ""))]
    await beat(store, "small-0")
    await pass_seconds(store, clock, 10)
    redis.config_set("maxmemory", 1)
    try:
        assert [beat.outcome for beat in (await store.pools.beat(FLEET, heartbeats)).pools] == ["ok"]
    finally:
        redis.config_set("maxmemory", 0)
    await pass_seconds(store, clock, 10)
    pool = await store.pools.get(FLEET, "small-0")
    assert (pool.liveness, pool.address) == ("alive", None)
    await store.pools.beat(FLEET, heartbeats)
    assert (await store.pools.get(FLEET, "small-0")).address == "10.0.0.1:80"


async def test_the_next_heartbeat_is_wanted_after_a_quarter_to_a_third_of_the_lease(store: Store, fleet: None) -> None:
    results = (await beat(store, "small-0", "small-1", "large-0", ttl=120)).values()
    assert [result for result in results if not 30 <= result.next_seconds <= 40] == []
    assert len({result.next_seconds for result in results}) == 3


async def test_a_tick_just_after_another_sees_a_lease_that_has_run_out(store: Store, fleet: None, clock: Clock) -> None:
    await beat(store, "small-0")
    await pass_seconds(store, clock, 1.25 * TTL - 0.1)
    clock.advance(0.1)
    await store.fleets.tick([FLEET])
    assert (await liveness(store))["small-0"] == "lost"
