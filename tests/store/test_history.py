"""The kept integrals, as a dispatcher reads them."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.models import WINDOWS
from slta.store import Store
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, create, pass_seconds, pool_class, spec, with_scale

SECOND = 1_000_000


@pytest.mark.parametrize(("window", "step"), [(300, 5), (3600, 60)])
async def test_a_window_has_a_line_per_sixtieth_newest_first(
    store: Store, clock: Clock, window: int, step: int
) -> None:
    await create(store, spec(pool_class("small")), {"small": 1})
    await pass_seconds(store, clock, 125)
    lines = await store.fleets.past(await store.fleets.snapshot(FLEET), window)
    times = [line.time / SECOND for line in lines]
    assert times == sorted(times, reverse=True)
    assert {round(later - earlier) for earlier, later in zip(times[1:], times, strict=False)} == {step}


@pytest.mark.parametrize(("hold", "kept"), [(0, 61), (3600, 62), (14_340, 241)])
async def test_each_window_is_trimmed_but_the_hour_is_kept_for_as_long_as_scale_advice_needs(
    store: Store, clock: Clock, redis: Redis, hold: int, kept: int
) -> None:
    await create(store, with_scale(spec(pool_class("small")), hold), {"small": 1})
    await store.fleets.tick(FLEET)
    rings = [f"{{{FLEET}}}:past:{window}" for window in WINDOWS]
    for ring in rings:
        redis.lpush(ring, *redis.lrange(ring, 0, 0) * 300)
    await pass_seconds(store, clock, 60)
    assert [redis.llen(ring) for ring in rings] == [61, 61, kept]
    snapshot = await store.fleets.snapshot(FLEET)
    assert [len(await store.fleets.past(snapshot, window)) for window in (3600, 14_400)] == [61, kept]
