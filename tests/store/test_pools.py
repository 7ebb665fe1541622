"""Pools come, drain, fail, return, move and go."""

from __future__ import annotations

import asyncio

import pytest
from redis import Redis

from slta.models import PoolFilter, PoolPage, PoolsAdded, PoolSpec, errors
from slta.store import Store
from slta.store.pools import POOLS_PER_CALL, POOLS_PER_SLICE
from tests.store.conftest import Calls
from tests.store.fleets import (
    FLEET,
    LARGE,
    SMALL,
    TWO_CLASSES,
    all_pools,
    create,
    end,
    occupancies,
    place,
    pool_class,
    spec,
    unchanged,
)

# Adding


async def test_new_pools_are_active_and_empty_and_adding_them_again_changes_nothing(store: Store, fleet: None) -> None:
    first = await store.pools.add(FLEET, [PoolSpec("new", "small"), PoolSpec("small-0", "small")])
    assert first == PoolsAdded(created=["new"], changed=[], unchanged=["small-0"])
    assert await store.pools.add(FLEET, [PoolSpec("new", "small")]) == PoolsAdded(
        created=[], changed=[], unchanged=["new"]
    )
    pool = await store.pools.get(FLEET, "new")
    assert (pool.pool_class, pool.status, pool.occupancy) == ("small", "active", 0)


async def test_an_id_twice_in_one_list_is_one_pool(store: Store, fleet: None) -> None:
    assert (await store.pools.add(FLEET, [PoolSpec("new", "small"), PoolSpec("new", "small")])).created == ["new"]
    assert len(await all_pools(store)) == 5


@pytest.mark.parametrize(
    ("pools", "error"),
    [
        ([("a", "small"), ("b", "unheard of")], errors.UnknownClassError),
        ([("a", "small"), ("small-0", "large")], errors.PoolInOtherClassError),
        ([("a", "small"), ("b", "small"), ("a", "large")], errors.PoolInOtherClassError),
    ],
)
async def test_a_list_with_one_bad_pool_adds_none(
    store: Store, fleet: None, redis: Redis, pools: list[tuple[str, str]], error: type[Exception]
) -> None:
    with unchanged(redis), pytest.raises(error):
        await store.pools.add(FLEET, [PoolSpec(*pool) for pool in pools])


@pytest.mark.slow
async def test_a_fleet_holds_65536_pools_and_not_one_more(store: Store) -> None:
    await store.fleets.configure(FLEET, spec(pool_class("a", SMALL, 2), pool_class("b", LARGE, 2)), "{}")
    await store.pools.add(FLEET, [PoolSpec(f"a{k}", "a") for k in range(65_000)])
    await store.pools.add(FLEET, [PoolSpec(f"b{k}", "b") for k in range(536)])
    for pools in ([("one", "a")], [("b0", "b"), ("one", "b")]):
        with pytest.raises(errors.PoolLimitError):
            await store.pools.add(FLEET, [PoolSpec(*pool) for pool in pools])
    assert (await store.pools.add(FLEET, [PoolSpec("a0", "a")])).created == [], "those there are may be named again"
    placed = await place(store, 40)
    assert len(set(placed.values())) == 40, "nearly always different: 40 of 65,536"
    await store.pools.remove(FLEET, next(f"a{k}" for k in range(65_000) if f"a{k}" not in placed.values()))
    assert (await store.pools.add(FLEET, [PoolSpec("one", "b")])).created == ["one"]
    assert sum(one.counts[0] for one in (await store.fleets.snapshot(FLEET)).classes) == 65_536
    await end(store, placed)
    await store.fleets.delete(FLEET)  # 65,536 pools are audited elsewhere: pool by pool they take a minute


# Draining, failing, returning


async def test_draining_twice_is_draining_once(store: Store, fleet: None, redis: Redis) -> None:
    await place(store, 5)
    await store.pools.set_status(FLEET, "large-0", "draining")
    with unchanged(redis):
        await store.pools.set_status(FLEET, "large-0", "draining")


async def test_failing_a_pool_ends_its_sessions_and_says_which(store: Store, fleet: None) -> None:
    placed = await place(store, 12)
    pool = placed["s0"]
    failed = await store.pools.fail(FLEET, pool)
    assert (failed.status, failed.occupancy) == ("failed", 0)
    assert set(failed.ended_session_ids) == {id_ for id_, where in placed.items() if where == pool}
    with pytest.raises(errors.SessionEndedError) as refused:
        await store.sessions.assign(FLEET, "s0", None)
    assert refused.value.context == {"pool_id": pool, "reason": "failed"}
    assert (await store.fleets.snapshot(FLEET)).counters["failed"] == len(failed.ended_session_ids)
    assert (await store.pools.fail(FLEET, pool)).ended_session_ids == []


async def test_failing_a_pool_of_300_sessions_ends_them_in_slices(store: Store, calls: Calls) -> None:
    await create(store, spec(pool_class("big", SMALL, 400)), {"big": 1})
    await place(store, 300)
    calls.functions.clear()
    assert len((await store.pools.fail(FLEET, "big-0")).ended_session_ids) == 300
    assert [count for function, count in calls.functions if function == "batch"] == [128, 128, 44]


# Removing and moving


async def test_only_an_empty_pool_is_removed_and_then_it_is_gone(store: Store, fleet: None) -> None:
    placed = await store.sessions.assign(FLEET, "s", None)
    with pytest.raises(errors.PoolNotEmptyError):
        await store.pools.remove(FLEET, placed.pool_id)
    await store.sessions.complete(FLEET, "s")
    await store.pools.remove(FLEET, placed.pool_id)
    for call in (
        store.pools.get(FLEET, placed.pool_id),
        store.pools.remove(FLEET, placed.pool_id),
        store.pools.set_status(FLEET, placed.pool_id, "active"),
        store.pools.fail(FLEET, placed.pool_id),
        store.pools.reconcile(FLEET, placed.pool_id, "", []),
    ):
        with pytest.raises(errors.UnknownPoolError):
            await call
    assert placed.pool_id not in await occupancies(store)


async def test_an_empty_pool_changes_class_and_keeps_its_status(store: Store, fleet: None) -> None:
    await store.pools.set_status(FLEET, "small-0", "draining")
    moved, created = await store.pools.move(FLEET, PoolSpec("small-0", "large"))
    assert (moved.pool_class, moved.status, created) == ("large", "draining", False)
    await store.pools.set_status(FLEET, "small-0", "active")
    assert [c.counts[0] for c in (await store.fleets.snapshot(FLEET)).classes] == [1, 3]


async def test_a_pool_with_sessions_stays_in_its_class(store: Store, fleet: None) -> None:
    placed = await store.sessions.assign(FLEET, "s", None)
    other = {"small": "large", "large": "small"}[placed.pool_class]
    with pytest.raises(errors.PoolNotEmptyError):
        await store.pools.move(FLEET, PoolSpec(placed.pool_id, other))
    assert (await store.pools.move(FLEET, PoolSpec(placed.pool_id, placed.pool_class)))[0].occupancy == 1
    with pytest.raises(errors.UnknownClassError):
        await store.pools.move(FLEET, PoolSpec("small-0", "unheard of"))


# Pages


async def test_pages_of_any_size_show_every_pool_once_in_the_same_order(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES, pool_class("third")), {"large": 23, "small": 9, "third": 0})
    for k in (0, 8, 9, 22):
        await store.pools.remove(FLEET, f"large-{k}")
    await store.pools.set_status(FLEET, "small-3", "draining")
    await place(store, 17)
    whole = await all_pools(store)
    assert len({pool.pool_id for pool in whole}) == len(whole) == 28
    for limit in (1, 2, 7, 27, 28, 29):
        assert await all_pools(store, limit=limit) == whole


async def test_pages_end_where_the_pools_end(store: Store) -> None:
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}")
    assert await store.pools.page(FLEET, None, 10) == PoolPage(pools=[], next_cursor=None)
    await store.pools.add(FLEET, [PoolSpec("a", "small"), PoolSpec("b", "large")])
    page = await store.pools.page(FLEET, None, 2)
    assert ([pool.pool_id for pool in page.pools], page.next_cursor) == (["a", "b"], None)


async def test_a_page_has_the_pools_of_its_filters_and_reads_as_many_as_another(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": POOLS_PER_CALL, "large": 3})
    for pool_id in ("small-0", "large-1"):
        await store.pools.set_status(FLEET, pool_id, "draining")
    draining, large = PoolFilter(status="draining"), PoolFilter("active", "alive", "large")
    first = await store.pools.page(FLEET, None, 2, draining)
    assert [pool.pool_id for pool in first.pools] == ["small-0"], "1,000 pools were read"
    rest = await store.pools.page(FLEET, first.next_cursor, 2, draining)
    assert ([pool.pool_id for pool in rest.pools], rest.next_cursor) == (["large-1"], None)
    one_class = await store.pools.page(FLEET, None, 2, large)
    assert ([pool.pool_id for pool in one_class.pools], one_class.next_cursor) == (["large-0", "large-2"], None)
    assert (await store.pools.page(FLEET, None, 9, PoolFilter(liveness="lost"))).pools == []
    with pytest.raises(errors.UnknownClassError):
        await store.pools.page(FLEET, None, 2, PoolFilter(pool_class="none"))


async def test_pools_that_come_and_go_between_pages_hide_no_other_pool(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 6, "large": 6})
    first = await store.pools.page(FLEET, None, 5)
    await store.pools.remove(FLEET, "small-1")
    await store.pools.remove(FLEET, "small-5")
    await store.pools.add(FLEET, [PoolSpec("late", "large")])
    rest = await store.pools.page(FLEET, first.next_cursor, 100)
    assert rest.next_cursor is None
    assert {p.pool_id for p in (*first.pools, *rest.pools)} >= {f"large-{k}" for k in range(6)} | {"small-4"}


async def test_all_pools_are_read_in_slices_with_pauses_between(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": POOLS_PER_SLICE, "large": POOLS_PER_SLICE + 1})
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)
    pages = [page async for page in store.pools.each_page(FLEET)]
    assert [len(page) for page in pages] == [POOLS_PER_SLICE, POOLS_PER_SLICE, 1]
    assert len(pauses) == len(pages)
    assert min(pauses) > 0
    assert len({pool.pool_id for page in pages for pool in page}) == 2 * POOLS_PER_SLICE + 1
