"""Pools come, drain, fail, return, move and go; r and the gap follow by themselves."""

from __future__ import annotations

import asyncio
import random

import pytest
from redis import Redis

from service import errors
from service.core.fleet import FleetSpec
from service.core.optimum import optimum
from service.core.policies import PLACING
from service.store import Store
from service.values import PoolPage, PoolsAdded, Snapshot
from tests import rawstate
from tests.store.conftest import Calls, Clock
from tests.store.fleets import (
    FLEET,
    LARGE,
    SMALL,
    TWO_CLASSES,
    all_pools,
    as_of,
    create,
    end,
    everything,
    field,
    occupancies,
    pass_seconds,
    place,
    pool_class,
    spec,
)

EACH_POLICY = pytest.mark.parametrize("policy", PLACING)


@pytest.fixture
async def fleet(store: Store) -> None:
    """Two pools of a class `small` and two of `large`."""
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})


# Adding


async def test_new_pools_are_active_and_empty_and_adding_them_again_changes_nothing(store: Store, fleet: None) -> None:
    first = await store.pools.add(FLEET, [("new", "small"), ("small-0", "small")])
    assert first == PoolsAdded(created=["new"], unchanged=["small-0"])
    assert await store.pools.add(FLEET, [("new", "small")]) == PoolsAdded(created=[], unchanged=["new"])
    pool = await store.pools.get(FLEET, "new")
    assert (pool.pool_class, pool.status, pool.occupancy) == ("small", "active", 0)


async def test_an_id_twice_in_one_list_is_one_pool(store: Store, fleet: None) -> None:
    assert (await store.pools.add(FLEET, [("new", "small"), ("new", "small")])).created == ["new"]
    assert len(await all_pools(store)) == 5


@pytest.mark.parametrize(
    ("pools", "error"),
    [
        ([("a", "small"), ("b", "unheard of")], errors.UnknownClass),
        ([("a", "small"), ("small-0", "large")], errors.PoolInOtherClass),
        ([("a", "small"), ("b", "small"), ("a", "large")], errors.PoolInOtherClass),
    ],
)
async def test_a_list_with_one_bad_pool_adds_none(
    store: Store, fleet: None, redis: Redis, pools: list[tuple[str, str]], error: type[Exception]
) -> None:
    before = everything(redis)
    with pytest.raises(error):
        await store.pools.add(FLEET, pools)
    assert everything(redis) == before


async def test_a_fleet_holds_65536_pools_and_not_one_more(store: Store, redis: Redis) -> None:
    await store.fleets.configure(FLEET, spec(pool_class("a", SMALL, 2), pool_class("b", LARGE, 2)), "{}")
    await store.pools.add(FLEET, [(f"a{k}", "a") for k in range(65_000)])
    await store.pools.add(FLEET, [(f"b{k}", "b") for k in range(536)])
    for pools in ([("one", "a")], [("b0", "b"), ("one", "b")]):
        with pytest.raises(errors.PoolLimit):
            await store.pools.add(FLEET, pools)
    assert (await store.pools.add(FLEET, [("a0", "a")])).created == [], "those there are may be named again"
    placed = await place(store, 40)
    assert len(set(placed.values())) == 40, "nearly always different: 40 of 65,536"
    await store.pools.remove(FLEET, next(f"a{k}" for k in range(65_000) if f"a{k}" not in placed.values()))
    assert (await store.pools.add(FLEET, [("one", "b")])).created == ["one"]
    for field_name in ("pools", "active_pools", "room_for"):
        assert sum(int(word) for word in field(redis, field_name).split()) in {65_536, 131_072}
    await end(store, placed)
    await store.fleets.delete(FLEET)  # 65,536 pools are audited elsewhere: pool by pool they take a minute


# Draining, failing, returning


@EACH_POLICY
async def test_a_draining_pool_keeps_its_sessions_and_gets_no_new_ones(store: Store, policy: str) -> None:
    await create(store, spec(*TWO_CLASSES, policy=policy), {"small": 2, "large": 2})
    placed = await place(store, 6)
    held = sum(pool == "large-0" for pool in placed.values())
    drained = await store.pools.set_status(FLEET, "large-0", "draining")
    assert (drained.status, drained.occupancy) == ("draining", held)
    more = await place(store, 4 + 4 + 6 - (6 - held), "t")
    assert "large-0" not in more.values()
    snapshot = await store.fleets.snapshot(FLEET)
    assert (snapshot.draining_sessions, snapshot.classes[1].draining_sessions) == (held, held)
    assert snapshot.classes[1].draining_pools == 1


@EACH_POLICY
async def test_a_full_fleet_has_room_again_when_a_drained_pool_returns(store: Store, policy: str) -> None:
    await create(store, spec(pool_class("small", capacity=2), policy=policy), {"small": 2})
    await store.sessions.assign(FLEET, "s", None)
    drained = next(pool for pool, count in (await occupancies(store)).items() if count)
    await store.pools.set_status(FLEET, drained, "draining")
    await place(store, 2, "t")
    with pytest.raises(errors.NoCapacity):
        await store.sessions.assign(FLEET, "late", None)
    await store.pools.set_status(FLEET, drained, "active")
    assert (await store.sessions.assign(FLEET, "late", None)).pool_id == drained


async def test_sessions_that_end_on_a_draining_pool_empty_it_and_it_returns_with_those_left(
    store: Store, fleet: None
) -> None:
    placed = await place(store, 12)
    pool = placed["s0"]
    mine = [id_ for id_, where in placed.items() if where == pool]
    await store.pools.set_status(FLEET, pool, "draining")
    await store.sessions.complete(FLEET, mine[0])
    returned = await store.pools.set_status(FLEET, pool, "active")
    assert returned.occupancy == len(mine) - 1
    assert (await store.fleets.snapshot(FLEET)).sessions == 11


async def test_draining_twice_is_draining_once(store: Store, fleet: None, redis: Redis) -> None:
    await place(store, 5)
    await store.pools.set_status(FLEET, "large-0", "draining")
    before = everything(redis)
    await store.pools.set_status(FLEET, "large-0", "draining")
    assert everything(redis) == before


async def test_a_draining_pool_may_fail_and_a_failed_one_return(store: Store, fleet: None) -> None:
    for status in ("draining", "failed", "draining", "active", "failed", "active"):
        assert (await store.pools.set_status(FLEET, "large-0", status)).status == status
        counted = (await store.fleets.snapshot(FLEET)).classes[1]
        assert (counted.counts[0], counted.draining_pools, counted.failed_pools) == (
            1 + (status == "active"),
            int(status == "draining"),
            int(status == "failed"),
        )


async def test_failing_a_pool_ends_its_sessions_and_says_which(store: Store, fleet: None) -> None:
    placed = await place(store, 12)
    pool = placed["s0"]
    failed = await store.pools.fail(FLEET, pool)
    assert (failed.status, failed.occupancy) == ("failed", 0)
    assert set(failed.ended_session_ids) == {id_ for id_, where in placed.items() if where == pool}
    with pytest.raises(errors.SessionEnded) as refused:
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
    with pytest.raises(errors.PoolNotEmpty):
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
        with pytest.raises(errors.UnknownPool):
            await call
    assert placed.pool_id not in await occupancies(store)


async def test_the_place_of_a_removed_pool_is_taken_by_the_next_new_one(store: Store, fleet: None) -> None:
    await place(store, 3)
    empty = next(pool for pool, count in (await occupancies(store)).items() if not count)
    await store.pools.remove(FLEET, empty)
    await store.pools.add(FLEET, [("heir", empty.split("-")[0])])
    assert (await store.pools.get(FLEET, "heir")).occupancy == 0
    assert len(await all_pools(store)) == 4


async def test_a_session_goes_to_the_pool_that_has_the_place_whatever_it_was_called_before(store: Store) -> None:
    """Names are remembered between calls, and a pool and its successor have one number."""
    await create(store, spec(*TWO_CLASSES), {"small": 2})
    placed = await place(store, 2)
    removed = placed["s0"]
    await end(store, ["s0"])
    await store.pools.remove(FLEET, removed)
    await store.pools.add(FLEET, [("successor", "small")])
    assert await place(store, 1, "new") == {"new0": "successor"}


async def test_an_empty_pool_changes_class_and_keeps_its_status(store: Store, fleet: None) -> None:
    await store.pools.set_status(FLEET, "small-0", "draining")
    moved, created = await store.pools.move(FLEET, "small-0", "large")
    assert (moved.pool_class, moved.status, created) == ("large", "draining", False)
    await store.pools.set_status(FLEET, "small-0", "active")
    assert [c.counts[0] for c in (await store.fleets.snapshot(FLEET)).classes] == [1, 3]


async def test_moving_an_unknown_pool_creates_it(store: Store, fleet: None) -> None:
    moved, created = await store.pools.move(FLEET, "new", "large")
    assert (moved.pool_class, moved.status, created) == ("large", "active", True)


async def test_a_pool_with_sessions_stays_in_its_class(store: Store, fleet: None) -> None:
    placed = await store.sessions.assign(FLEET, "s", None)
    other = {"small": "large", "large": "small"}[placed.pool_class]
    with pytest.raises(errors.PoolNotEmpty):
        await store.pools.move(FLEET, placed.pool_id, other)
    assert (await store.pools.move(FLEET, placed.pool_id, placed.pool_class))[0].occupancy == 1
    with pytest.raises(errors.UnknownClass):
        await store.pools.move(FLEET, "small-0", "unheard of")


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
    await store.pools.add(FLEET, [("a", "small"), ("b", "large")])
    page = await store.pools.page(FLEET, None, 2)
    assert ([pool.pool_id for pool in page.pools], page.next_cursor) == (["a", "b"], None)


async def test_pools_that_come_and_go_between_pages_hide_no_other_pool(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 6, "large": 6})
    first = await store.pools.page(FLEET, None, 5)
    await store.pools.remove(FLEET, "small-1")
    await store.pools.remove(FLEET, "small-5")
    await store.pools.add(FLEET, [("late", "large")])
    rest = await store.pools.page(FLEET, first.next_cursor, 100)
    assert rest.next_cursor is None
    assert {p.pool_id for p in (*first.pools, *rest.pools)} >= {f"large-{k}" for k in range(6)} | {"small-4"}


# A pool's own list


async def test_a_pool_s_list_ends_what_is_not_on_it_and_keeps_what_is(store: Store, fleet: None, clock: Clock) -> None:
    placed = await place(store, 12)
    mine = sorted(id_ for id_, where in placed.items() if where == "large-0")
    await pass_seconds(store, clock, 1)
    told = await store.pools.reconcile(FLEET, "large-0", await as_of(store), mine[1:])
    assert (told.ended, told.adopted, told.elsewhere) == ([mine[0]], [], [])
    with pytest.raises(errors.SessionEnded) as refused:
        await store.sessions.get(FLEET, mine[0])
    assert refused.value.context == {"pool_id": "large-0", "reason": "reported_ended"}
    assert (await store.pools.get(FLEET, "large-0")).occupancy == len(mine) - 1


async def test_what_was_placed_after_the_pool_made_its_list_is_kept(store: Store, clock: Clock) -> None:
    await create(store, spec(*TWO_CLASSES), {"large": 1})
    await store.sessions.assign(FLEET, "before", None)
    await pass_seconds(store, clock, 2)
    then = await as_of(store)
    await store.sessions.assign(FLEET, "at the same time", None)
    await pass_seconds(store, clock, 2)
    await store.sessions.assign(FLEET, "after", None)
    told = await store.pools.reconcile(FLEET, "large-0", then, [])
    assert told.ended == ["before"]
    assert (await store.pools.get(FLEET, "large-0")).occupancy == 2


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
    with pytest.raises(errors.UnknownSession):
        await store.sessions.complete(FLEET, "overtook")
    told = await store.pools.reconcile(FLEET, placed.pool_id, await as_of(store), ["s", "overtook"])
    assert (told.already_ended, told.adopted) == (["s", "overtook"], [])


async def test_a_session_of_another_pool_stays_there(store: Store, fleet: None) -> None:
    placed = await store.sessions.assign(FLEET, "s", None)
    other = "small-0" if placed.pool_id != "small-0" else "small-1"
    told = await store.pools.reconcile(FLEET, other, await as_of(store), ["s"])
    assert told.elsewhere == ["s"]
    assert (await store.sessions.get(FLEET, "s")).pool_id == placed.pool_id


async def test_a_report_from_before_the_store_was_lost_changes_nothing(
    store: Store, redis: Redis, fleet: None, clock: Clock
) -> None:
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
    before = everything(redis)
    for ids in ([], ["s"], ["stranger"]):
        with pytest.raises(errors.StaleReport) as refused:
            await store.pools.reconcile(FLEET, pool_id, old, ids)
        assert refused.value.context == {"as_of": await as_of(store)}
    assert everything(redis) == before
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
        with pytest.raises(errors.StaleReport):
            await store.pools.reconcile(FLEET, placed.pool_id, then, ids)
        rawstate.poke(redis, FLEET, store_epoch=int(then.partition(":")[0]))
    assert await occupancies(store) == {"small-0": 0, "small-1": 0, "large-0": 0, "large-1": 0} | {placed.pool_id: 1}


async def test_a_draining_pool_s_list_counts_too(store: Store, fleet: None, clock: Clock) -> None:
    await store.pools.set_status(FLEET, "small-0", "draining")
    told = await store.pools.reconcile(FLEET, "small-0", await as_of(store), ["a", "b"])
    assert told.adopted == ["a", "b"]
    assert (await store.fleets.snapshot(FLEET)).draining_sessions == 2
    await pass_seconds(store, clock, 1)
    told = await store.pools.reconcile(FLEET, "small-0", await as_of(store), ["b", "b"])
    assert told.ended == ["a"]
    await store.pools.set_status(FLEET, "small-0", "active")
    assert (await store.fleets.snapshot(FLEET)).sessions == 1


async def test_lists_of_500_sessions_go_out_in_slices(store: Store, calls: Calls, clock: Clock) -> None:
    await create(store, spec(pool_class("big", SMALL, 450)), {"big": 1})
    ids = [f"s{k}" for k in range(500)]
    told = await store.pools.reconcile(FLEET, "big-0", await as_of(store), ids)
    assert (told.adopted, told.over_capacity) == (ids[:450], ids[450:])
    assert max(count for _, count in calls.functions) == 128
    await pass_seconds(store, clock, 1)
    assert set((await store.pools.reconcile(FLEET, "big-0", await as_of(store), [])).ended) == set(ids[:450])


# r and the gap recover by themselves

BURST = 20
"""Ends and arrivals that are sent together, alternating."""


class Traffic:
    """Sessions that come and go around a level, as they do in a fleet in balance."""

    def __init__(self, store: Store, fleet: FleetSpec, seed: int) -> None:
        self.store, self.fleet, self.rng = store, fleet, random.Random(seed)
        self.live: list[str] = []
        self.serial = 0

    async def hold(self, sessions: int, events: int) -> None:
        """Move to `sessions` sessions, then `events` ends and arrivals there."""
        await asyncio.gather(*(self.one_ends() for _ in range(len(self.live) - sessions)))
        await asyncio.gather(*(self.one_comes() for _ in range(sessions - len(self.live))))
        for _ in range(0, events, BURST):
            await asyncio.gather(
                *(move() for _ in range(min(BURST, events)) for move in (self.one_ends, self.one_comes))
            )

    async def one_comes(self) -> None:
        self.serial += 1
        arrived = f"t{self.serial}"
        await self.store.sessions.assign(FLEET, arrived, None)
        self.live.append(arrived)

    async def one_ends(self) -> None:
        at = self.rng.randrange(len(self.live))
        self.live[at], self.live[-1] = self.live[-1], self.live[at]
        await self.store.sessions.complete(FLEET, self.live.pop())

    async def assert_optimal(self) -> Snapshot:
        """r is within a rank or two of the optimum, and the utility within 1 % of its bound."""
        snapshot = await self.store.fleets.snapshot(FLEET)
        pools = [c.counts[0] for c in snapshot.classes]
        ranking = self.fleet.ranking.restricted_to([i for i, count in enumerate(pools) if count])
        best = optimum(ranking, pools, snapshot.sessions)
        assert best is not None
        assert abs(snapshot.rank - best.rank) <= 2, f"r = {snapshot.rank}, optimal {best.rank}"
        assert snapshot.optimum - snapshot.utility <= abs(snapshot.optimum) / 100
        return snapshot


@pytest.fixture
async def traffic(store: Store) -> Traffic:
    """20 pools of 5 classes' worth of curves, 4 sessions on each."""
    fleet = spec(pool_class("small", SMALL, 12), pool_class("large", LARGE, 16))
    await create(store, fleet, {"small": 10, "large": 10})
    made = Traffic(store, fleet, seed=1)
    await made.hold(80, 300)
    return made


@pytest.mark.parametrize("gone", ["small", "large"])
async def test_a_whole_class_drained_and_returned_leaves_r_at_its_optimum(
    store: Store, traffic: Traffic, gone: str
) -> None:
    await traffic.assert_optimal()
    for k in range(10):
        await store.pools.set_status(FLEET, f"{gone}-{k}", "draining")
    await traffic.hold(80, 300)
    await traffic.assert_optimal()
    for k in range(10):
        await store.pools.set_status(FLEET, f"{gone}-{k}", "active")
    await traffic.hold(80, 400)
    await traffic.assert_optimal()


async def test_half_the_pools_drained_and_returned_leave_r_at_its_optimum(store: Store, traffic: Traffic) -> None:
    for status in ("draining", "active"):
        for name in ("small", "large"):
            for k in range(5):
                await store.pools.set_status(FLEET, f"{name}-{k}", status)
        await traffic.hold(80, 400)
        await traffic.assert_optimal()


async def test_all_pools_drained_and_returned_leave_r_at_its_optimum(store: Store, traffic: Traffic) -> None:
    names = [f"{name}-{k}" for name in ("small", "large") for k in range(10)]
    for name in names:
        await store.pools.set_status(FLEET, name, "draining")
    snapshot = await store.fleets.snapshot(FLEET)
    assert (snapshot.rank, snapshot.sessions, snapshot.draining_sessions) == (0, 0, 80)
    for name in reversed(names):
        await store.pools.set_status(FLEET, name, "active")
    await traffic.hold(80, 300)
    await traffic.assert_optimal()


async def test_a_thousand_pools_added_at_once_leave_r_at_its_optimum(store: Store, traffic: Traffic) -> None:
    await store.pools.add(FLEET, [(f"new-{k}", ("small", "large")[k % 2]) for k in range(1000)])
    assert (await store.fleets.snapshot(FLEET)).classes[0].counts[0] == 510
    await traffic.hold(3000, 1000)
    await traffic.assert_optimal()


async def test_the_gap_over_time_closes_again_after_a_class_returns(
    store: Store, traffic: Traffic, clock: Clock
) -> None:
    for k in range(10):
        await store.pools.set_status(FLEET, f"large-{k}", "draining")
    await traffic.hold(80, 100)
    for k in range(10):
        await store.pools.set_status(FLEET, f"large-{k}", "active")
    await traffic.hold(80, 300)
    older = (await store.fleets.snapshot(FLEET)).integrals
    for _ in range(100):
        clock.advance(1)
        await traffic.hold(80, 1)
    newer = (await store.fleets.snapshot(FLEET)).integrals
    utility, best = newer.utility[0] - older.utility[0], newer.optimum[0] - older.optimum[0]
    assert 0 <= best - utility <= best / 200
