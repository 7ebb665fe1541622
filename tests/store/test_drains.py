"""Drains with a deadline: stored in fleet time, carried out by any tick, ended by whatever ends the drain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slta.models import Drain, Pool, PoolSpec, errors
from slta.models.pools import Heartbeat
from slta.models.request_record import Author, Event, Facts
from slta.store import Store
from testbed.servers import TextRedis
from tests import rawstate
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, TWO_CLASSES, create, end, field, jump, pass_seconds, pool_class, spec

KEY = f"{{{FLEET}}}:timers"
POOL = "small-0"


def within(seconds: float, then: str = "list") -> Drain:
    return Drain(deadline_seconds=seconds, then="fail" if then == "fail" else "list")


async def fill(store: Store, count: int, pool_id: str = POOL) -> list[str]:
    """Sessions on one pool."""
    ids = [f"{pool_id}.{k}" for k in range(count)]
    for id_ in ids:
        await store.sessions.report(FLEET, id_, pool_id, None)
    return ids


async def drain(store: Store, pool_id: str = POOL, deadline: Drain | None = None) -> Pool:
    return await store.pools.set_status(FLEET, pool_id, "draining", None, deadline)


async def seen(store: Store, pool_id: str = POOL) -> tuple[str, int, Drain | None]:
    pool = await store.pools.get(FLEET, pool_id)
    return pool.status, pool.occupancy, pool.drain


async def endings(store: Store) -> list[Event]:
    return [event for event in await store.fleets.events(FLEET) if event.action == "drain_ended"]


async def test_a_deadline_is_in_every_answer_about_the_pool(store: Store, fleet: None, clock: Clock) -> None:
    assert (await drain(store, deadline=within(600, "fail"))).drain == within(600, "fail")
    await pass_seconds(store, clock, 10)
    page = (await store.pools.page(FLEET, None, 100)).pools
    assert {pool.pool_id: pool.drain for pool in page if pool.drain} == {POOL: within(590, "fail")}
    assert await seen(store) == ("draining", 0, within(590, "fail"))


async def test_what_is_left_at_the_deadline_is_listed_and_goes_on(store: Store, fleet: None, clock: Clock) -> None:
    ids = await fill(store, 3)
    await drain(store, deadline=within(20))
    await end(store, ids[:1])
    await pass_seconds(store, clock, 19)
    assert await endings(store) == []
    await pass_seconds(store, clock, 3)
    (event,) = await endings(store)
    assert (event.pool_id, event.pools, event.pool_ids, event.sessions) == (POOL, 1, [POOL], 2)
    assert sorted(event.session_ids or []) == ids[1:]
    assert event.before == event.after == Facts(pool_class="small", status="draining")
    assert await seen(store) == ("draining", 2, within(-2))
    assert (await store.pools.sessions(FLEET, POOL)).session_ids == ids[1:]


async def test_a_deadline_is_carried_out_once(store: Store, fleet: None, clock: Clock) -> None:
    await drain(store, deadline=within(2))
    await pass_seconds(store, clock, 30)
    (event,) = await endings(store)
    assert (event.sessions, event.session_ids) == (0, None)


async def test_a_pool_fails_at_its_deadline_and_its_sessions_end(store: Store, fleet: None, clock: Clock) -> None:
    ids = await fill(store, 3)
    await drain(store, deadline=within(5, "fail"))
    await pass_seconds(store, clock, 5)
    assert await seen(store) == ("failed", 0, None)
    (event,) = await endings(store)
    assert (event.sessions, event.after) == (3, Facts(pool_class="small", status="failed"))
    completed = await store.sessions.complete(FLEET, ids[0])
    assert getattr(completed, "reason", None) == "failed"
    snapshot = await store.fleets.snapshot(FLEET)
    assert (snapshot.counters["failed"], snapshot.draining_sessions) == (3, 0)


async def test_an_empty_pool_does_not_fail_at_its_deadline(store: Store, fleet: None, clock: Clock) -> None:
    await drain(store, deadline=within(5, "fail"))
    await pass_seconds(store, clock, 7)
    assert await seen(store) == ("draining", 0, within(-2, "fail"))
    assert [event.after for event in await endings(store)] == [Facts(pool_class="small", status="draining")]


async def test_one_call_ends_at_most_128_sessions_and_the_tick_goes_on(store: Store, clock: Clock) -> None:
    await create(store, spec(pool_class("small", capacity=300)), {"small": 2})
    await fill(store, 300)
    await drain(store, deadline=within(5, "fail"))
    clock.advance(5)
    left: list[int] = []
    while (await store.fleets.tick([FLEET]))[FLEET].remain or not left:  # type: ignore[union-attr]
        left.append((await store.pools.get(FLEET, POOL)).occupancy)
        clock.advance(0.5)
    assert left == [172, 44]
    assert await seen(store) == ("failed", 0, None)
    assert len(await endings(store)) == 1


async def test_one_tick_carries_out_256_deadlines_with_one_event(store: Store, clock: Clock) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 262})
    await store.pools.set_statuses(FLEET, "draining", "small", None, within(5))
    await pass_seconds(store, clock, 5)
    assert [event.pools for event in await endings(store)] == [6, 256]
    assert [len(event.pool_ids or []) for event in await endings(store)] == [5, 5]


@pytest.mark.parametrize("status", ["active", "failed"])
@pytest.mark.parametrize("many", [False, True])
async def test_another_status_ends_the_deadline(
    store: Store, fleet: None, redis: TextRedis, clock: Clock, status: str, many: bool
) -> None:
    await drain(store, deadline=within(5, "fail"))
    if many:
        await store.pools.set_statuses(FLEET, status, [POOL])  # type: ignore[arg-type]
    else:
        await store.pools.set_status(FLEET, POOL, status)  # type: ignore[arg-type]
    assert not redis.exists(KEY)
    await pass_seconds(store, clock, 10)
    assert await seen(store) == (status, 0, None)
    assert await endings(store) == []


async def test_a_removed_pool_leaves_its_name_no_deadline(store: Store, fleet: None, redis: TextRedis) -> None:
    await drain(store, deadline=within(5))
    await store.pools.remove(FLEET, POOL)
    assert not redis.exists(KEY)


@pytest.mark.parametrize(("later", "score"), [(within(50), 50e6), (within(50, "fail"), 50e6), (None, None)])
async def test_a_repeated_drain_replaces_the_deadline(
    store: Store, fleet: None, redis: TextRedis, later: Drain | None, score: float | None
) -> None:
    await drain(store, deadline=within(20))
    assert (await drain(store, deadline=later)).drain == later
    assert redis.zrange(KEY, 0, -1, withscores=True) == ([(f"drain@{POOL}", score)] if later else [])


async def test_a_forgotten_pool_leaves_no_deadline(store: Store, clock: Clock, redis: TextRedis) -> None:
    await create(store, replace(spec(*TWO_CLASSES), gone_seconds=20, forget_seconds=30), {"small": 2})
    await store.pools.beat(FLEET, [Heartbeat(POOL, "10")])
    await drain(store, deadline=within(3600))
    await pass_seconds(store, clock, 70)
    with pytest.raises(errors.UnknownPoolError):
        await seen(store)
    assert not redis.exists(KEY)


async def test_a_drain_after_its_deadline_has_a_new_one(store: Store, fleet: None, clock: Clock) -> None:
    await drain(store, deadline=within(2))
    await pass_seconds(store, clock, 5)
    await drain(store, deadline=within(2))
    await pass_seconds(store, clock, 5)
    assert len(await endings(store)) == 2


async def test_in_an_outage_a_deadline_comes_nearer_by_five_seconds(store: Store, fleet: None, clock: Clock) -> None:
    await drain(store, deadline=within(60, "fail"))
    await jump(store, clock, 3600)
    assert await seen(store) == ("draining", 0, within(55, "fail"))


async def test_a_moved_pool_keeps_its_deadline(store: Store, fleet: None) -> None:
    await drain(store, deadline=within(60))
    moved, _ = await store.pools.move(FLEET, PoolSpec(POOL, "large"))
    assert (moved.pool_class, moved.drain) == ("large", within(60))


async def test_a_drain_that_is_over_loses_its_timer(store: Store, fleet: None, redis: TextRedis, clock: Clock) -> None:
    await drain(store, deadline=within(2))
    await pass_seconds(store, clock, 4)
    await store.pools.move(FLEET, PoolSpec(POOL, "large"))
    assert redis.exists(KEY) == 0


async def test_a_pool_that_moves_while_it_fails_keeps_the_timer(store: Store, clock: Clock, redis: TextRedis) -> None:
    await create(store, spec(pool_class("small", capacity=200), pool_class("large")), {"small": 1})
    ids = await fill(store, 200)
    await drain(store, deadline=within(5, "fail"))
    clock.advance(5)
    await store.fleets.tick([FLEET])
    await end(store, ids)
    await store.pools.move(FLEET, PoolSpec(POOL, "large"))
    assert redis.zrange(KEY, 0, -1) == [f"drain@{POOL}"]


async def test_a_timer_that_is_of_nothing_is_dropped(store: Store, fleet: None, redis: TextRedis, clock: Clock) -> None:
    ids = await fill(store, 2)
    redis.zadd(KEY, dict.fromkeys([POOL, f"drain@{POOL}", "drain@nobody", "guard@9", "other@x", "nobody"], 2e6))
    rawstate.poke(redis, FLEET, pool_due=2_000_000)
    await pass_seconds(store, clock, 5)
    assert (await store.pools.sessions(FLEET, POOL)).session_ids == ids
    assert not redis.exists(KEY)
    assert await endings(store) == []


async def test_an_event_has_the_deadline_and_who_set_it(store: Store, fleet: None) -> None:
    who = Author("r-1", "ops", "192.0.2.7")
    await drain(store)
    await store.pools.set_status(FLEET, POOL, "draining", who, within(600, "fail"))
    newest = (await store.fleets.events(FLEET))[0]
    assert (newest.key_id, newest.before, newest.after) == (
        "ops",
        Facts(pool_class="small", status="draining"),
        Facts(pool_class="small", status="draining", drain_until=600, drain_then="fail"),
    )


async def test_many_pools_get_a_deadline_together_also_those_that_drain(store: Store, fleet: None) -> None:
    await drain(store, "small-1")
    both = ["small-0", "small-1"]
    changed = await store.pools.set_statuses(FLEET, "draining", both, None, within(30))
    assert (changed.changed, changed.unchanged) == (both, [])
    assert [(await seen(store, pool_id))[2] for pool_id in both] == [within(30)] * 2
    newest = (await store.fleets.events(FLEET))[0]
    assert (newest.pools, newest.after) == (
        2,
        Facts(pool_class="small", status="draining", drain_until=30, drain_then="list"),
    )
    assert (await store.pools.set_statuses(FLEET, "draining", both)).changed == both
    newest = (await store.fleets.events(FLEET))[0]
    assert newest.before == Facts(pool_class="small", status="draining", drain_until=30, drain_then="list")
    assert newest.after == Facts(pool_class="small", status="draining")
    assert (await store.pools.set_statuses(FLEET, "draining", both)).unchanged == both


async def test_ticks_before_a_deadline_write_nothing(store: Store, fleet: None, redis: TextRedis, clock: Clock) -> None:
    await drain(store, deadline=within(3))
    before = field(redis, "revision")
    await pass_seconds(store, clock, 2)
    assert field(redis, "revision") == before
    await pass_seconds(store, clock, 2)
    assert field(redis, "revision") != before
