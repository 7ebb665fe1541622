"""Pools come and go under traffic: r and the gap recover by themselves."""

from __future__ import annotations

import asyncio
import random

import pytest

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum
from slta.models import PoolSpec, Snapshot
from slta.store import Store
from tests.store.conftest import Clock
from tests.store.fleets import (
    FLEET,
    LARGE,
    SMALL,
    create,
    pool_class,
    spec,
)

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
    await store.pools.add(FLEET, [PoolSpec(f"new-{k}", ("small", "large")[k % 2]) for k in range(1000)])
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
