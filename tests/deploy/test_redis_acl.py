"""The ACL file is what Redis is started with: the store works through it, and nothing else does."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.retry import Retry

from deploy import make_secrets
from slta.core.fleet import FleetSpec
from slta.core.policies import PLACING, POLICIES
from slta.models import Drain, PoolSpec
from slta.models.errors import UnknownSessionError
from slta.store import Store, StoreSettings
from slta.store._client.preflight import ServerRequirements
from slta.store._encoding import put_arguments
from testbed.clusters import cluster
from testbed.in_process import tick
from testbed.servers import SERVERS, Server
from tests.rawstate import poke
from tests.store import fleets
from tests.store.conftest import Calls
from tests.store.fleets import LARGE, SMALL, pool_class

pytestmark = pytest.mark.needs("redis-server")

SECRETS = make_secrets.random_secrets()
TEMPLATE = make_secrets.ACL_TEMPLATE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = shutil.which("redis-server")
    assert binary, "redis-server is needed: the compose file runs Redis"
    with running(binary, tmp_path_factory.mktemp("acl")) as socket:
        yield socket


@contextmanager
def running(binary: str, folder: Path) -> Iterator[str]:
    """A server with our ACL file and its data in the folder; gives its socket."""
    acl = folder / "users.acl"
    acl.write_text(make_secrets.acl_file(SECRETS, TEMPLATE), encoding="utf-8")
    # Without the second option DEBUG is refused before the ACL is asked; without the third, a kill may lose writes.
    options = ("--aclfile", str(acl), "--enable-debug-command", "yes", "--appendfsync", "always")
    with Server(folder, binary, *options) as server:
        yield str(server.folder / "s")


def connect(server: str, user: str | None, password: str | None) -> Redis:
    once = Retry(NoBackoff(), 0)
    return Redis(unix_socket_path=server, username=user, password=password, decode_responses=True, retry=once)


@pytest.fixture
def dispatcher(server: str) -> Iterator[Redis]:
    with connect(server, "dispatcher", SECRETS["STORE_PASSWORD"]) as client:
        yield client


@pytest.fixture
def operator(server: str) -> Iterator[Redis]:
    with connect(server, "operator", SECRETS["OPERATOR_PASSWORD"]) as client:
        yield client


@asynccontextmanager
async def opened(server: str) -> AsyncIterator[Store]:
    observer = Calls()
    url = f"unix://dispatcher:{SECRETS['STORE_PASSWORD']}@{server}"
    store = await Store.open(StoreSettings(url=url, call_timeout_seconds=5, deadline_seconds=10), observer)
    yield store
    await store.close()
    assert observer.errors == []


@pytest.fixture
async def store(server: str) -> AsyncIterator[Store]:
    async with opened(server) as store:
        yield store


def spec(policy: str, capacity: int = 6) -> FleetSpec:
    classes = (pool_class("small", SMALL, capacity), pool_class("large", LARGE, capacity))
    return fleets.spec(*classes, policy=policy, lease=60)


async def repair(store: Store, dispatcher: Redis, policy: str) -> None:
    """A comparison, and a rebuild of a fleet that is damaged in many ways."""
    compiled, key = put_arguments(spec(policy), "{}", None), f"{{{policy}}}"
    assert (await store.rebuilds.compare(policy, compiled))[0].sentences == []
    dispatcher.hset(f"{key}:sessions", "rubbish", "rubbish")
    dispatcher.delete(f"{key}:names", f"{key}:pools:0", f"{key}:used:1")
    dispatcher.zadd(f"{key}:timers", {"nobody": 1})
    dispatcher.zadd(f"{key}:leaving:1", {"1114111": 3})
    poke(dispatcher, policy, suspect="an error inside an operation")
    assert await tick(store, policy)
    await store.rebuilds.block(policy, "why")
    await store.rebuilds.rebuild(policy, compiled)
    assert not (await store.fleets.snapshot(policy)).suspect


@pytest.mark.parametrize("policy", PLACING)
async def test_everything_the_store_does_is_allowed(  # noqa: PLR0915 - a line for each call
    store: Store, operator: Redis, dispatcher: Redis, policy: str
) -> None:
    operator.acl_log_reset()
    assert await store.preflight(ServerRequirements(confirmed=True))
    assert await store.check() == "ready"
    await store.fleets.configure(policy, spec(policy), "{}")
    await store.pools.add(policy, [PoolSpec(f"{name}-{k}", name) for name in ("small", "large") for k in range(4)])
    assert policy in await store.fleets.names()
    assert await store.fleets.config(policy) == ("{}", 1)
    ids = [f"s-{k}" for k in range(40)]
    placed = [await store.sessions.assign(policy, id_, None) for id_ in ids]
    await store.sessions.renew(policy, ids[:3], 30)
    await store.sessions.get(policy, ids[0])
    for id_ in ids[20:]:
        await store.sessions.complete(policy, id_)
    with pytest.raises(UnknownSessionError):
        await store.sessions.complete(policy, "never-seen")
    await store.sessions.assign(policy, "short", 0.001)
    await store.sessions.report(policy, "reported", "small-0", None)
    await store.sessions.report(policy, "reported", "small-1", None)
    await store.fleets.configure(policy, replace(spec(policy), policy=POLICIES["observe"]), "{}")
    await store.sessions.report(policy, "reported", "small-2", None)
    await store.fleets.configure(policy, spec(policy), "{}")
    await tick(store, policy)
    await store.pools.set_status(policy, placed[0].pool_id, "draining")
    await store.pools.set_status(policy, placed[0].pool_id, "active")
    await store.pools.set_status(policy, "large-3", "draining", None, Drain(deadline_seconds=0.001, then="list"))
    await tick(store, policy)
    now = (await store.fleets.snapshot(policy)).as_of
    await store.pools.reconcile(policy, placed[0].pool_id, now, ["stranger", ids[0]])
    await store.pools.fail(policy, placed[1].pool_id)
    await store.pools.move(policy, PoolSpec("moved", "small"))
    await store.pools.move(policy, PoolSpec("moved", "large"))
    await store.pools.remove(policy, "moved")
    await store.pools.page(policy, None, 10)
    await store.fleets.snapshot(policy)
    assert policy in await store.rebuilds.census()
    assert await store.rebuilds.server_keys() == []
    assert await store.rebuilds.document(policy) == "{}"
    await repair(store, dispatcher, policy)
    await store.fleets.relist(policy)
    await store.fleets.repair_server_keys()
    await store.fleets.configure(policy, spec(policy, 7), "{}")
    await store.fleets.finish_file(policy, "digest")
    assert await store.fleets.applied_file(policy) == ("", True)
    for pool in (await store.pools.page(policy, None, 100)).pools:
        await store.pools.fail(policy, pool.pool_id)
    await store.fleets.delete(policy)
    assert operator.acl_log() == []


@pytest.mark.parametrize("name", sorted(SERVERS))
async def test_what_functions_wrote_is_there_after_a_restart(name: str, tmp_path: Path) -> None:
    for _ in range(2):
        with running(SERVERS[name], tmp_path) as socket:
            async with opened(socket) as store:
                if not await store.fleets.names():
                    await store.fleets.configure("f", spec("slta"), "{}")
                    await store.pools.add("f", [PoolSpec("small-1", "small")])
                    await store.sessions.assign("f", "s-1", None)
                    continue
                assert (await store.sessions.get("f", "s-1")).pool_id == "small-1"
                assert (await store.fleets.snapshot("f")).sessions == 1


@pytest.mark.slow
async def test_on_a_cluster_the_same_user_is_enough(tmp_path: Path) -> None:
    binary = shutil.which("redis-server")
    assert binary
    lines = make_secrets.acl_file(SECRETS, TEMPLATE).splitlines()
    _, name, *rules = next(line for line in lines if line.startswith("user dispatcher")).split()
    with cluster(tmp_path, binary, replicas=0) as nodes:
        nodes.allow(name, *rules)
        url = nodes.url.replace("://", f"://{name}:{SECRETS['STORE_PASSWORD']}@")
        observer = Calls()
        store = await Store.open(StoreSettings(url, call_timeout_seconds=5, deadline_seconds=10), observer)
        assert await store.preflight(ServerRequirements(confirmed=True))
        for node in nodes.nodes:
            node.ask("ACL", "LOG", "RESET")
        fleets = [nodes.fleet_on(node) for node in nodes.nodes]
        for fleet in fleets:
            await store.fleets.configure(fleet, spec("slta"), "{}")
            await store.pools.add(fleet, [PoolSpec("small-1", "small")])
            await store.sessions.assign(fleet, "s-1", None)
            await tick(store, fleet)
        await store.check()
        assert store.shards == {"ready": 3}
        assert await store.rebuilds.census() == set(await store.fleets.names()) == set(fleets)
        assert await store.eviction()
        await store.close()
        assert observer.errors == []
        assert [node.ask("ACL", "LOG") for node in nodes.nodes] == [[]] * 3


REFUSED = [
    "FLUSHALL", "FLUSHDB", "CONFIG GET *", "CONFIG SET maxmemory 1", "DEBUG SLEEP 0", "EVAL return 0", "SCRIPT FLUSH",
    "KEYS *", "RANDOMKEY", "DBSIZE", "SHUTDOWN", "REPLICAOF no one", "ACL LIST", "ACL SETUSER x", "MONITOR",
    "FUNCTION DELETE x", "FUNCTION FLUSH", "FUNCTION DUMP", "FUNCTION KILL", "MODULE LIST", "CLIENT LIST",
    "CLIENT KILL ID 1", "SAVE", "BGSAVE", "BGREWRITEAOF", "MIGRATE h 1 k 0 1",
    "EXPIRE {f}:fleet 1", "PUBLISH c m", "SUBSCRIBE c", "SLOWLOG GET", "SWAPDB 0 1",
    "COPY {f}:a {f}:b", "DUMP {f}:fleet", "SELECT 1",
]  # fmt: skip


@pytest.mark.parametrize("command", REFUSED)
def test_the_dispatcher_may_not(dispatcher: Redis, command: str) -> None:
    words = command.split()
    if words[0] == "EVAL":
        words = ["EVAL", "return 0", "0"]
    with pytest.raises(NoPermissionError):
        dispatcher.execute_command(*words)


@pytest.mark.parametrize("key", ["other", "slta:fleets2", "fleet:fleet", "slta:"])
def test_the_dispatcher_may_not_touch_the_key(dispatcher: Redis, key: str) -> None:
    with pytest.raises(NoPermissionError):
        dispatcher.get(key)


def test_a_function_has_no_more_rights_than_its_caller(dispatcher: Redis, operator: Redis) -> None:
    library = """#!lua name=intruder
redis.register_function('intrude', function(keys, args)
  return redis.pcall(unpack(args))
end)"""
    dispatcher.execute_command("FUNCTION", "LOAD", library)
    try:
        for words in (["KEYS", "*"], ["FLUSHALL"], ["GET", "other"], ["CONFIG", "GET", "*"]):
            with pytest.raises(Exception, match=r"permission|NOPERM|not allowed from script"):
                dispatcher.execute_command("FCALL", "intrude", 1, "{f}:fleet", *words)
    finally:
        operator.function_delete("intruder")


@pytest.mark.parametrize("user", [None, "default", "probe", "dispatcher"])
def test_nobody_else_may_read(server: str, user: str | None) -> None:
    with (
        pytest.raises((NoPermissionError, AuthenticationError)),
        connect(server, user, "guess" if user else None) as client,
    ):
        client.get("{f}:fleet")


def test_the_probe_may_ping(server: str) -> None:
    with connect(server, "probe", "any") as client:
        assert client.ping()


@pytest.mark.parametrize(
    "command", ["GET {f}:fleet", "FLUSHALL", "CONFIG SET maxmemory 1", "DEBUG SLEEP 0", "ACL LIST"]
)
def test_the_operator_may_not(operator: Redis, command: str) -> None:
    with pytest.raises(NoPermissionError):
        operator.execute_command(*command.split())


def test_the_operator_can_load_the_file_again(operator: Redis) -> None:
    assert operator.acl_load()
    assert operator.config_get("appendonly") == {"appendonly": "yes"}


def test_during_a_rotation_both_passwords_are_accepted() -> None:
    text = make_secrets.acl_file(SECRETS | {"STORE_PASSWORD_OLD": "x" * 16}, TEMPLATE)
    line = next(line for line in text.splitlines() if line.startswith("user dispatcher"))
    for password in (SECRETS["STORE_PASSWORD"], "x" * 16):
        assert f"#{hashlib.sha256(password.encode()).hexdigest()}" in line


def test_no_command_is_granted_that_the_store_does_not_use() -> None:
    lines = make_secrets.acl_file(SECRETS, TEMPLATE).splitlines()
    line = next(line for line in lines if line.startswith("user dispatcher"))
    granted = set(re.findall(r"\+(\S+)", line))
    store = Path(__file__).resolve().parents[2] / "service/slta/store"
    lua = "".join(file.read_text(encoding="utf-8") for file in (store / "lua").rglob("*.lua"))
    called = " ".join(re.findall(r"(?:redis\.p?call|commands\.send|scan)\(([^,)]*)", lua))
    used = set(re.findall(r"'([A-Z]+)'", called))
    calls = {"fcall", "fcall_ro", "function|load", "client|setinfo", "role", "info", "wait", "cluster|nodes", "scan"}
    assert granted == {word.lower() for word in used} | calls


def test_the_image_of_the_file_has_no_comments_or_placeholders() -> None:
    text = make_secrets.acl_file(SECRETS, TEMPLATE)
    assert "@STORE" not in text
    assert "@OPERATOR" not in text
    assert [line for line in text.splitlines() if not line.startswith("user ")] == []
    assert Path(make_secrets.ACL_TEMPLATE).exists()
