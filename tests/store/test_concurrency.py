"""Many callers and many dispatchers on one store: capacities hold exactly, and ids are placed once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from redis import Redis

from slta.models import Placement, errors
from slta.store import Store, StoreSettings
from tests.store.conftest import Calls, Clock
from tests.store.fleets import EACH_POLICY, FLEET, LARGE, SMALL, create, field, occupancies, pool_class, spec

CALLERS = 100


@pytest.fixture
async def stores(store: Store, server: str, calls: Calls, clock: Clock) -> AsyncIterator[list[Store]]:
    """Five dispatchers on one server."""
    others = [
        Store(StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60), calls, clock=clock) for _ in "1234"
    ]
    yield [store, *others]
    for other in others:
        await other.close()


@EACH_POLICY
async def test_100_callers_fill_a_fleet_exactly_and_the_others_are_rejected(stores: list[Store], policy: str) -> None:
    fleet = spec(pool_class("small", SMALL, 3), pool_class("large", LARGE, 5), policy=policy)
    await create(stores[0], fleet, {"small": 6, "large": 8})
    outcomes = await asyncio.gather(
        *(stores[k % 5].sessions.assign(FLEET, f"s{k}", None) for k in range(CALLERS)), return_exceptions=True
    )
    placed = [outcome for outcome in outcomes if isinstance(outcome, Placement)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, errors.NoCapacityError)]
    assert (len(placed), len(refused)) == (58, CALLERS - 58), "6 * 3 + 8 * 5 places"
    counted = Counter(placement.pool_id for placement in placed)
    assert counted == {f"small-{k}": 3 for k in range(6)} | {f"large-{k}": 5 for k in range(8)}
    assert await occupancies(stores[0]) == counted
    assert (await stores[0].fleets.snapshot(FLEET)).counters["rejected_no_capacity"] == CALLERS - 58


@EACH_POLICY
async def test_100_callers_that_come_and_go_exceed_no_capacity(stores: list[Store], redis: Redis, policy: str) -> None:
    """Every caller counts what it was told: never more on a pool than it holds, and in the end the store agrees."""
    await create(stores[0], spec(pool_class("small", SMALL, 4), policy=policy), {"small": 15})
    held: Counter[str] = Counter()
    most: Counter[str] = Counter()
    kept: list[Placement] = []
    ended = 0

    async def functions(number: int) -> None:
        nonlocal ended
        rng = random.Random(number)
        mine: list[Placement] = []
        for turn in range(20):
            store = rng.choice(stores)
            if mine and rng.random() < 0.45:
                gone = mine.pop(rng.randrange(len(mine)))
                held[gone.pool_id] -= 1  # counted before it is over: the place may be taken before we hear of it
                await store.sessions.complete(FLEET, gone.session_id)
                ended += 1
                continue
            try:
                placed = await store.sessions.assign(FLEET, f"{number}-{turn}", None)
            except errors.NoCapacityError:
                continue
            held[placed.pool_id] += 1
            most[placed.pool_id] = max(most[placed.pool_id], held[placed.pool_id])
            mine.append(placed)
        kept.extend(mine)

    await asyncio.gather(*(functions(number) for number in range(CALLERS)))
    assert max(most.values()) == 4, "full at times, never fuller"
    assert await occupancies(stores[0]) == {f"small-{k}": held[f"small-{k}"] for k in range(15)}
    assert (field(redis, "assigned"), field(redis, "completed")) == (str(len(kept) + ended), str(ended))


async def test_50_callers_with_one_id_share_one_session(stores: list[Store], redis: Redis) -> None:
    await create(stores[0], spec(pool_class("small", SMALL, 50)), {"small": 10})
    for round_ in range(5):
        placements = await asyncio.gather(
            *(stores[k % 5].sessions.assign(FLEET, f"s{round_}", None) for k in range(50))
        )
        assert len({placement.pool_id for placement in placements}) == 1
        assert sum(not placement.replayed for placement in placements) == 1
    assert (field(redis, "sessions"), field(redis, "assigned")) == ("5", "5")


async def test_pools_that_drain_under_load_get_nothing_after_the_answer(stores: list[Store]) -> None:
    await create(stores[0], spec(pool_class("small", SMALL, 40)), {"small": 4})

    async def late(number: int) -> str:
        return (await stores[number % 5].sessions.assign(FLEET, f"late{number}", None)).pool_id

    early = [asyncio.create_task(stores[k % 5].sessions.assign(FLEET, f"s{k}", None)) for k in range(40)]
    await stores[0].pools.set_status(FLEET, "small-0", "draining")
    after = await asyncio.gather(*(late(k) for k in range(40)))
    await asyncio.gather(*early)
    assert "small-0" not in after
