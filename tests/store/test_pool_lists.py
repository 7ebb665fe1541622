"""A pool's own list of its sessions is taken as the truth, unless it is of another time."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.models import errors
from slta.store import Store
from tests import rawstate
from tests.store.conftest import Calls, Clock
from tests.store.fleets import (
    FLEET,
    SMALL,
    TWO_CLASSES,
    as_of,
    create,
    occupancies,
    pass_seconds,
    place,
    pool_class,
    spec,
    unchanged,
)


async def test_a_pool_s_list_ends_what_is_not_on_it_and_keeps_what_is(store: Store, fleet: None, clock: Clock) -> None:
    placed = await place(store, 12)
    mine = sorted(id_ for id_, where in placed.items() if where == "large-0")
    await pass_seconds(store, clock, 1)
    told = await store.pools.reconcile(FLEET, "large-0", await as_of(store), mine[1:])
    assert (told.ended, told.adopted, told.elsewhere) == ([mine[0]], [], [])
    with pytest.raises(errors.SessionEndedError) as refused:
        await store.sessions.get(FLEET, mine[0])
    assert refused.value.context == {"pool_id": "large-0", "reason": "reported_ended"}
    assert (await store.pools.get(FLEET, "large-0")).occupancy == len(mine) - 1


async def test_strangers_on_the_list_are_adopted_as_far_as_there_is_room(store: Store, clock: Clock) -> None:
    await create(store, spec(pool_class("small", capacity=3), lease=50), {"small": 2})
    told = await store.pools.reconcile(FLEET, "small-0", await as_of(store), ["a", "b", "c", "d", "e"])
    assert (told.adopted, told.over_capacity) == (["a", "b", "c"], ["d", "e"])
    session = await store.sessions.get(FLEET, "a")
    assert session.pool_id == "small-0"
    assert session.lease_seconds_left is not None, "an adopted session has the fleet's lease"
    assert (await store.sessions.assign(FLEET, "a", None)).replayed
    assert (await store.fleets.snapshot(FLEET)).counters["adopted"] == 3
    again = await store.pools.reconcile(FLEET, "small-0", await as_of(store), ["a", "b", "c"])
    assert (again.adopted, again.ended, again.over_capacity) == ([], [], [])


async def test_an_ended_id_on_the_list_is_not_brought_back(store: Store, fleet: None) -> None:
    placed = await store.sessions.assign(FLEET, "s", None)
    await store.sessions.complete(FLEET, "s")
    with pytest.raises(errors.UnknownSessionError):
        await store.sessions.complete(FLEET, "overtook")
    told = await store.pools.reconcile(FLEET, placed.pool_id, await as_of(store), ["s", "overtook"])
    assert (told.already_ended, told.adopted) == (["s", "overtook"], [])


async def test_a_session_of_another_pool_stays_there(store: Store, fleet: None) -> None:
    placed = await store.sessions.assign(FLEET, "s", None)
    other = "small-0" if placed.pool_id != "small-0" else "small-1"
    told = await store.pools.reconcile(FLEET, other, await as_of(store), ["s"])
    assert told.elsewhere == ["s"]
    assert (await store.sessions.get(FLEET, "s")).pool_id == placed.pool_id


async def test_reports_from_before_a_loss_change_nothing(store: Store, redis: Redis, fleet: None, clock: Clock) -> None:
    await pass_seconds(store, clock, 4)
    old = await as_of(store)
    redis.flushall()
    clock.advance(10)
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    placed = await store.sessions.assign(FLEET, "s", None)
    await pass_seconds(store, clock, 2)
    await refused_as_stale(store, redis, placed.pool_id, old)


async def test_a_report_from_the_future_changes_nothing(store: Store, redis: Redis, fleet: None, clock: Clock) -> None:
    placed = await store.sessions.assign(FLEET, "s", None)
    await pass_seconds(store, clock, 2)
    epoch, _, time = (await as_of(store)).partition(":")
    await refused_as_stale(store, redis, placed.pool_id, f"{epoch}:{int(time) + 1}")


async def refused_as_stale(store: Store, redis: Redis, pool_id: str, old: str) -> None:
    """Whatever is on the list; and the refusal says what would be right."""
    with unchanged(redis):
        for ids in ([], ["s"], ["stranger"]):
            with pytest.raises(errors.StaleReportError) as refused:
                await store.pools.reconcile(FLEET, pool_id, old, ids)
            assert refused.value.context == {"as_of": await as_of(store)}
    told = await store.pools.reconcile(FLEET, pool_id, refused.value.context["as_of"], ["stranger"])
    assert (told.ended, told.adopted) == (["s"], ["stranger"])


async def test_a_store_that_is_lost_while_a_report_is_taken_ends_and_adopts_nothing_more(
    store: Store, redis: Redis, fleet: None, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = await store.sessions.assign(FLEET, "s", None)
    await pass_seconds(store, clock, 2)
    then = await as_of(store)
    read = store.pools._session_ids

    async def lose_the_store(*arguments: str) -> list[str]:
        ids = await read(*arguments)
        rawstate.poke(redis, FLEET, store_epoch=1)
        return ids

    monkeypatch.setattr(store.pools, "_session_ids", lose_the_store)
    for ids in ([], ["s", "stranger"]):
        with pytest.raises(errors.StaleReportError):
            await store.pools.reconcile(FLEET, placed.pool_id, then, ids)
        rawstate.poke(redis, FLEET, store_epoch=int(then.partition(":")[0]))
    assert await occupancies(store) == {"small-0": 0, "small-1": 0, "large-0": 0, "large-1": 0} | {placed.pool_id: 1}


async def test_lists_of_500_sessions_go_out_in_slices(store: Store, calls: Calls, clock: Clock) -> None:
    await create(store, spec(pool_class("big", SMALL, 450)), {"big": 1})
    ids = [f"s{k}" for k in range(500)]
    told = await store.pools.reconcile(FLEET, "big-0", await as_of(store), ids)
    assert (told.adopted, told.over_capacity) == (ids[:450], ids[450:])
    assert max(count for _, count in calls.functions) == 128
    await pass_seconds(store, clock, 1)
    assert set((await store.pools.reconcile(FLEET, "big-0", await as_of(store), [])).ended) == set(ids[:450])
