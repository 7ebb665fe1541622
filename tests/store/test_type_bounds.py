"""Bounds of the intervals that wait, as dispatchers compute them and tell them with their next tick."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator

import pytest
from redis import Redis

from slta.calculations.client import Calculator
from slta.fleet_file import FleetFile, Specs
from slta.models import Integrals, PoolSpec, Ticked
from slta.runtime.type_bounds import TypeBounds
from slta.store import Store
from slta.views.averages import completed
from testbed.in_process import Here
from tests.store.conftest import Clock
from tests.store.fleets import FLEET

DOCUMENT = """{"policy": "jlmu", "classes": [
  {"name": "a", "capacity": 3, "utility": {"kind": "linear", "slope": 2}},
  {"name": "b", "capacity": 4, "utility": {"kind": "log_share", "resource": 20}}
], "session_types": {"narrow": ["b"]}}"""
SPEC = FleetFile.model_validate_json(DOCUMENT).to_spec()


@pytest.fixture
async def calculator() -> AsyncIterator[Calculator]:
    calculator = Calculator()
    yield calculator
    await calculator.end()


async def begin(store: Store, clock: Clock, fleet: str = FLEET) -> None:
    """Two sessions of `narrow` on b, where they would be worth more on a, for four seconds."""
    await store.fleets.configure(fleet, SPEC, DOCUMENT)
    await store.pools.add(fleet, [PoolSpec("a-0", "a"), PoolSpec("b-0", "b")])
    for number in range(2):
        await store.sessions.assign(fleet, f"s{number}", None, session_type="narrow")
    clock.advance(4)


async def tick(store: Store, clock: Clock, bounds: TypeBounds, fleet: str = FLEET) -> None:
    """A tick of this dispatcher, as `Ticks` does it."""
    clock.advance(1)
    ticked = (await store.fleets.tick([fleet], bounds.excesses))[fleet]
    assert isinstance(ticked, Ticked)
    bounds.ticked(fleet, ticked.interval)


async def integrals(store: Store, fleet: str = FLEET) -> Integrals:
    return (await store.fleets.snapshot(fleet)).integrals


def compatibility(found: Integrals) -> float:
    assert found.types
    return sum(found.types.compatibility)


async def test_what_two_dispatchers_compute_is_added_once(store: Store, clock: Clock, calculator: Calculator) -> None:
    """By the process, as by a reader of what still waits."""
    await begin(store, clock)
    one, other = (TypeBounds(store, Specs(), asked) for asked in (calculator, Here()))
    await tick(store, clock, one)
    await tick(store, clock, other)
    expected = compatibility(completed(await integrals(store), SPEC))
    assert expected > compatibility(await integrals(store)) == 0
    await one.round()
    await other.round()
    assert one.excesses == other.excesses
    await tick(store, clock, one)
    await tick(store, clock, other)
    found = await integrals(store)
    assert 0 < compatibility(found) < expected
    assert compatibility(completed(found, SPEC)) == pytest.approx(expected * 8 / 6)
    assert not one.excesses.keys() & other.excesses.keys()


async def test_an_interval_of_a_dead_process_is_taken_over(store: Store, clock: Clock, calculator: Calculator) -> None:
    await begin(store, clock)
    await tick(store, clock, TypeBounds(store, Specs(), Here()))  # it is killed here
    bounds = TypeBounds(store, Specs(), calculator)
    await tick(store, clock, bounds)
    await calculator.ask("[]")
    assert calculator.pid
    os.kill(calculator.pid, signal.SIGKILL)
    await bounds.round()
    assert not bounds.excesses
    for _ in range(2):
        await tick(store, clock, bounds)
        await bounds.round()
    assert compatibility(await integrals(store)) > 0


async def test_no_fleet_delays_other_bounds(store: Store, clock: Clock, redis: Redis, calculator: Calculator) -> None:
    bounds = TypeBounds(store, Specs(), calculator)
    for fleet in ("damaged", FLEET):
        await begin(store, clock, fleet)
        await tick(store, clock, bounds, fleet)
    redis.hset("{damaged}:document", "text", DOCUMENT.replace('"narrow": ["b"]', '"narrow": ["b"], "wide": ["a", "b"]'))
    await bounds.round()
    await tick(store, clock, bounds)
    await tick(store, clock, bounds, "damaged")
    assert compatibility(await integrals(store)) > 0
    assert compatibility(await integrals(store, "damaged")) == 0


async def test_tables_of_another_version_are_not_used(store: Store, clock: Clock) -> None:
    await begin(store, clock)
    bounds = TypeBounds(store, Specs(), Here())
    await tick(store, clock, bounds)
    await store.fleets.configure(FLEET, SPEC, DOCUMENT + "\n")
    await bounds.round()
    assert not bounds.excesses
    await tick(store, clock, bounds)
    await bounds.round()
    assert bounds.excesses.keys() == {FLEET}
    bounds.keep_only([])
    assert not bounds.excesses
