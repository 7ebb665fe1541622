"""What is acknowledged in each mode is as safe as the mode says, and what is not is told to be unknown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError
from structlog.testing import capture_logs

from slta.models import PoolSpec, errors
from slta.store import Store, StoreSettings
from slta.store._client.durability import Durability, Replicas
from slta.store._client.pipeline import _send_confirmed, exchange
from slta.store._client.preflight import ServerRequirements, UnsuitableStoreError
from slta.store.embedded.server import EmbeddedStore
from testbed.in_process import tick
from testbed.sentinels import Group, group, until
from testbed.servers import SERVERS, Server, own_server
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, TWO_CLASSES, create, spec
from tests.store.moving import opened, pool_of

REPLICATED = Durability(replicas=1)


@asynccontextmanager
async def replicated(url: str, **times: float) -> AsyncIterator[Store]:
    """A store whose writes a replica confirms."""
    patience: dict[str, Any] = {"connect_timeout_seconds": 30, "call_timeout_seconds": 30, "deadline_seconds": 60}
    patience |= times
    store = Store(StoreSettings(url, durability=REPLICATED, **patience), Calls())
    yield store
    await store.close()


def impatient(pair: Group) -> AbstractAsyncContextManager[Store]:
    """The same on connections of its own, which hears soon that nothing was confirmed."""
    return replicated(pair.url(), call_timeout_seconds=1.0, deadline_seconds=1.5)


@pytest.fixture
async def store(pair: Group) -> AsyncIterator[Store]:
    async with replicated(pair.url()) as opened:
        await create(opened, spec(*TWO_CLASSES), {"small": 2, "large": 2})
        yield opened


@pytest.mark.slow
async def test_what_is_acknowledged_is_on_the_replica(pair: Group, store: Store) -> None:
    with pair.servers[1].client() as replica:
        for k in range(20):
            await store.sessions.assign(FLEET, f"s{k}", None)
            assert replica.hexists(f"{{{FLEET}}}:sessions", f"s{k}")
        await store.sessions.complete(FLEET, "s0")
        assert not replica.hexists(f"{{{FLEET}}}:sessions", "s0")


@pytest.mark.slow
async def test_what_the_replica_does_not_confirm_is_unknown_also_when_asked_again(pair: Group, store: Store) -> None:
    pair.servers[1].freeze()
    for _ in range(2):
        async with impatient(pair) as other:
            with pytest.raises(errors.OutcomeUnknownError) as unknown:
                await other.sessions.assign(FLEET, "s", None)
            assert unknown.value.context == {"session_id": "s"}
            with pytest.raises(errors.OutcomeUnknownError):
                await other.sessions.complete(FLEET, "never seen")
    pair.servers[1].thaw()
    assert (await store.sessions.assign(FLEET, "s", None)).replayed


CHANGES: dict[str, Callable[[Store], Awaitable[object]]] = {
    "put": lambda store: store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}"),
    "add": lambda store: store.pools.add(FLEET, [PoolSpec("new", "small")]),
    "drain": lambda store: store.pools.set_status(FLEET, "small-0", "draining"),
    "move": lambda store: store.pools.move(FLEET, PoolSpec("small-1", "large")),
    "remove": lambda store: store.pools.remove(FLEET, "large-0"),
    "tick": lambda store: tick(store, FLEET),
    "file": lambda store: store.fleets.finish_file(FLEET, "digest"),
    "report": lambda store: store.pools.reconcile(FLEET, "small-1", "", ["stranger"]),
    "delete": lambda store: store.fleets.delete(FLEET),
}


@asynccontextmanager
async def unconfirmed(url: str) -> AsyncIterator[Store]:
    """A store that waits for a replica, but not for long."""
    async with replicated(url, deadline_seconds=0.3) as store:
        pool_of(store).replicas = Replicas(1, wait_ms=10)
        yield store


@pytest.fixture(scope="module", params=sorted(SERVERS))
def frozen_pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a master whose replica does not answer; without a write of its own a connection waits for nothing."""
    with group(tmp_path_factory.mktemp("frozen"), SERVERS[request.param], 2) as made:
        made.servers[1].freeze()
        yield made.url()


@pytest.fixture
def frozen(frozen_pair: str) -> str:
    with Redis.from_url(frozen_pair) as redis:
        redis.flushall()
    return frozen_pair


@pytest.mark.parametrize("change", CHANGES)
async def test_every_change_and_its_repetition_are_confirmed(frozen: str, opening: AsyncExitStack, change: str) -> None:
    await create(await opened(opening, frozen), spec(*TWO_CLASSES), {"small": 2, "large": 2})
    gone = errors.UnknownPoolError  # is no news to keep
    for expected in (errors.OutcomeUnknownError, (errors.OutcomeUnknownError, gone)):
        async with unconfirmed(frozen) as store:
            with pytest.raises(expected):
                await CHANGES[change](store)


async def test_ticks_in_one_packet_are_confirmed_too(frozen: str, opening: AsyncExitStack) -> None:
    await create(await opened(opening, frozen), spec(*TWO_CLASSES), {"small": 2})
    async with unconfirmed(frozen) as store:
        ticked = await store.fleets.tick([FLEET, "nobody"])
        assert {name: type(one) for name, one in ticked.items()} == dict.fromkeys(ticked, errors.OutcomeUnknownError)


async def test_a_check_writes_what_is_to_be_confirmed_and_leaves_nothing(frozen: str) -> None:
    async with unconfirmed(frozen) as store:
        assert await store.check() == "unconfirmed"
    with Redis.from_url(frozen) as redis:
        assert redis.keys("*") == []


@pytest.mark.slow
async def test_readiness_tells_whether_the_replica_confirms(pair: Group, store: Store) -> None:
    async with impatient(pair) as other:
        assert await other.check() == "ready"
        pair.servers[1].freeze()
        assert await other.check() == "unconfirmed"
        pair.servers[1].thaw()
        until(lambda: pair.follows(1, 0))
    assert await store.check() == "ready"


async def test_no_replica_is_as_bad_as_one_that_does_not_answer(server: str, redis: Redis) -> None:
    async with unconfirmed(server) as store:
        with pytest.raises(errors.OutcomeUnknownError):
            await store.sessions.assign(FLEET, "s", None)
        assert await store.check() == "unconfirmed"


@pytest.mark.slow
async def test_an_answer_that_is_refused_is_told_though_nothing_was_confirmed(pair: Group, store: Store) -> None:
    with pair.servers[0].client() as admin:
        admin.config_set("min-replicas-to-write", 2)
    with pytest.raises(errors.StoreUnavailableError):
        await store.pools.set_status(FLEET, "small-0", "draining")
    assert await store.check() == "noreplicas"


# More replicas than are configured

ONE, TWO = (["master", 0, [["127.0.0.1", port, "0"] for port in ports]] for ports in ("1", "12"))
"""Replies to ROLE."""


def test_all_that_are_online_are_waited_for_and_a_surplus_is_logged_once() -> None:
    replicas, waited = Replicas(1, 300), []
    with capture_logs() as log:
        for role in (ONE, TWO, TWO, ONE):
            replicas.read(1, role)
            waited.append((replicas.commands(), replicas.surplus))
    assert waited == [([("WAIT", 1 + surplus, 300), ("ROLE",)], surplus) for surplus in (0, 1, 1, 0)]
    told = [(entry["event"], entry["log_level"], entry["online"], entry["configured"]) for entry in log]
    assert told == [("store_has_more_replicas", "warning", 2, 1)]


def test_a_user_that_may_not_list_replicas_is_not_asked_again() -> None:
    replicas = Replicas(1, 300)
    replicas.read(1, NoPermissionError())
    assert replicas.commands() == [("WAIT", 1, 300)]


async def test_a_call_that_finds_a_further_replica_waits_once_more_instead_of_failing() -> None:
    connection = AsyncMock()
    connection.read_response.side_effect = ["OK", 1, TWO, 2, TWO]
    assert await _send_confirmed(connection, [("SET", "key", "value")], Replicas(1, 300)) == (["OK"], None)


@pytest.fixture
def three(tmp_path: Path, binary: str) -> Iterator[Group]:
    """A master with two replicas, of which the second one is never promoted; one is configured."""
    with group(tmp_path, binary, 3) as made:
        with made.servers[2].client() as admin, made.servers[0].client() as master:
            admin.config_set("replica-priority", 0)
            master.set("key", "value")
            assert master.wait(2, 0) == 2, "both have loaded their first copy"
        yield made
        with suppress(ProcessLookupError):  # a test has killed it
            made.servers[1].thaw()


@asynccontextmanager
async def with_a_fleet(servers: Group) -> AsyncIterator[Store]:
    """A store that soon hears that nothing was confirmed."""
    async with replicated(servers.url()) as patient:
        await create(patient, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    async with replicated(servers.url(), call_timeout_seconds=0.5, deadline_seconds=0.6) as store:
        yield store


@pytest.mark.slow
async def test_a_replica_of_priority_0_does_not_confirm_in_the_place_of_another(three: Group) -> None:
    async with with_a_fleet(three) as store:
        three.servers[1].freeze()
        with pytest.raises(errors.OutcomeUnknownError):
            await store.sessions.assign(FLEET, "s", None)
        assert await store.check() == "unconfirmed"


@pytest.mark.slow
async def test_a_replica_that_joins_is_waited_for_from_the_next_call_on(three: Group) -> None:
    with three.servers[2].client() as joining:
        joining.execute_command("REPLICAOF", "NO", "ONE")
        async with with_a_fleet(three) as store:
            until(lambda: confirming(three) == 1)
            await store.sessions.assign(FLEET, "before", None)
            joining.execute_command("REPLICAOF", "127.0.0.1", three.ports[0])
            until(lambda: confirming(three) == 2)
            three.servers[1].freeze()
            with pytest.raises(errors.OutcomeUnknownError):
                await store.sessions.assign(FLEET, "s", None)


@pytest.mark.slow
async def test_a_surplus_replica_that_has_left_is_not_waited_for(three: Group) -> None:
    async with with_a_fleet(three) as store:
        await store.sessions.assign(FLEET, "s1", None)
        three.servers[2].kill()
        until(lambda: confirming(three) == 1)
        await store.sessions.assign(FLEET, "s2", None)


@pytest.mark.slow
async def test_a_user_that_may_not_ask_for_the_role_waits_for_the_configured_number(three: Group) -> None:
    with three.servers[0].client() as admin:
        admin.execute_command("ACL", "SETUSER", "default", "-role")
        async with with_a_fleet(three) as store:
            three.servers[1].freeze()
            assert not (await store.sessions.assign(FLEET, "s", None)).replayed
            admin.acl_log_reset()
            await store.sessions.complete(FLEET, "s")
            assert admin.acl_log() == [], "it was asked again"


def confirming(servers: Group) -> int:
    """How many replicas the master lists that have confirmed something."""
    with servers.servers[0].client() as client:
        return sum(int(offset) > 0 for *_, offset in client.role()[2])


# On disk


@pytest.fixture
def own(binary: str) -> Iterator[Server]:
    with own_server(binary) as server:
        yield server


async def refusal(
    server: Server, requirements: ServerRequirements = ServerRequirements(), *, requires_fsync: bool = False
) -> str:
    store = Store(StoreSettings(server.url, call_timeout_seconds=30, requires_fsync=requires_fsync), Calls())
    try:
        await store.preflight(requirements)
    except UnsuitableStoreError as refused:
        return str(refused)
    finally:
        await store.close()
    return ""


async def test_a_server_that_syncs_later_than_it_answers_is_refused(own: Server) -> None:
    assert "has appendfsync everysec, which does not sync each write: set it to always" in await refusal(
        own, requires_fsync=True
    )
    with own.client() as admin:
        admin.config_set("appendfsync", "always")
    assert await refusal(own, requires_fsync=True) == ""


async def test_one_that_may_not_be_asked_is_relied_on_when_the_operator_says_how_it_runs(own: Server) -> None:
    with own.client() as admin:
        admin.execute_command("ACL", "SETUSER", "default", "-config")
    assert "SLTA_STORE_CHECKS=false" in await refusal(own, requires_fsync=True)
    assert await refusal(own) == ""


@pytest.mark.slow
async def test_the_next_master_acknowledges_nothing_until_it_syncs(pair: Group, opening: AsyncExitStack) -> None:
    with pair.servers[0].client() as admin:
        admin.config_set("appendfsync", "always")
    store = await opened(
        opening, pair.url(0), durability=Durability(on_disk=True), requires_fsync=True, deadline_seconds=1
    )
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    pair.swap()
    await store.move(pair.ports[1])
    with pytest.raises(errors.StoreUnavailableError):
        await store.sessions.assign(FLEET, "s", None)
    assert await store.check() == "unsynced"
    with pair.servers[1].client() as admin:
        admin.config_set("appendfsync", "always")
    assert await store.check() == "ready"
    assert not (await store.sessions.assign(FLEET, "s", None)).replayed


async def test_a_user_that_may_not_wait_for_replicas_is_refused(own: Server) -> None:
    assert await refusal(own, ServerRequirements(confirmed=True)) == ""
    with own.client() as admin:
        admin.execute_command("ACL", "SETUSER", "default", "-wait")
    assert "forbids WAIT" in await refusal(own, ServerRequirements(confirmed=True))


@pytest.mark.parametrize(("synced", "setting"), [(True, "always"), (False, "everysec")])
async def test_our_own_server_is_started_as_the_mode_asks(tmp_path: Path, *, synced: bool, setting: str) -> None:
    with EmbeddedStore(tmp_path, synced=synced) as own:
        store = Store(StoreSettings(own.url), Calls())
        [found] = await exchange(store._connections, "", ("CONFIG", "GET", "appendfsync"))
        await store.close()
    assert found == {"appendfsync": setting}
