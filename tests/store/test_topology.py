"""The master moves: it is killed, demoted or replaced, and placing goes on with the next one."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from service import errors
from service.store import Store, StoreSettings
from tests.audit import violations
from tests.servers import SERVERS, Server, free_port
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, TWO_CLASSES, create, spec

QUORUM = 2
DOWN_AFTER_MS = 500
DEADLINE_SECONDS = 60
"""No figure of ours: what takes longer has failed."""
POLL_SECONDS = 0.02


class Sentinel:
    """A sentinel process of either kind of server."""

    def __init__(self, folder: Path, binary: str, *lines: str) -> None:
        self.port = free_port()
        file = folder / f"sentinel-{self.port}.conf"
        file.write_text("\n".join([f"port {self.port}", f"dir {folder}", *lines, ""]))
        self._process = subprocess.Popen([binary, str(file), "--sentinel"], stdout=subprocess.DEVNULL)

    def client(self) -> Any:
        return Redis(port=self.port, decode_responses=True)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def until(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            if condition():
                return
        except RedisError:
            pass
        assert time.monotonic() < deadline, "the awaited did not happen"
        time.sleep(POLL_SECONDS)


class Group:
    """A master with replicas on ports of their own, in one folder each."""

    def __init__(self, folder: Path, binary: str, size: int, stack: ExitStack) -> None:
        self.ports = [free_port() for _ in range(size)]
        self.servers = []
        for port in self.ports:
            home = folder / str(port)
            home.mkdir()
            follow = ["--replicaof", "127.0.0.1", str(self.ports[0])] if port != self.ports[0] else []
            options = ["--port", str(port), "--repl-diskless-sync-delay", "0", *follow]
            server = Server(home, binary, *options)
            server.start()
            stack.callback(server.kill)
            self.servers.append(server)

    def url(self, number: int = 0) -> str:
        return f"redis://127.0.0.1:{self.ports[number]}"

    def follows(self, number: int, master: int) -> bool:
        with self.servers[number].client() as client:
            told = client.info("replication")
            return bool(told["role"] == "slave" and told["master_port"] == self.ports[master]) and (
                told["master_link_status"] == "up"
            )

    def has_all_of(self, number: int, master: int) -> bool:
        """Whether a replica has every write of its master."""
        with self.servers[number].client() as client, self.servers[master].client() as written:
            offset = written.info("replication")["master_repl_offset"]
            return bool(client.info("replication")["slave_repl_offset"] >= offset)

    def swap(self, old: int = 0, new: int = 1) -> None:
        """As a managed service does: the new master first, which has all writes, and connections stay."""
        until(lambda: self.has_all_of(new, old))
        with self.servers[old].client() as demoted, self.servers[new].client() as promoted:
            promoted.execute_command("REPLICAOF", "NO", "ONE")
            demoted.execute_command("REPLICAOF", "127.0.0.1", str(self.ports[new]))


@contextmanager
def group(folder: Path, binary: str, size: int) -> Iterator[Group]:
    with ExitStack() as stack:
        made = Group(folder, binary, size, stack)
        for number in range(1, size):
            until(lambda number=number: made.follows(number, 0))
        yield made


@pytest.fixture(params=sorted(SERVERS))
def binary(request: pytest.FixtureRequest) -> str:
    return SERVERS[request.param]


@pytest.fixture
def pair(tmp_path: Path, binary: str) -> Iterator[Group]:
    with group(tmp_path, binary, 2) as made:
        yield made


@pytest.fixture
def watched(tmp_path: Path, binary: str) -> Iterator[tuple[Group, list[Sentinel]]]:
    """A master, two replicas and three sentinels that know each other."""
    with group(tmp_path, binary, 3) as servers:
        lines = [
            f"sentinel monitor main 127.0.0.1 {servers.ports[0]} {QUORUM}",
            f"sentinel down-after-milliseconds main {DOWN_AFTER_MS}",
            "sentinel failover-timeout main 5000",
        ]
        sentinels = [Sentinel(tmp_path, binary, *lines) for _ in range(3)]
        try:
            for sentinel in sentinels:
                with sentinel.client() as client:
                    until(lambda client=client: _knows_all(client.sentinel_master("main")))
            yield servers, sentinels
        finally:
            for sentinel in sentinels:
                sentinel.kill()


def _knows_all(state: Any) -> bool:
    return (state["num-slaves"], state["num-other-sentinels"]) == (2, 2)


def sentinel_url(sentinels: list[Sentinel]) -> str:
    return f"redis+sentinel://{','.join(f'127.0.0.1:{sentinel.port}' for sentinel in sentinels)}/main"


@pytest.fixture
async def following(watched: tuple[Group, list[Sentinel]]) -> AsyncIterator[Store]:
    """A store that finds its master through the sentinels; the fleet has four pools."""
    store = Store(StoreSettings(sentinel_url(watched[1])), Calls())
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
        except (errors.StoreUnavailable, errors.OutcomeUnknown):
            assert time.monotonic() - began < DEADLINE_SECONDS, "no session was placed any more"
        else:
            return time.monotonic() - began


async def test_a_replica_is_not_talked_to_not_even_for_reads(pair: Group) -> None:
    calls = Calls()
    store = Store(StoreSettings(pair.url(1)), calls)
    for call in (store.sessions.assign(FLEET, "s", None), store.fleets.names(), store.fleets.snapshot(FLEET)):
        with pytest.raises(errors.StoreUnavailable):
            await call
    await store.check()
    assert store.readiness == "readonly"
    assert set(calls.errors) == {"readonly"}
    await store.close()


async def test_when_the_master_is_demoted_no_connection_to_it_is_kept(pair: Group) -> None:
    store = Store(StoreSettings(pair.url(), deadline_seconds=0.3), Calls())
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    await asyncio.gather(*(store.fleets.snapshot(FLEET) for _ in range(8)))
    assert dispatchers_on(pair.servers[0]) == 8
    pair.swap()
    with pytest.raises(errors.StoreUnavailable):
        await store.sessions.assign(FLEET, "s", None)
    await store.check()
    assert store.readiness == "readonly"
    until(lambda: dispatchers_on(pair.servers[0]) == 0)
    pair.swap(1, 0)
    until(lambda: pair.follows(1, 0))
    assert (await store.sessions.assign(FLEET, "s", None)).session_id == "s"
    await store.close()


def dispatchers_on(server: Server) -> int:
    """Connections that a store has left open."""
    with server.client() as client:
        return sum(
            found["lib-name"].startswith("redis-py") and "unix" not in found["laddr"] and found["cmd"] != "client|list"
            for found in client.client_list()
            if not found["addr"].startswith(str(server.folder))
        )


async def test_the_master_is_found_through_the_sentinels(
    watched: tuple[Group, list[Sentinel]], following: Store
) -> None:
    assert (await following.sessions.assign(FLEET, "s", None)).session_id == "s"
    with watched[0].servers[0].client() as client:
        assert violations(client, FLEET) == []
    assert await following.examine(volatile=False)


async def test_a_killed_master_is_followed_by_the_next_one(
    watched: tuple[Group, list[Sentinel]], following: Store
) -> None:
    servers, _ = watched
    await following.sessions.assign(FLEET, "before", None)
    until(lambda: servers.follows(1, 0) and servers.follows(2, 0))
    servers.servers[0].kill()
    seconds = await placed_again(following, "after")
    print(f"killed master: placed again after {seconds:.2f} s")
    await following.check()
    assert following.readiness == "ready"
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
    named = set()
    for sentinel in sentinels:
        with sentinel.client() as client:
            named.add(int(client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", "main")[1]))
    return named


async def test_a_master_that_the_sentinels_replaced_is_left_though_it_still_takes_writes(
    watched: tuple[Group, list[Sentinel]], following: Store
) -> None:
    servers, sentinels = watched
    await asyncio.gather(*(following.fleets.snapshot(FLEET) for _ in range(8)))
    new = fail_over(servers, sentinels)
    await following.check()
    assert following.readiness == "ready"
    assert dispatchers_on(servers.servers[0]) == 0
    await following.sessions.assign(FLEET, "after", None)
    with servers.servers[new].client() as client:
        assert client.hexists(f"{{{FLEET}}}:sessions", "after")


async def test_when_a_master_is_demoted_the_call_that_hears_of_it_goes_on_to_the_new_one(
    watched: tuple[Group, list[Sentinel]], following: Store
) -> None:
    servers, sentinels = watched
    await asyncio.gather(*(following.fleets.snapshot(FLEET) for _ in range(8)))
    new = fail_over(servers, sentinels)
    with servers.servers[0].client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", str(servers.ports[new]))
    began = time.monotonic()
    assert not (await following.sessions.assign(FLEET, "after", None)).replayed
    print(f"demoted master: placed again after {time.monotonic() - began:.3f} s")
    until(lambda: dispatchers_on(servers.servers[0]) == 0)


async def test_some_sentinels_may_be_gone(watched: tuple[Group, list[Sentinel]]) -> None:
    _, sentinels = watched
    for sentinel in sentinels[:2]:
        sentinel.kill()
    store = Store(StoreSettings(sentinel_url(sentinels)), Calls())
    await store.check()
    assert store.readiness == "ready"
    sentinels[2].kill()
    await store.check()
    assert store.readiness == "ready", "the master is there, and who is connected needs no sentinel"
    await store.close()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="the embedded server and valkey-server are one")
async def test_without_sentinels_nothing_is_connected_to(tmp_path: Path) -> None:
    store = Store(StoreSettings(f"redis+sentinel://127.0.0.1:{free_port()}/main"), Calls())
    await store.check()
    assert store.readiness == "unavailable"
    with pytest.raises(errors.StoreUnavailable):
        await store.examine(volatile=False)
    await store.close()
