"""The master moves: it is killed, demoted or replaced, and placing goes on with the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from slta.models import errors
from slta.store import Store, StoreSettings
from slta.store._client.connections import Connections
from slta.store._client.preflight import ServerRequirements
from testbed.awaiting import DEADLINE_SECONDS, eventually
from testbed.sentinels import Group, Sentinel, group, sentinel_url, until, watching
from testbed.servers import Server, free_port, own_server
from tests.audit import violations
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, TWO_CLASSES, create, spec
from tests.store.moving import PATIENT, pool_of


@pytest.fixture
def watched(tmp_path: Path, binary: str) -> Iterator[tuple[Group, list[Sentinel]]]:
    """A master, two replicas and three sentinels that know each other."""
    with group(tmp_path, binary, 3) as servers, watching(tmp_path, binary, servers) as sentinels:
        yield servers, sentinels


def url_of(sentinels: list[Sentinel]) -> str:
    return sentinel_url([sentinel.port for sentinel in sentinels])


@pytest.fixture
async def following(watched: tuple[Group, list[Sentinel]]) -> AsyncIterator[Store]:
    """A store that finds its master through the sentinels; the fleet has four pools."""
    store = Store(StoreSettings(url_of(watched[1])), Calls())
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    yield store
    await store.close()


@pytest.fixture
async def patient(watched: tuple[Group, list[Sentinel]]) -> AsyncIterator[Store]:
    """The same, but nothing is late, however busy the machine is."""
    times = {"connect_timeout_seconds": 60.0, "call_timeout_seconds": 60.0, "deadline_seconds": 60.0}
    store = Store(StoreSettings(url_of(watched[1]), **times), Calls())  # type: ignore[arg-type]
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    yield store
    await store.close()


async def placed_again(store: Store, name: str) -> float:
    """Seconds until an assign succeeds, with the check that a dispatcher makes each second meanwhile."""
    began = time.monotonic()
    while True:
        await store.check()
        try:
            await store.sessions.assign(FLEET, name, None)
        except (errors.StoreUnavailableError, errors.OutcomeUnknownError):
            assert time.monotonic() - began < DEADLINE_SECONDS, "no session was placed any more"
        else:
            return time.monotonic() - began


@pytest.mark.slow
async def test_a_replica_is_not_talked_to_not_even_for_reads(pair: Group) -> None:
    calls = Calls()
    store = Store(StoreSettings(pair.url(1)), calls)
    for call in (store.sessions.assign(FLEET, "s", None), store.fleets.names(), store.fleets.snapshot(FLEET)):
        with pytest.raises(errors.StoreUnavailableError):
            await call
    assert await store.check() == "readonly"
    assert set(calls.errors) == {"readonly"}
    await store.close()


async def test_when_the_master_is_demoted_no_connection_to_it_is_kept(binary: str) -> None:
    with own_server(binary) as server, server.client() as admin:
        store = Store(StoreSettings(server.url, deadline_seconds=0.3), Calls())
        await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
        await asyncio.gather(*(store.fleets.snapshot(FLEET) for _ in range(8)))
        assert len(pool_of(store).idle) == 8
        admin.replicaof("127.0.0.1", free_port())
        with pytest.raises(errors.StoreUnavailableError):
            await store.sessions.assign(FLEET, "s", None)
        assert pool_of(store).idle == []
        assert await store.check() == "readonly"
        admin.replicaof("NO", "ONE")
        assert (await store.sessions.assign(FLEET, "s", None)).session_id == "s"
        await store.close()


async def test_a_connection_in_use_while_all_are_made_anew_is_not_used_again(server: str) -> None:
    connections = Connections(StoreSettings(server))

    async def number_of(connection: Any) -> int:
        await connection.send_command("CLIENT", "ID")
        return int(await connection.read_response())

    numbers = []
    for anew in (False, True, False):
        pool, connection = await connections.acquire("")
        numbers.append(await number_of(connection))
        if anew:
            await pool.renew()
        await pool.release(connection)
    assert numbers[0] == numbers[1] != numbers[2]
    await connections.aclose()


async def test_a_connection_that_is_being_made_while_all_are_made_anew_is_not_used_again(binary: str) -> None:
    with own_server(binary) as server:
        connections = Connections(StoreSettings(server.url, **PATIENT))
        server.freeze()
        connecting = asyncio.create_task(connections.acquire(""))
        await eventually(lambda: connections.pools)
        [pool] = connections.pools.values()
        await eventually(lambda: pool.busy)
        await pool.renew()
        server.thaw()
        await pool.release((await connecting)[1])
        assert pool.idle == []
        await connections.aclose()


def test_the_time_of_a_call_is_the_setting_or_what_the_url_says() -> None:
    for url, seconds in (("redis://localhost", 0.5), ("redis://localhost?socket_timeout=3", 3.0)):
        assert Connections(StoreSettings(url)).call_seconds == seconds


def dispatchers_on(server: Server) -> int:
    """Connections that a store has left open."""
    with server.client() as client:
        return sum(
            found["lib-name"].startswith("redis-py") and "unix" not in found["laddr"] and found["cmd"] != "client|list"
            for found in client.client_list()
            if not found["addr"].startswith(str(server.folder))
        )


@pytest.mark.slow
async def test_the_master_is_found_through_sentinels(watched: tuple[Group, list[Sentinel]], following: Store) -> None:
    assert (await following.sessions.assign(FLEET, "s", None)).session_id == "s"
    with watched[0].servers[0].client() as client:
        assert violations(client, FLEET) == []
    assert await following.preflight(ServerRequirements())


@pytest.mark.slow
async def test_a_killed_master_is_followed_by_another(watched: tuple[Group, list[Sentinel]], following: Store) -> None:
    servers, _ = watched
    await following.sessions.assign(FLEET, "before", None)
    until(lambda: servers.follows(1, 0) and servers.follows(2, 0))
    servers.servers[0].kill()
    seconds = await placed_again(following, "after")
    print(f"killed master: placed again after {seconds:.2f} s")
    assert await following.check() == "ready"
    assert (await following.sessions.get(FLEET, "before")).session_id == "before"


def fail_over(servers: Group, sentinels: list[Sentinel]) -> int:
    """The number of the new master, once all sentinels name it; for some seconds the old one remains a master too."""
    for number in range(1, len(servers.servers)):
        until(lambda number=number: servers.has_all_of(number, 0))
    with sentinels[0].client() as client:
        client.execute_command("SENTINEL FAILOVER", "main")
    until(lambda: len(named := named_by(sentinels)) == 1 and named != {servers.ports[0]})
    return servers.ports.index(named_by(sentinels).pop())


def named_by(sentinels: list[Sentinel]) -> set[int]:
    return {sentinel.master_port() for sentinel in sentinels}


@pytest.mark.slow
async def test_a_replaced_master_is_left_though_alive(watched: tuple[Group, list[Sentinel]], following: Store) -> None:
    servers, sentinels = watched
    await asyncio.gather(*(following.fleets.snapshot(FLEET) for _ in range(8)))
    new = fail_over(servers, sentinels)
    assert await following.check() == "ready"
    assert dispatchers_on(servers.servers[0]) == 0
    await following.sessions.assign(FLEET, "after", None)
    with servers.servers[new].client() as client:
        assert client.hexists(f"{{{FLEET}}}:sessions", "after")


@pytest.mark.slow
async def test_one_new_connection_leaves_the_old_master(watched: tuple[Group, list[Sentinel]], patient: Store) -> None:
    servers, sentinels = watched
    await asyncio.gather(*(patient.fleets.snapshot(FLEET) for _ in range(8)))
    new = fail_over(servers, sentinels)
    await asyncio.gather(*(patient.fleets.snapshot(FLEET) for _ in range(9)), return_exceptions=True)
    connections: list[Any] = pool_of(patient).idle
    assert {connection.port for connection in connections if connection.is_connected} <= {servers.ports[new]}


@pytest.mark.slow
async def test_what_the_old_master_says_late_is_repeated(watched: tuple[Group, list[Sentinel]], patient: Store) -> None:
    servers, sentinels = watched
    new = await asyncio.to_thread(fail_over, servers, sentinels)
    servers.servers[0].freeze()
    assigned = asyncio.create_task(patient.sessions.assign(FLEET, "s", None))
    for _ in range(20):  # until it is sent: nothing it meets on the way waits
        await asyncio.sleep(0)
    assert pool_of(patient).busy
    await patient.check()
    assert not assigned.done()
    servers.servers[0].thaw()
    await assigned
    with servers.servers[new].client() as client:
        assert client.hexists(f"{{{FLEET}}}:sessions", "s")


@pytest.mark.slow
async def test_sentinels_say_at_once_who_is_the_master(watched: tuple[Group, list[Sentinel]], following: Store) -> None:
    servers, sentinels = watched
    await following.check()
    listening = asyncio.create_task(following.listen())
    await asyncio.to_thread(until, lambda: all(map(is_listened_to, sentinels)))
    assert not following.check_requested.is_set()
    await asyncio.to_thread(fail_over, servers, sentinels)
    await asyncio.wait_for(following.check_requested.wait(), DEADLINE_SECONDS)
    listening.cancel()


def is_listened_to(sentinel: Sentinel) -> bool:
    with sentinel.client() as client:
        return int(client.info("clients")["pubsub_clients"]) > 0


@pytest.mark.slow
async def test_the_call_that_meets_a_demotion_goes_on(watched: tuple[Group, list[Sentinel]], following: Store) -> None:
    servers, sentinels = watched
    await asyncio.gather(*(following.fleets.snapshot(FLEET) for _ in range(8)))
    new = fail_over(servers, sentinels)
    with servers.servers[0].client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", str(servers.ports[new]))
    began = time.monotonic()
    assert not (await following.sessions.assign(FLEET, "after", None)).replayed
    print(f"demoted master: placed again after {time.monotonic() - began:.3f} s")
    until(lambda: dispatchers_on(servers.servers[0]) == 0)


@pytest.mark.slow
async def test_some_sentinels_may_be_gone(watched: tuple[Group, list[Sentinel]]) -> None:
    _, sentinels = watched
    for sentinel in sentinels[:2]:
        sentinel.kill()
    store = Store(StoreSettings(url_of(sentinels)), Calls())
    assert await store.check() == "ready"
    sentinels[2].kill()
    assert await store.check() == "ready", "the master is there, and who is connected needs no sentinel"
    await store.close()


async def test_without_sentinels_nothing_is_connected_to(tmp_path: Path) -> None:
    store = Store(StoreSettings(f"redis+sentinel://127.0.0.1:{free_port()}/main"), Calls())
    assert await store.check() == "unavailable"
    with pytest.raises(errors.StoreUnavailableError):
        await store.preflight(ServerRequirements())
    await store.close()
