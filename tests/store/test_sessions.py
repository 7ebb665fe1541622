"""What a session lives through: placed, replayed, renewed, ended once, remembered for a while, forgotten."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.models import PoolSpec, Renewed, errors
from slta.store import Store
from testbed.in_process import TICK_CALLS, tick
from tests import rawstate
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, TWO_CLASSES, create, end_of, field, jump, pass_seconds, place, pool_class, spec

HOUR = 3600
YEAR = 365 * 24 * HOUR


# Assign


async def test_ids_of_128_characters_of_every_kind_that_is_allowed_work(store: Store, fleet: None) -> None:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-"
    longest = (letters * 2)[:128]
    placed = await store.sessions.assign(FLEET, longest, 30)
    assert (await store.sessions.get(FLEET, longest)).pool_id == placed.pool_id
    assert (await store.sessions.renew(FLEET, [longest], None)).renewed == [longest]
    assert (await store.sessions.complete(FLEET, longest)).pool_id == placed.pool_id
    with pytest.raises(errors.SessionEndedError):
        await store.sessions.assign(FLEET, longest, None)


async def test_pools_and_classes_may_have_names_of_128_characters(store: Store) -> None:
    name, pool = "c" * 127 + ":", "p:" * 64
    await store.fleets.configure(FLEET, spec(pool_class(name)), "{}")
    await store.pools.add(FLEET, [PoolSpec(pool, name)])
    placed = await store.sessions.assign(FLEET, "s", None)
    assert (placed.pool_id, placed.pool_class) == (pool, name)


async def test_without_a_fleet_every_call_says_so(store: Store) -> None:
    for call in (
        store.sessions.assign("nobody", "s", None),
        store.sessions.complete("nobody", "s"),
        store.sessions.renew("nobody", ["s"], None),
        store.sessions.get("nobody", "s"),
        tick(store, "nobody"),
        store.fleets.snapshot("nobody"),
        store.pools.page("nobody", None, 10),
        store.pools.add("nobody", [PoolSpec("p", "c")]),
        store.fleets.delete("nobody"),
        store.fleets.config("nobody"),
    ):
        with pytest.raises(errors.UnknownFleetError):
            await call


# Leases


async def test_any_call_ends_leases_that_are_over_but_at_most_32(store: Store, clock: Clock, redis: Redis) -> None:
    await create(store, spec(pool_class("small", capacity=50), lease=10), {"small": 2})
    await place(store, 70)
    clock.advance(4)
    await store.sessions.assign(FLEET, "a", 0)
    clock.advance(4)
    await store.sessions.assign(FLEET, "b", 0)
    clock.advance(4)
    await store.sessions.assign(FLEET, "c", 0)
    assert field(redis, "expired") == "32"
    await store.sessions.complete(FLEET, "c")
    assert field(redis, "expired") == "64"
    await tick(store, FLEET)
    assert field(redis, "expired") == "70", "a tick goes on until none is left"
    assert (await store.fleets.snapshot(FLEET)).sessions == 2


async def test_renewing_no_ids_is_nothing_to_do(store: Store, fleet: None) -> None:
    assert await store.sessions.renew(FLEET, [], None) == Renewed(renewed=[], expired=[], unknown=[])


# Leases that are far behind, as after damage


@pytest.mark.slow
@pytest.mark.parametrize("behind", [YEAR, 10**10], ids=["a year", "a damaged clock"])
async def test_a_call_reaps_1000_s_at_most(store: Store, fleet: None, redis: Redis, calls: Calls, behind: int) -> None:
    rawstate.poke(redis, FLEET, next_due=-behind)
    for call in (store.sessions.assign(FLEET, "s", 30), store.sessions.renew(FLEET, ["s"], None)):
        looked = seconds_looked_through(redis)
        await call
        assert seconds_looked_through(redis) - looked == 1000
    looked, calls.functions[:] = seconds_looked_through(redis), []
    await tick(store, FLEET)
    assert len(calls.functions) == TICK_CALLS
    assert seconds_looked_through(redis) - looked == TICK_CALLS * 1000
    assert int(field(redis, "next_due")) == 1000 * 1002 - behind, "it goes on where it was"
    rawstate.poke(redis, FLEET, next_due=0)


async def test_leases_that_are_hours_behind_end_with_one_tick(
    store: Store, fleet: None, clock: Clock, redis: Redis, calls: Calls
) -> None:
    await store.sessions.assign(FLEET, "s", 10)
    rawstate.poke(redis, FLEET, next_due=-5 * HOUR)
    await pass_seconds(store, clock, 5)
    assert len(calls.functions) >= 18, "calls that ended nothing were gone on from"
    assert int(field(redis, "next_due")) == 6, "now"
    await pass_seconds(store, clock, 10)
    assert await end_of(store, "s") == "expired"


def seconds_looked_through(redis: Redis) -> int:
    statistics: dict[str, dict[str, int]] = redis.info("commandstats")
    return statistics.get("cmdstat_srandmember", {}).get("calls", 0)


# Ended ids are remembered in two generations


async def test_an_ended_id_is_remembered_for_two_minutes_at_the_least(store: Store, clock: Clock) -> None:
    await create(store, spec(*TWO_CLASSES, retention=1), {"small": 1})
    await pass_seconds(store, clock, 130)
    await store.sessions.assign(FLEET, "s", None)
    await store.sessions.complete(FLEET, "s")
    await pass_seconds(store, clock, 115)
    with pytest.raises(errors.SessionEndedError):
        await store.sessions.assign(FLEET, "s", None)


async def test_forgetting_bounds_the_ids_in_memory(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    for k in range(40):
        await store.sessions.assign(FLEET, f"s{k}", None)
        await store.sessions.complete(FLEET, f"s{k}")
        await pass_seconds(store, clock, 100)
    kept = redis.hlen(f"{{{FLEET}}}:ended:0") + redis.hlen(f"{{{FLEET}}}:ended:1")
    assert 6 <= kept <= 12, "between one and two retention times of ids"


# Clocks


async def test_a_clock_less_than_a_second_back_holds_no_lease(store: Store, fleet: None, clock: Clock) -> None:
    await store.sessions.assign(FLEET, "s", 10)
    await pass_seconds(store, clock, 5)
    time = (await store.fleets.snapshot(FLEET)).time
    await jump(store, clock, -0.9)
    assert (await store.fleets.snapshot(FLEET)).time == time
    await jump(store, clock, 0.9)
    assert (await store.fleets.snapshot(FLEET)).time == time
    await pass_seconds(store, clock, 6)
    assert await end_of(store, "s") == "expired"


async def test_a_clock_an_hour_back_ends_no_lease_and_stops_no_time(store: Store, fleet: None, clock: Clock) -> None:
    await store.sessions.assign(FLEET, "s", 600)
    await pass_seconds(store, clock, 100)
    await jump(store, clock, -HOUR)
    session = await store.sessions.get(FLEET, "s")
    assert session.age_seconds == 100, "fleet time never goes back"
    await pass_seconds(store, clock, 100)
    assert (await store.sessions.get(FLEET, "s")).age_seconds == 200
    await pass_seconds(store, clock, 402)
    assert await end_of(store, "s") == "expired"


async def test_a_clock_a_year_ahead_and_back_ends_no_lease(store: Store, fleet: None, clock: Clock) -> None:
    await store.sessions.assign(FLEET, "s", 600)
    for step in (YEAR, -YEAR):
        clock.advance(step)
        for _ in range(3):
            await tick(store, FLEET)
        assert (await store.sessions.get(FLEET, "s")).age_seconds <= 5
    await pass_seconds(store, clock, 590)
    assert (await store.sessions.get(FLEET, "s")).age_seconds == 595
    await pass_seconds(store, clock, 10)
    assert await end_of(store, "s") == "expired"


async def test_an_outage_ends_no_lease_and_reaping_waits_a_minute(store: Store, fleet: None, clock: Clock) -> None:
    await store.sessions.assign(FLEET, "renews", 20)
    await store.sessions.assign(FLEET, "silent", 20)
    await pass_seconds(store, clock, 10)
    await jump(store, clock, 6 * HOUR)
    assert (await store.sessions.get(FLEET, "silent")).age_seconds == 15, "an outage counts as five seconds"
    await pass_seconds(store, clock, 55)
    silent = await store.sessions.get(FLEET, "silent")
    assert (silent.age_seconds, silent.lease_seconds_left) == (70, 0), "its lease is over, but nothing is reaped yet"
    assert (await store.sessions.renew(FLEET, ["renews"], None)).renewed == ["renews"]
    await pass_seconds(store, clock, 10)
    assert await end_of(store, "silent") == "expired"
    assert await end_of(store, "renews") is None


async def test_a_gap_of_five_seconds_is_no_outage(store: Store, fleet: None, clock: Clock) -> None:
    await store.sessions.assign(FLEET, "s", 9)
    await jump(store, clock, 5)
    await jump(store, clock, 5)
    assert await end_of(store, "s") == "expired"
