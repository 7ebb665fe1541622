"""The kept integrals, as a dispatcher reads them."""

from __future__ import annotations

import pytest

from slta.models import WINDOWS
from slta.store import Store
from testbed.in_process import tick
from testbed.servers import TextRedis
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, create, findings, pass_seconds, pool_class, repair, spec, with_scale

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
    store: Store, clock: Clock, redis: TextRedis, hold: int, kept: int
) -> None:
    await create(store, with_scale(spec(pool_class("small")), hold), {"small": 1})
    await pass_seconds(store, clock, 1)
    rings = [f"{{{FLEET}}}:past:{window}" for window in WINDOWS]
    for ring in rings:
        version, time, rest = redis.lindex(ring, 0).split(" ", 2)
        redis.rpush(ring, *(f"{version} {int(time) - k} {rest}" for k in range(1, 301)))
    await pass_seconds(store, clock, 60)
    assert [redis.llen(ring) for ring in rings] == [61, 61, kept]
    snapshot = await store.fleets.snapshot(FLEET)
    assert [len(await store.fleets.past(snapshot, window)) for window in (3600, 14_400)] == [61, kept]


@pytest.mark.parametrize("name", ["past:60", "past:3600"])
@pytest.mark.parametrize("word", [0, 1, 2, 9])
async def test_a_damaged_line_is_passed_over_until_a_repair_drops_it(
    store: Store, clock: Clock, redis: TextRedis, name: str, word: int
) -> None:
    fleet, key = spec(pool_class("small")), f"{{{FLEET}}}:{name}"
    await create(store, fleet, {"small": 1})
    await pass_seconds(store, clock, 3)
    words = redis.lindex(key, 0).split(" ")
    redis.lset(key, 0, " ".join([*words[:word], "7p", *words[word + 1 :]]))
    for _ in range(13):
        clock.advance(5)
        assert await tick(store, FLEET) is None
    lines = await store.fleets.past(await store.fleets.snapshot(FLEET), int(name.removeprefix("past:")))
    assert len(lines) == redis.llen(key) - 1
    assert await findings(store, fleet) == [f"{key}: has unreadable entries"]
    await repair(store, fleet)
    assert (await findings(store, fleet), redis.llen(key)) == ([], len(lines))
