"""Quality that pools report: what counts as a sample, and what one pool can do to a level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Literal

import pytest
from redis import Redis

from slta.core.fleet import Quality
from slta.core.quality import LevelSamples
from slta.core.utility import PoolClass
from slta.models.pools import Heartbeat
from slta.store import Store
from slta.views.quality import samples_of
from testbed.in_process import tick
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, LARGE, SMALL, create, end, pool_class, spec

CLASSES = (pool_class("small", SMALL, 4), pool_class("large", LARGE, 6))

NUMBERS = count()


async def fleet_of(store: Store, small: int, per: Literal["session", "pool"] = "pool", **changes: Any) -> None:
    fleet = replace(spec(*CLASSES, policy="jlmu"), quality=Quality(per, "frames/s"))
    await create(store, replace(fleet, **changes), {"small": small, "large": 1})


async def hold(store: Store, pool: str, number: int) -> None:
    """The pool gets or loses sessions until it has so many."""
    held = (await store.pools.sessions(FLEET, pool)).session_ids
    for _ in range(len(held), number):
        await store.sessions.report(FLEET, f"s-{next(NUMBERS)}", pool, None)
    await end(store, held[number:])


async def say(store: Store, number: int, **values: float) -> None:
    """Pools small-0, small-1, … send these qualities of `number` sessions, in one call."""
    beats = [
        Heartbeat(name.replace("_", "-"), "10", str(number), quality=repr(value)) for name, value in values.items()
    ]
    await store.pools.beat(FLEET, beats)


async def come(store: Store, level: int, **values: float) -> None:
    """The same of pools that have just come to this level."""
    for name, value in values.items():
        pool = name.replace("_", "-")
        await hold(store, pool, level % 4 + 1)
        await say(store, level % 4 + 1, **{name: value})
        await hold(store, pool, level)
    await say(store, level, **values)


async def levels(store: Store, of_class: int = 0) -> Mapping[int, LevelSamples]:
    """Samples of a class after a tick, which adds them."""
    await tick(store, FLEET)
    return {one.level: one for one in samples_of(await store.fleets.snapshot(FLEET), spec(*CLASSES))[of_class]}


@pytest.mark.parametrize(("per", "factor"), [("pool", 1), ("session", 2)])
async def test_a_round_of_three_pools_is_added_as_values_of_a_pool(
    store: Store, per: Literal["session", "pool"], factor: int
) -> None:
    await fleet_of(store, 4, per)
    for k in range(3):
        await hold(store, f"small-{k}", 2)
    await say(store, 2, small_0=10, small_1=11)
    assert await levels(store) == {}
    await say(store, 2, small_2=12.5)
    expected = {"sum": 33.5 * factor, "sum_squares": 377.25 * factor**2}
    assert await levels(store) == {2: LevelSamples(level=2, samples=3, pools=3, **expected)}


async def test_what_becomes_of_each_value_is_counted(store: Store, calls: Calls) -> None:
    await fleet_of(store, 4)
    await hold(store, "small-0", 2)
    await say(store, 2, small_0=10, small_1=10, nobody=10)
    await say(store, 2, small_0=11)
    await say(store, 3, small_0=11)
    await hold(store, "small-0", 3)
    await say(store, 3, small_0=11)
    assert calls.samples == {"taken": 2, "repeated": 1, "moved": 1, "unused": 1, "refused": 1}


async def test_a_pool_is_at_most_a_third_of_a_level(store: Store) -> None:
    await fleet_of(store, 4)
    for _ in range(3):
        await come(store, 2, small_0=30)
    await come(store, 2, small_1=10, small_2=10)
    found = (await levels(store))[2]
    assert (found.samples, found.pools) == (3, 3)
    await come(store, 2, small_1=10, small_2=10)
    assert (await levels(store))[2].samples == 3, "the other pool's next value is not there"


async def test_a_round_becomes_full_as_pools_leave_service(store: Store) -> None:
    await fleet_of(store, 3)
    await come(store, 2, small_0=10, small_1=11)
    assert await levels(store) == {}
    await store.pools.set_status(FLEET, "small-2", "draining")
    await come(store, 2, small_0=10)
    assert (await levels(store))[2].sum == 21


@pytest.mark.parametrize(("pools", "samples"), [(1, 1), (2, 2)])
async def test_a_class_with_fewer_pools_needs_all_of_them(store: Store, pools: int, samples: int) -> None:
    await fleet_of(store, pools)
    await come(store, 2, **{f"small_{k}": 10.0 + k for k in range(pools)})
    found = (await levels(store))[2]
    assert (found.samples, found.pools, found.sum) == (samples, pools, sum(10 + k for k in range(pools)))
    await say(store, 2, small_0=10)
    assert (await levels(store))[2].samples == samples, "it is still at the level"


@pytest.mark.parametrize(("low", "median", "limit"), [(10, 11, 11 * 4 * 2.2 / 11), (0, 0, 0)])
async def test_a_value_far_from_the_others_is_cut_to_four_spreads_of_the_class(
    store: Store, low: float, median: float, limit: float
) -> None:
    await fleet_of(store, 4)
    for _ in range(3):
        await come(store, 2, small_0=low, small_1=median)
        await come(store, 2, small_2=1000)
    assert (await levels(store))[2].sum == pytest.approx(3 * (low + median + median + limit))


async def test_samples_are_forgotten_by_halves(store: Store, redis: Redis) -> None:
    await fleet_of(store, 1)
    await come(store, 2, small_0=2)
    assert (await levels(store))[2].samples == 1
    redis.hset(f"{{{FLEET}}}:quality", "1:2", "257 1 514 1028")
    await come(store, 2, small_0=3)
    found = (await levels(store))[2]
    assert (found.samples, found.pools) == (129, 1)
    assert (found.sum, found.sum_squares) == (pytest.approx(128 * 2 + 3), pytest.approx(128 * 4 + 9))


async def test_a_record_that_was_lost_begins_again_with_the_pools_of_its_round(store: Store, redis: Redis) -> None:
    await fleet_of(store, 1)
    for _ in range(2):
        await come(store, 2, small_0=2)
        found = await levels(store)
        redis.hdel(f"{{{FLEET}}}:quality", "1:2")
    assert found[2].pools == 1


async def test_samples_stay_with_other_curves_and_go_with_other_classes_or_another_unit(store: Store) -> None:
    async def left(*classes: PoolClass, unit: str = "frames/s") -> int:
        await come(store, 2, small_0=2)
        fleet = replace(spec(*classes, policy="jlmu"), quality=Quality("pool", unit))
        await store.fleets.configure(FLEET, fleet, "{}")
        return len(await levels(store))

    await fleet_of(store, 1)
    assert await left(pool_class("small", LARGE, 4), CLASSES[1]) == 2, "levels 2 and 3"
    assert await left(pool_class("small", LARGE, 5), CLASSES[1]) == 0
    assert await left(pool_class("small", LARGE, 5), CLASSES[1], unit="Mbit/s") == 0
    assert await left(pool_class("small", LARGE, 5), CLASSES[1], pool_class("new"), unit="Mbit/s") == 0
