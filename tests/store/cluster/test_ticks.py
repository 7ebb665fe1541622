"""Ticks of fleets on several masters: a packet for each, and what one master refuses is asked again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from slta.models import Ticked
from slta.runtime.background import cancel_all
from slta.runtime.ticks import Ticks
from slta.store import Store
from testbed.clusters import Cluster
from tests.runtime.conftest import ticks_of
from tests.store.cluster.witness import ROOMY
from tests.store.conftest import Calls
from tests.store.fleets import create

pytestmark = pytest.mark.slow


@pytest.fixture
async def fleets(nodes: Cluster, store: Store, calls: Calls) -> list[str]:
    """Two on each master."""
    made = [nodes.fleet_on(master, prefix) for master in nodes.masters() for prefix in ("one", "other")]
    for fleet in made:
        await create(store, ROOMY, {"small": 1}, fleet)
    calls.functions.clear()
    return made


def ticked(nodes: Cluster, fleet: str) -> bool:
    return bool(nodes.owner(fleet).ask("EXISTS", f"{{{fleet}}}:past:60"))


@asynccontextmanager
async def ticking(store: Store) -> AsyncIterator[Ticks]:
    ticks = ticks_of(store)
    await ticks.round()
    running = asyncio.create_task(ticks.run())
    yield ticks
    await cancel_all([running])


async def test_fleets_are_ticked_in_one_packet_for_each_master(store: Store, fleets: list[str], calls: Calls) -> None:
    async with ticking(store) as ticks:
        await ticks.first_round.wait()
    assert calls.functions[:3] == [("tick", 2)] * 3


async def test_a_master_that_is_away_delays_no_other_ticks(nodes: Cluster, store: Store, fleets: list[str]) -> None:
    nodes.masters()[0].freeze()
    async with ticking(store):
        while not all(ticked(nodes, fleet) for fleet in fleets[2:]):
            await store.check()


async def test_a_moved_fleet_and_one_without_code_are_ticked(nodes: Cluster, store: Store, fleets: list[str]) -> None:
    first, second, _ = nodes.masters()
    await asyncio.to_thread(nodes.move, fleets[0], second)
    first.ask("FUNCTION", "FLUSH", "SYNC")
    outcomes = await store.fleets.tick(fleets[:2])
    assert [type(outcome) for outcome in outcomes.values()] == [Ticked, Ticked]
