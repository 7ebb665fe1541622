"""Differences at placing, by source: which sessions are drawn and counted, and when the sums begin anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest
from redis import Redis

from slta.core.differences import ONE_IN, is_drawn
from slta.core.fleet import FleetSpec
from slta.core.utility import LogShareUtility
from slta.models import Differences, PoolSpec
from slta.store import Store, StoreSettings
from slta.store.sessions import report_option
from slta.views.averages import DifferencesBySource, decode_integrals, differences_by_source, encode_integrals
from tests.store.conftest import Calls, Clock
from tests.store.fleets import (
    EACH_POLICY,
    FLAT,
    FLEET,
    STEPS,
    create,
    end,
    field,
    pass_seconds,
    place,
    pool_class,
    spec,
)

DRAWN, NOT_DRAWN = 0.5, 0.5 + 2**-53


@dataclass
class Draw:
    value: float = DRAWN

    def __call__(self) -> float:
        return self.value


def placing(policy: str = "jlmu", lease: float = 0) -> FleetSpec:
    """Δ = 8, 6, 4, 2 on `steps`, 1/2 everywhere on `flat`."""
    return spec(pool_class("steps", STEPS, 4), pool_class("flat", FLAT, 3), policy=policy, lease=lease)


@pytest.fixture
def draw() -> Draw:
    return Draw()


@pytest.fixture
async def store(server: str, redis: Redis, calls: Calls, clock: Clock, draw: Draw) -> AsyncIterator[Store]:
    """A store all of whose sessions are drawn, unless the test says otherwise."""
    settings = StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60)
    opened = Store(settings, calls, draw=draw, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def fleet(store: Store) -> None:
    await create(store, placing(), {"steps": 2, "flat": 2})


async def differences(store: Store) -> Differences | None:
    return (await store.fleets.snapshot(FLEET)).integrals.differences


async def by_source(store: Store) -> DifferencesBySource:
    """Of all drawn sessions."""
    found = differences_by_source((await store.fleets.snapshot(FLEET)).integrals, None, placing())
    assert found
    return found


async def report(store: Store, session_id: str, pool_id: str, *, late: bool = False) -> str:
    return (await store.sessions.report(FLEET, session_id, report_option(pool_id, late=late), None)).outcome


# What is counted


async def test_one_draw_in_sixteen_is_drawn() -> None:
    assert sum(is_drawn(draw / 2**53) for draw in range(2**52, 2**52 + 1600)) * ONE_IN == 1600


@EACH_POLICY
async def test_a_fleet_that_observes_has_no_differences_by_source(store: Store, redis: Redis, policy: str) -> None:
    await create(store, placing("observe"), {"steps": 2, "flat": 2})
    await report(store, "a", "flat-0")
    snapshot = await store.fleets.snapshot(FLEET)
    assert differences_by_source(snapshot.integrals, None, placing("observe")) is None
    assert field(redis, "reported_drawn") == "1", "each report, in the same sums"
    await store.fleets.configure(FLEET, placing(policy), "{}")
    await report(store, "b", "flat-0")
    found = await by_source(store)
    assert (found.reported.sessions, found.placed.sessions) == (1, 0)


# The best free place, as others change the fleet


@pytest.mark.parametrize("policy", ["slta", "slta-greedy"])
async def test_with_many_classes_mostly_one_row_is_counted(store: Store, redis: Redis, draw: Draw, policy: str) -> None:
    """Of classes with green tokens, once a drawn session has found the frontiers."""
    names = [f"c{k}" for k in range(16)]
    classes = (pool_class(name, LogShareUtility(Fraction(20 + 3 * k)), 60) for k, name in enumerate(names))
    await create(store, spec(*classes, policy=policy), dict.fromkeys(names, 4))
    draw.value = NOT_DRAWN
    await place(store, 640)
    await end(store, [f"s{k}" for k in range(0, 640, 20)])
    draw.value = DRAWN
    await report(store, "a", "c0-0")
    assert sum(count != "0" for count in field(redis, "green").split()) > 8

    before = redis.info("commandstats")["cmdstat_bitcount"]["calls"]
    await report(store, "b", "c1-0")
    assert redis.info("commandstats")["cmdstat_bitcount"]["calls"] - before <= 1


# Windows, and what begins the sums anew


async def test_the_mean_of_a_window_is_that_of_its_own_sessions(store: Store, clock: Clock, fleet: None) -> None:
    await report(store, "a", "flat-0")
    await pass_seconds(store, clock, 5)
    early = (await store.fleets.snapshot(FLEET)).integrals
    await report(store, "b", "steps-0")
    await report(store, "c", "steps-0")
    await pass_seconds(store, clock, 65)
    late = await store.fleets.snapshot(FLEET)
    since = decode_integrals(FLEET, encode_integrals(FLEET, early))
    assert since == replace(early, arrivals=None)
    window = differences_by_source(late.integrals, since, placing())
    assert window
    assert (window.reported.sessions, window.reported.mean) == (2, pytest.approx(1))
    assert differences_by_source(late.integrals, late.past[300], placing()) == window
    minute = differences_by_source(late.integrals, late.past[60], placing())
    assert minute
    assert (minute.reported.sessions, minute.reported.mean, minute.reported.standard_error) == (0, None, None)


CURVES = spec(pool_class("steps", STEPS, 3), pool_class("flat", FLAT, 3), policy="jlmu")


@pytest.mark.parametrize("changed", [CURVES, placing("slta")], ids=["curves", "policy"])
async def test_other_curves_or_policies_begin_anew(store: Store, clock: Clock, fleet: None, changed: FleetSpec) -> None:
    await report(store, "a", "flat-0")
    clock.advance(3)
    before = (await store.fleets.snapshot(FLEET)).integrals
    await store.fleets.configure(FLEET, changed, "{}")
    assert await differences(store) is None
    await report(store, "b", "steps-0")
    after = (await store.fleets.snapshot(FLEET)).integrals
    mixed = differences_by_source(after, before, changed)
    assert mixed
    assert (mixed.reported.sessions, mixed.reported.mean) == (1, 0)


async def test_pools_and_settings_leave_the_sums(store: Store, fleet: None) -> None:
    await report(store, "a", "flat-0")
    before = await differences(store)
    await store.pools.add(FLEET, [PoolSpec("steps-9", "steps")])
    await store.pools.set_status(FLEET, "steps-9", "draining")
    await store.fleets.configure(FLEET, placing(lease=5), "{}")
    assert await differences(store) == before
