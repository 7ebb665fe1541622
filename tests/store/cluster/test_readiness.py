"""Which nodes a dispatcher relies on, and what it says of those that it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from slta.models import errors
from slta.store import Store, StoreSettings
from slta.store._client.preflight import ServerRequirements, UnsuitableStoreError
from testbed.awaiting import DEADLINE_SECONDS, POLL_SECONDS
from testbed.clusters import Cluster
from testbed.servers import free_port, own_server
from tests.store.cluster.conftest import opened
from tests.store.conftest import Calls
from tests.store.fleets import TWO_CLASSES, create, spec

pytestmark = pytest.mark.slow


async def test_fleets_of_an_unsuitable_master_are_refused_with_reason(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    bad, *good = lonely.masters()
    fleets = {node.port: lonely.fleet_on(node) for node in lonely.masters()}
    for fleet in fleets.values():
        await create(store, spec(*TWO_CLASSES), {"small": 2}, fleet)
    bad.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert await store.preflight(ServerRequirements())
    reason = f"{bad.port} evicts keys when its memory is full"
    with pytest.raises(errors.StoreUnavailableError, match=reason):
        await store.sessions.assign(fleets[bad.port], "s", None)
    with pytest.raises(errors.StoreUnavailableError, match=reason):
        await store.fleets.snapshot(fleets[bad.port])
    await store.sessions.assign(fleets[good[0].port], "s", None)
    await store.check()
    assert (store.readiness, store.shards) == ("ready", {"ready": 2, "unsuitable": 1})
    bad.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await store.sessions.assign(fleets[bad.port], "s", None)


async def test_a_master_that_was_away_is_examined_when_reached(lonely: Cluster, opening: AsyncExitStack) -> None:
    late, *_ = lonely.masters()
    fleet = lonely.fleet_on(late)
    late.ask("CONFIG", "SET", "appendonly", "no")
    late.freeze()
    store = await Store.open(StoreSettings(lonely.url, call_timeout_seconds=0.5, deadline_seconds=0.5), Calls())
    opening.push_async_callback(store.close)
    assert await store.preflight(ServerRequirements())
    late.thaw()
    lonely.until(late.is_sound)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while "has no append-only file" not in await refusal(store, fleet):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(POLL_SECONDS)


async def refusal(store: Store, fleet: str) -> str:
    with pytest.raises(errors.StoreUnavailableError) as refused:
        await store.fleets.snapshot(fleet)
    return str(refused.value)


async def test_no_suitable_master_is_an_error(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    for node in lonely.masters():
        node.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(UnsuitableStoreError, match="evicts keys"):
        await store.preflight(ServerRequirements())


async def test_a_cluster_that_requires_all_slots_is_warned_about(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    with capture_logs() as logs:
        await store.preflight(ServerRequirements())
        assert logs == []
        lonely.require_full_coverage(is_required=True)
        await store.preflight(ServerRequirements())
    assert {(line["event"], line["setting"]) for line in logs} == {("store_requires_full_coverage", "yes")}


async def test_nodes_that_forbid_the_question_are_not_warned_about(lonely: Cluster, opening: AsyncExitStack) -> None:
    lonely.allow("asking", "on", ">secret", "~*", "&*", "+@all", "-config")
    store = await opened(lonely.url.replace("//", "//asking:secret@"), opening)
    with capture_logs() as logs:
        await store.preflight(ServerRequirements())
    assert {(line["event"], line["log_level"]) for line in logs} == {("store_requires_full_coverage", "debug")}


async def test_a_server_that_is_no_node_is_refused(binary: str, opening: AsyncExitStack) -> None:
    port = free_port()
    with own_server(binary, "--port", str(port)):
        store = await opened(f"redis+cluster://127.0.0.1:{port}", opening)
        with pytest.raises(UnsuitableStoreError, match="is no node of a cluster"):
            await store.preflight(ServerRequirements())


async def test_nodes_that_do_not_answer_are_neither_refused_nor_taken(opening: AsyncExitStack) -> None:
    store = await opened(f"redis+cluster://127.0.0.1:{free_port()}", opening)
    with pytest.raises(errors.StoreUnavailableError):
        await store.preflight(ServerRequirements())
    await store.check()
    assert (store.readiness, store.shards) == ("unavailable", {"unavailable": 1})


async def test_a_slot_that_is_being_moved_makes_no_master_unavailable(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    source, target, _ = lonely.masters()
    for tag in [tag for tag in store._connections.routing.tags() if lonely.owner(tag) is source]:
        move = lonely.move_stepwise(tag, target)
        assert [next(move), next(move)] == ["importing", "migrating"]
    await store.check()
    assert store.shards == {"ready": 3}
    source.ask("CONFIG", "SET", "maxmemory", "1")
    await store.check()
    assert store.shards == {"ready": 2, "oom": 1}, "a name in another slot is tried"
    assert await store.rebuilds.census() == set()


async def test_slots_that_no_master_owns_are_counted(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    assert store.unowned_slots == 0
    for node in lonely.masters():
        node.ask("CLUSTER", "DELSLOTSRANGE", 100, 109)
    await until_checked(store, lambda: store.unowned_slots == 10)
    lonely.masters()[2].ask("CLUSTER", "ADDSLOTSRANGE", 100, 109)
    await until_checked(store, lambda: store.unowned_slots == 0)


async def until_checked(store: Store, condition: Callable[[], bool]) -> None:
    """Checks as of a dispatcher, until one has the result."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():
            await store.check()


async def test_eviction_of_any_master_is_reported_and_counted(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    found = await store.eviction()
    assert found
    assert (found.is_possible, found.evicted_keys) == (False, 0)
    lonely.masters()[1].ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    found = await store.eviction()
    assert found
    assert found.policy == "allkeys-lru"
    lonely.masters()[1].kill()
    assert await store.eviction() == found
