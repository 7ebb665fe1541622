"""Ticks of fleets on several masters: a packet for each, and what one master refuses is asked again by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from slta.models import Ticked
from slta.models.errors import DispatchError
from slta.store import Store
from tests.clusters import Cluster
from tests.store.cluster.test_masters import move
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


def kinds(ticked: Mapping[str, Ticked | DispatchError]) -> dict[str, bool]:
    """Which fleets were ticked."""
    return {fleet: isinstance(outcome, Ticked) for fleet, outcome in ticked.items()}


async def test_fleets_are_ticked_in_one_packet_for_each_master(store: Store, fleets: list[str], calls: Calls) -> None:
    assert kinds(await store.fleets.tick_many(fleets)) == dict.fromkeys(fleets, True)
    assert calls.functions == [("tick", 2)] * 3


async def test_a_master_that_is_away_keeps_the_ticks_of_no_other(
    nodes: Cluster, store: Store, fleets: list[str]
) -> None:
    nodes.masters()[0].freeze()
    assert kinds(await store.fleets.tick_many(fleets)) == dict(zip(fleets, [False] * 2 + [True] * 4, strict=True))


async def test_a_fleet_whose_slot_has_moved_and_one_without_the_library_are_ticked(
    nodes: Cluster, store: Store, fleets: list[str]
) -> None:
    first, second, _ = nodes.masters()
    await asyncio.to_thread(move, nodes, fleets[0], second)
    first.ask("FUNCTION", "FLUSH", "SYNC")
    assert kinds(await store.fleets.tick_many(fleets)) == dict.fromkeys(fleets, True)
