"""The mass-loss guard: where many leases run out at once, pools stay in service, unconfirmed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from slta.models import PoolSpec, errors
from slta.store import Store
from testbed.in_process import tick
from tests.store.conftest import Clock
from tests.store.fleets import (
    EACH_POLICY,
    FLEET,
    LARGE,
    SMALL,
    all_pools,
    create,
    pass_seconds,
    place,
    pool_class,
    spec,
)
from tests.store.test_liveness import TTL, beat, keep_alive, liveness

CLASSES = (pool_class("small", SMALL, 4), pool_class("large", LARGE, 6))
EIGHT = [f"small-{k}" for k in range(8)]
EXPIRY = 1.25 * TTL


async def eight(store: Store, policy: str = "jlmu") -> None:
    """Eight pools of a class with leases, and two of another without."""
    await create(store, spec(*CLASSES, policy=policy), {"small": 8, "large": 2})
    await beat(store, *EIGHT)


async def count(store: Store) -> Counter[str]:
    return Counter(pool.liveness for pool in await all_pools(store) if pool.pool_class == "small")


async def guard(store: Store) -> list[str]:
    return [c.guard for c in (await store.fleets.snapshot(FLEET)).classes]


async def events(store: Store) -> list[tuple[str, int | None]]:
    found = [(event.action, event.pools) for event in await store.fleets.events(FLEET)]
    return [event for event in found if event[0].endswith("_guard")]


async def test_a_third_of_a_class_is_lost_without_the_guard(store: Store, clock: Clock) -> None:
    await eight(store)
    await store.pools.add(FLEET, [PoolSpec("small-8", "small")])
    await beat(store, "small-8")
    await keep_alive(store, clock, 15, *EIGHT[2:])
    assert await count(store) == {"lost": 3, "alive": 6}
    assert await guard(store) == ["off", "off"]


async def test_two_of_two_pools_are_lost_without_the_guard(store: Store, clock: Clock) -> None:
    await create(store, spec(*CLASSES), {"small": 2, "large": 2})
    await beat(store, "small-0", "small-1")
    await pass_seconds(store, clock, 13)
    assert await count(store) == {"lost": 2}


@EACH_POLICY
async def test_more_than_a_third_at_once_stay_in_service_unconfirmed(store: Store, clock: Clock, policy: str) -> None:
    await eight(store, policy)
    before = (await store.fleets.snapshot(FLEET)).classes[0].counts[0]
    await keep_alive(store, clock, 15, *EIGHT[3:])
    assert await count(store) == {"unconfirmed": 3, "alive": 5}
    assert (await store.fleets.snapshot(FLEET)).classes[0].counts[0] == before
    assert await guard(store) == ["on", "off"]
    assert await events(store) == [("begin_guard", 3)]


async def test_pools_lost_within_the_same_lease_return_as_unconfirmed_ones(store: Store, clock: Clock) -> None:
    await eight(store)
    await pass_seconds(store, clock, 2)
    await beat(store, *EIGHT[2:])
    await pass_seconds(store, clock, EXPIRY - 2)
    assert await count(store) == {"lost": 2, "alive": 6}
    await beat(store, *EIGHT[4:])
    await pass_seconds(store, clock, 2)
    assert await count(store) == {"unconfirmed": 4, "alive": 4}
    assert await events(store) == [("begin_guard", 4)]


async def test_pools_lost_more_than_a_lease_before_stay_lost(store: Store, clock: Clock) -> None:
    await eight(store)
    await keep_alive(store, clock, 25, *EIGHT[2:])
    await pass_seconds(store, clock, EXPIRY)
    assert await count(store) == {"lost": 2, "unconfirmed": 6}


async def test_no_pool_becomes_gone_while_the_guard_is_on(store: Store, clock: Clock) -> None:
    await create(store, replace(spec(*CLASSES), gone_seconds=40), {"small": 8, "large": 2})
    await beat(store, *EIGHT)
    await keep_alive(store, clock, 25, *EIGHT[2:])
    await pass_seconds(store, clock, 60)
    assert await count(store) == {"lost": 2, "unconfirmed": 6}


async def test_guards_end_two_leases_after_half_were_heard_and_others_are_lost(store: Store, clock: Clock) -> None:
    await eight(store)
    await pass_seconds(store, clock, EXPIRY)
    assert await count(store) == {"unconfirmed": 8}
    assert (await beat(store, *EIGHT[:3]))["small-0"].outcome == "ok"
    assert await guard(store) == ["on", "off"]
    await beat(store, EIGHT[3])
    assert await guard(store) == ["over", "off"]
    await keep_alive(store, clock, 2 * TTL - TTL / 4, *EIGHT[:4])
    assert await count(store) == {"alive": 4, "unconfirmed": 4}
    await keep_alive(store, clock, TTL / 2, *EIGHT[:4])
    assert await count(store) == {"alive": 4, "lost": 4}
    assert await guard(store) == ["off", "off"]
    assert await events(store) == [("end_guard", 0), ("begin_guard", 8)]
    ended, begun, *_ = await store.fleets.events(FLEET)
    assert (ended.pool_ids, begun.pool_ids) == (None, list(EIGHT[:5]))


async def test_an_operator_ends_the_guard_and_unconfirmed_pools_are_lost_then_gone(store: Store, clock: Clock) -> None:
    await create(store, replace(spec(*CLASSES), gone_seconds=20), {"small": 8, "large": 2})
    await beat(store, *EIGHT)
    placed = await place(store, 20)
    await keep_alive(store, clock, 15, *EIGHT[4:])
    assert (await store.pools.end_guard(FLEET, None)).ended == ["small"]
    await tick(store, FLEET)
    assert await count(store) == {"lost": 4, "alive": 4}
    assert await guard(store) == ["off", "off"]
    await keep_alive(store, clock, 25, *EIGHT[4:])
    assert await count(store) == {"gone": 4, "alive": 4}
    lost = [id_ for id_, pool in placed.items() if pool in EIGHT[:4]]
    assert (await store.fleets.snapshot(FLEET)).counters["pool_gone"] == len(lost)


async def test_the_guard_of_another_class_stays(store: Store, clock: Clock) -> None:
    await eight(store)
    await pass_seconds(store, clock, EXPIRY)
    assert (await store.pools.end_guard(FLEET, "large")).ended == []
    assert await guard(store) == ["on", "off"]
    with pytest.raises(errors.UnknownClassError):
        await store.pools.end_guard(FLEET, "tiny")
    assert await events(store) == [("begin_guard", 8)], "it has ended none"


async def test_a_failed_unconfirmed_pool_is_not_counted_and_returns_unconfirmed(store: Store, clock: Clock) -> None:
    await eight(store)
    await pass_seconds(store, clock, EXPIRY)
    for pool_id in EIGHT[2:]:
        await store.pools.fail(FLEET, pool_id)
    await store.pools.set_status(FLEET, EIGHT[7], "active")
    assert (await liveness(store))[EIGHT[7]] == "unconfirmed"
    await beat(store, EIGHT[0])
    assert await guard(store) == ["on", "off"], "one of three"
    await store.pools.fail(FLEET, EIGHT[7])
    assert await guard(store) == ["over", "off"], "one of the two that are left"


async def test_a_thousand_lost_pools_return_in_slices(store: Store, clock: Clock) -> None:
    ids = [f"small-{k}" for k in range(1000)]
    await create(store, spec(*CLASSES), {"small": 1000, "large": 2})
    await beat(store, *ids)
    await pass_seconds(store, clock, EXPIRY)
    assert await count(store) == {"unconfirmed": 1000}
    await store.pools.end_guard(FLEET, "small")
    await tick(store, FLEET)
    assert await count(store) == {"lost": 1000}
    await beat(store, *ids)
    assert await count(store) == {"alive": 1000}
