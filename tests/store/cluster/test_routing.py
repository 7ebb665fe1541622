"""A store on a cluster finds the master of each fleet, also of one that has moved."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from unittest.mock import Mock

import pytest
from redis.exceptions import MovedError

from slta.models import errors
from slta.store import Store, StoreSettings
from slta.store._client import connections
from slta.store._client.cluster import MIN_GAP_SECONDS
from slta.store._client.failures import NotSentError
from testbed.awaiting import DEADLINE_SECONDS
from testbed.cluster_nodes import Node
from testbed.clusters import Cluster
from tests.store.conftest import Calls
from tests.store.fleets import TWO_CLASSES, create, findings, spec
from tests.store.moving import PATIENT

pytestmark = pytest.mark.slow
QUESTIONS_PER_SECOND = 1 / MIN_GAP_SECONDS


@pytest.fixture
async def store(nodes: Cluster, calls: Calls) -> AsyncIterator[Store]:
    """A store that is patient, with a fleet on each master."""
    store = await Store.open(StoreSettings(nodes.url, **PATIENT), calls)
    for master in nodes.masters():
        await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2}, nodes.fleet_on(master))
    yield store
    for fleet in await store.fleets.names():
        assert await findings(store, spec(*TWO_CLASSES), fleet) == []
    await store.close()


async def is_placed(store: Store, fleet: str, session_id: str = "s") -> bool:
    return (await store.sessions.assign(fleet, session_id, None)).session_id == session_id


def is_stored(node: Node, fleet: str, session_id: str = "s") -> bool:
    with node.client() as client:
        return bool(client.hexists(f"{{{fleet}}}:sessions", session_id))


async def test_the_fleets_of_each_master_are_served_there(nodes: Cluster, store: Store, calls: Calls) -> None:
    for master in nodes.masters():
        assert await is_placed(store, nodes.fleet_on(master))
        assert is_stored(master, nodes.fleet_on(master))
    await store.check()
    assert (store.readiness, store.shards) == ("ready", {"ready": 3})
    assert len(await store.fleets.names()) == 3
    assert calls.errors == [], "the library was loaded everywhere at the start"


async def test_any_node_names_the_others(nodes: Cluster) -> None:
    replica = nodes.nodes[-1]
    store = Store(StoreSettings(f"redis+cluster://127.0.0.1:1,localhost:{replica.port}", **PATIENT), Calls())
    with pytest.raises(errors.UnknownFleetError):
        await store.sessions.assign(nodes.fleet_on(nodes.masters()[0]), "s", None)
    await store.close()


async def test_a_killed_master_is_followed_and_delays_no_other(nodes: Cluster, store: Store, calls: Calls) -> None:
    killed, healthy, _ = nodes.masters()
    fleet, other = nodes.fleet_on(killed), nodes.fleet_on(healthy)
    await is_placed(store, other)
    before = set(store._connections.pools["127.0.0.1", healthy.port].idle)
    asked = questions(healthy)
    killed.kill()
    began = time.monotonic()
    placing = asyncio.create_task(is_placed(store, fleet))
    while not placing.done():
        assert await is_placed(store, other)
    assert await placing
    seconds = time.monotonic() - began
    assert questions(healthy) - asked <= seconds * QUESTIONS_PER_SECOND + 2
    assert before == set(store._connections.pools["127.0.0.1", healthy.port].idle)
    assert set(calls.errors) <= {"connection", "moved", "clusterdown", "function_missing"}
    assert is_stored(nodes.owner(fleet), fleet)
    print(f"killed master: placed again after {seconds:.2f} s")


async def test_one_master_is_asked_at_a_time_and_all_after_an_error(nodes: Cluster, store: Store) -> None:
    masters = nodes.masters()  # which asks all

    async def asked_in(checks: int) -> list[int]:
        before = [questions(master) for master in masters]
        for _ in range(checks):
            await store.check()
        return [questions(master) - count for master, count in zip(masters, before, strict=True)]

    async with asyncio.timeout(DEADLINE_SECONDS):
        while await asked_in(3) != [1, 1, 1]:
            pass
    await store._connections.routing.failed(None, "timeout", TimeoutError())
    assert await asked_in(1) == [1, 1, 1]


def questions(node: Node) -> int:
    """How often it was asked for CLUSTER NODES."""
    return int(node.ask("INFO", "commandstats").partition("cluster|nodes:calls=")[2].partition(",")[0])


async def test_a_slot_that_moves_is_followed_by_its_next_call(nodes: Cluster, store: Store, calls: Calls) -> None:
    fleet, new = nodes.fleet_on(nodes.masters()[0]), await asyncio.to_thread(nodes.add_master)
    await is_placed(store, fleet)
    await asyncio.to_thread(nodes.move, fleet, new)
    assert (await store.sessions.assign(fleet, "s", None)).replayed
    assert calls.errors == ["moved", "function_missing"]
    assert await is_placed(store, fleet, "next")
    assert is_stored(new, fleet, "next")


async def test_an_address_that_no_node_announces_is_an_error_with_it(nodes: Cluster, store: Store) -> None:
    routing = store._connections.routing
    with pytest.raises(NotSentError) as unknown:
        await routing.failed(None, "moved", MovedError("3999 192.0.2.1:6381"))
    assert "192.0.2.1:6381" in str(unknown.value.__cause__)


async def test_a_silent_master_is_not_waited_for_by_each_fleet(nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PAUSE_SECONDS", 60.0)
    calls = Calls()
    store = Store(StoreSettings(nodes.url, connect_timeout_seconds=0.1, call_timeout_seconds=0.1), calls)
    frozen = nodes.masters()[0]
    fleet = nodes.fleet_on(frozen)
    with pytest.raises(errors.UnknownFleetError):
        await store.fleets.snapshot(fleet)
    frozen.freeze()
    pool = store._connections.pools["127.0.0.1", frozen.port]
    pool.new_connection = connect = Mock(wraps=pool.new_connection)
    for _ in range(20):
        with pytest.raises(errors.StoreUnavailableError):
            await store.fleets.snapshot(fleet)
    assert connect.call_count == 1
    await store.close()
