"""Which servers a dispatcher relies on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from slta.models.errors import StoreUnavailableError
from slta.store import Store, StoreSettings
from slta.store._client.preflight import ServerRequirements, UnsuitableStoreError, unsuitable
from testbed.servers import SERVERS, Server, free_port, own_server
from tests.store.conftest import Calls


@pytest.fixture(params=sorted(SERVERS))
def own(request: pytest.FixtureRequest) -> Iterator[Server]:
    with own_server(SERVERS[request.param]) as server:
        yield server


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator[Store]:
    store = Store(StoreSettings(server.url, call_timeout_seconds=30), Calls())
    yield store
    await store.close()


async def refusal(server: Server, *, volatile: bool = False) -> str:
    async with opened(server) as store:
        with pytest.raises(UnsuitableStoreError) as refused:
            await store.preflight(ServerRequirements(volatile=volatile))
        return str(refused.value)


async def test_a_master_that_keeps_what_it_is_told_is_relied_on(own: Server) -> None:
    async with opened(own) as store:
        assert await store.preflight(ServerRequirements())


async def test_a_server_that_says_nothing_is_not_waited_for(own: Server) -> None:
    store = Store(StoreSettings(own.url, call_timeout_seconds=0.2, connect_timeout_seconds=5), Calls())
    await store.preflight(ServerRequirements(volatile=True))  # a connection
    own.freeze()
    try:
        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(store.preflight(ServerRequirements()), 30)
    finally:
        own.thaw()
    await store.close()


async def test_a_replica_is_refused(own: Server) -> None:
    with own.client() as admin:
        admin.execute_command("REPLICAOF", "127.0.0.1", "1")
    assert "is a read-only replica" in await refusal(own)


@pytest.mark.parametrize("name", sorted(SERVERS))
async def test_a_node_of_a_cluster_is_refused(name: str) -> None:
    ports = ["--port", str(free_port()), "--cluster-port", str(free_port())]
    with own_server(SERVERS[name], "--cluster-enabled", "yes", *ports) as server:
        assert "set --store-url (SLTA_STORE_URL) to a redis+cluster:// URL" in await refusal(server)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_server_that_throws_keys_away_is_refused(own: Server, policy: str) -> None:
    with own.client() as admin:
        admin.config_set("maxmemory-policy", policy)
    assert f"({policy}): set its maxmemory-policy to noeviction" in await refusal(own)


async def test_a_server_without_an_append_only_file_is_refused_unless_that_is_accepted(own: Server) -> None:
    with own.client() as admin:
        admin.config_set("appendonly", "no")
    assert "SLTA_STORE_CHECKS=false" in await refusal(own)
    async with opened(own) as store:
        assert await store.preflight(ServerRequirements(volatile=True))


@pytest.mark.parametrize("version", ["6.2.14", "2.8"])
def test_a_server_without_functions_is_refused(version: str) -> None:
    assert unsuitable({"redis_version": version, "aof_enabled": "0"}, volatile=False).startswith(
        f"is of version {version}, which has no functions"
    )


@pytest.mark.parametrize("information", [{}, {"redis_version": "7.0.0"}, {"redis_version": "10.1"}])
def test_what_is_not_told_is_taken_to_be_right(information: dict[str, str]) -> None:
    assert unsuitable(information, volatile=False) == ""


async def test_a_server_that_forbids_the_question_is_taken_unexamined(own: Server) -> None:
    with own.client() as admin:
        admin.execute_command("ACL", "SETUSER", "default", "-info", "-role")
    async with opened(own) as store:
        assert not await store.preflight(ServerRequirements())
        assert await store.check() == "ready"


async def test_one_that_does_not_answer_is_neither_refused_nor_taken(own: Server) -> None:
    own.kill()
    async with opened(own) as store:
        with pytest.raises(StoreUnavailableError):
            await store.preflight(ServerRequirements())
