"""Masters that join, or miss the library, and replies of one that has given the slot away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from slta.models import errors
from slta.store import Store, StoreSettings
from testbed.awaiting import eventually
from testbed.cluster_nodes import Node
from testbed.clusters import Cluster, form
from testbed.relay import Link, Relay
from testbed.servers import free_port
from tests.store.cluster.witness import ROOMY
from tests.store.conftest import Calls
from tests.store.fleets import create
from tests.store.moving import PATIENT

pytestmark = pytest.mark.slow


async def test_a_master_that_joined_serves_its_first_call_without_an_error(nodes: Cluster, store: Store) -> None:
    fleet = nodes.fleet_on(nodes.masters()[0])
    await create(store, ROOMY, {"small": 2, "large": 2}, fleet)
    placed = await store.sessions.assign(fleet, "s", None)

    joined = await asyncio.to_thread(nodes.add_master)
    await asyncio.to_thread(nodes.move, fleet, joined)

    assert (await store.sessions.get(fleet, "s")).pool_id == placed.pool_id
    assert nodes.owner(fleet) is joined


async def test_moved_is_believed_at_once(nodes: Cluster, store: Store) -> None:
    source, target, _ = nodes.masters()
    fleet = nodes.fleet_on(source)
    await create(store, ROOMY, {"small": 2, "large": 2}, fleet)

    await asyncio.to_thread(nodes.move, fleet, target)

    assert (await store.pools.get(fleet, "small-0")).pool_id == "small-0", "a read is sent once more, at once"


async def test_a_library_that_is_missing_on_one_master_is_loaded_again_there(nodes: Cluster, store: Store) -> None:
    fleets = [nodes.fleet_on(master) for master in nodes.masters()]
    for fleet in fleets:
        await create(store, ROOMY, {"small": 2, "large": 2}, fleet)

    nodes.masters()[1].ask("FUNCTION", "FLUSH", "SYNC")

    for fleet in fleets:
        await store.sessions.assign(fleet, "s", None)
    for master in nodes.masters():
        assert len(master.ask("FUNCTION", "LIST")) == 1


@dataclass
class Withheld:
    """A rule of a relay: it hands calls of functions on, and keeps the replies back until `released`."""

    replies: int = 0
    """How many."""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def rule(self, link: Link, data: bytes, from_client: bool) -> bytes:
        if from_client:
            link.notes["called"] = b"FCALL" in data
        elif link.notes.get("called"):
            self.replies += 1
            await self.released.wait()
        return data


@pytest.fixture
async def relayed(tmp_path: Path, binary: str) -> AsyncIterator[tuple[Cluster, list[Relay]]]:
    """Three masters, and a relay before each of them that all use."""
    async with AsyncExitStack() as stack:
        made = Cluster(tmp_path, binary, ())
        nodes = [made.add(port=free_port()) for _ in range(3)]
        relays = [await stack.enter_async_context(Relay(node.own_port, node.port)) for node in nodes]
        stack.callback(made.stop)
        await asyncio.to_thread(form, made)
        yield made, relays


async def test_a_reply_of_a_master_without_the_slot_is_not_believed(relayed: tuple[Cluster, list[Relay]]) -> None:
    """A call for a session is sent again, with its id; what another call did is unknown."""
    nodes, relays = relayed
    source, target, _ = nodes.masters()
    fleet = nodes.fleet_on(source)
    store = await Store.open(StoreSettings(nodes.url, **PATIENT), Calls())
    await create(store, ROOMY, {"small": 2, "large": 2}, fleet)
    withheld = Withheld()
    relays[0].rule = withheld.rule

    assigned = asyncio.create_task(store.sessions.assign(fleet, "s", None))
    drained = asyncio.create_task(store.pools.set_status(fleet, "small-0", "draining"))
    await eventually(lambda: withheld.replies == 2)
    with source.client() as redis:
        pool = redis.hget(f"{{{fleet}}}:sessions", "s").split()[0]
    await asyncio.to_thread(nodes.move, fleet, target)
    await until_learned(store, fleet, target)
    withheld.released.set()

    placed = await assigned
    assert (placed.replayed, placed.pool_id) == (True, pool)
    with pytest.raises(errors.OutcomeUnknownError):
        await drained
    await store.close()


async def until_learned(store: Store, fleet: str, owner: Node) -> None:
    """The store knows the slot's new owner."""
    while store._connections.routing.where(f"{{{fleet}}}:fleet") != ("127.0.0.1", owner.port):
        await store._connections.routing.follow()
