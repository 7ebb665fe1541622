"""Refused ids of fleets with scale advice: each counts once within a mean stay, and not if it is served after all."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.models import errors
from slta.store import Store
from testbed.in_process import tick
from tests import rawstate
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, create, end, field, pass_seconds, place, pool_class, spec, with_scale
from tests.store.terms import SECOND

STAY = 10


async def counts_of_refusals(store: Store, clock: Clock, redis: Redis, *pauses: int) -> list[tuple[int, int]]:
    """Of an id that is refused after each pause in a fleet with one place: ids known before, and counted after."""
    await create(store, with_scale(spec(pool_class("small", capacity=1)), 3600), {"small": 1})
    await place(store, 1)
    await tick(store, FLEET)
    rawstate.poke(redis, FLEET, mean_stay=STAY * SECOND)
    counts = []
    for seconds in pauses:
        await pass_seconds(store, clock, seconds)
        known = int(field(redis, "refused"))
        with pytest.raises(errors.NoCapacityError):
            await store.sessions.assign(FLEET, "waits", None)
        counts.append((known, int(field(redis, "refused_ids"))))
    return counts


async def test_an_id_counts_once_within_a_mean_stay(store: Store, clock: Clock, redis: Redis) -> None:
    assert await counts_of_refusals(store, clock, redis, 0, STAY - 1, 1) == [(0, 1), (1, 1), (0, 2)]


@pytest.mark.parametrize(("seconds", "counted"), [(STAY - 1, 0), (STAY, 1)])
async def test_an_id_that_is_served_within_that_time_is_counted_back(
    store: Store, clock: Clock, redis: Redis, seconds: int, counted: int
) -> None:
    await counts_of_refusals(store, clock, redis, 0)
    await end(store, ["s0"])
    await pass_seconds(store, clock, seconds)
    await store.sessions.assign(FLEET, "waits", None)
    assert int(field(redis, "refused_ids")) == counted


@pytest.mark.parametrize(("sessions", "seconds"), [(0, 3600), (2, 30), (12, STAY)])
async def test_the_mean_stay_follows_from_the_history_within_limits(
    store: Store, clock: Clock, redis: Redis, sessions: int, seconds: int
) -> None:
    """One after the other they are there for a minute; what was more than an hour ago says nothing."""
    await create(store, with_scale(spec(pool_class("small")), 3600), {"small": 1})
    await tick(store, FLEET)
    ring = f"{{{FLEET}}}:past:3600"
    redis.lpush(ring, *redis.lrange(ring, 0, 0) * 60)
    redis.lset(ring, -1, "1 0 -9e9 0 0 0 0 0 0 0 # 0 0 0 0")
    for k in range(sessions):
        await place(store, 1, f"{k}-")
        await pass_seconds(store, clock, 60 / sessions)
        await end(store, [f"{k}-0"])
    await pass_seconds(store, clock, 0 if sessions else 60)
    assert int(field(redis, "mean_stay")) == seconds * SECOND
