"""Servers that refuse: nothing ran, it is asked again until it passes, and one that lasts is told as such."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from slta.models import PoolSpec, errors
from slta.models.pools import Heartbeat
from slta.store import Store, StoreSettings
from slta.store._client.failures import Failure, NotSentError, classify
from testbed.faults import Proxy
from testbed.in_process import tick
from testbed.servers import Server
from tests.store.conftest import Calls
from tests.store.faults.conftest import BRIEF, PATIENT
from tests.store.fleets import FLEET, field

ANSWERS = {
    "loading": "LOADING Redis is loading the dataset in memory",
    "masterdown": "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "readonly": "READONLY You can't write against a read only replica.",
    "clusterdown": "CLUSTERDOWN The cluster is down",
    "tryagain": "TRYAGAIN Multiple keys request during rehashing of slot",
    "moved": "MOVED 3999 127.0.0.1:6381",
    "ask": "ASK 3999 127.0.0.1:6381",
    "busy": "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
    "misconf": "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "noreplicas": "NOREPLICAS Not enough good replicas to write.",
    "noauth": "NOAUTH Authentication required.",
    "noperm": "NOPERM User default has no permissions to run the 'fcall' command",
    "wrongpass": "WRONGPASS invalid username-password pair or user is disabled.",
    "clients": "ERR max number of clients reached",
}


@pytest.mark.parametrize("kind", sorted(ANSWERS))
async def test_a_refusal_means_that_nothing_ran_and_is_asked_again_until_it_passes(
    distant: Store, between: tuple[Proxy, str], calls: Calls, redis: Redis, kind: str
) -> None:
    between[0].refusals = [ANSWERS[kind]] * 2
    assert not (await distant.sessions.assign(FLEET, "s", None)).replayed
    assert calls.errors == [kind] * 2
    between[0].refusals = [ANSWERS[kind]]
    with pytest.raises(errors.StoreUnavailableError):
        await distant.fleets.snapshot(FLEET)
    between[0].refusals = []
    assert field(redis, "assigned") == "2"


async def test_a_lasting_refusal_is_unavailable(distant: Store, between: tuple[Proxy, str], calls: Calls) -> None:
    impatient = Store(StoreSettings(between[1], **BRIEF), calls)
    between[0].refusals = [ANSWERS["loading"]] * 1000
    await assert_unavailable(impatient)
    between[0].refusals = []
    await impatient.close()


async def assert_unavailable(store: Store) -> None:
    """An assign is refused, and said not to have run.

    The deadline may fall into a call, whose answer nobody then hears: the outcome is unknown. Were refusals unknown,
    it would be so each time.
    """
    for _ in range(8):
        with pytest.raises((errors.StoreUnavailableError, errors.OutcomeUnknownError)) as refused:
            await store.sessions.assign(FLEET, "refused", None)
        if refused.type is errors.StoreUnavailableError:
            return
    raise AssertionError("no refusal was known to have changed nothing")


async def test_an_error_that_nobody_knows_may_have_run(distant: Store, between: tuple[Proxy, str]) -> None:
    between[0].refusals = ["ERR something new in version 12"]
    with pytest.raises(errors.OutcomeUnknownError):
        await tick(distant, FLEET)


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.pools.add(FLEET, [PoolSpec("new", "small")]),
        lambda store: store.sessions.assign(FLEET, "s", None),
        lambda store: store.pools.beat(FLEET, [Heartbeat("p", "30")]),
    ],
    ids=["pools", "sessions", "heartbeats"],
)
async def test_a_function_that_fails_is_not_called_again(
    distant: Store, between: tuple[Proxy, str], call: Callable[[Store], Awaitable[object]]
) -> None:
    between[0].refusals = ["ERR user_function:1: a field is damaged"] * 3
    with pytest.raises(errors.OutcomeUnknownError):
        await call(distant)
    assert len(between[0].refusals) == 2


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (RedisTimeoutError("Timeout reading from /s"), Failure("timeout", ran=True)),
        (RedisConnectionError("Connection closed by server."), Failure("connection", ran=True)),
        (RedisConnectionError("Error while reading from /s : (104, 'reset')"), Failure("connection", ran=True)),
        (BrokenPipeError("broken pipe"), Failure("connection", ran=True)),
        (ResponseError("BUSYGROUP is another word"), Failure("response", ran=True)),
        (ResponseError("user_function:1: boom"), Failure("response", ran=True)),
        (ResponseError(""), Failure("response", ran=True)),
        (RedisError("of a kind to come"), Failure("other", ran=True)),
    ],
    ids=str,
)
def test_after_an_unknown_refusal_a_connected_call_may_have_run(error: RedisError | OSError, failure: Failure) -> None:
    assert classify(error) == failure
    with pytest.raises(NotSentError) as unconnected:
        raise NotSentError from error
    assert classify(unconnected.value) == Failure(failure.kind, ran=False)


# The same, provoked on real servers


def _full(server: Server, admin: Redis) -> Callable[[], object]:
    admin.config_set("maxmemory", 1)
    return lambda: admin.config_set("maxmemory", 0)


def _replica(server: Server, admin: Redis) -> Callable[[], object]:
    admin.execute_command("REPLICAOF", "127.0.0.1", "1")
    return lambda: admin.execute_command("REPLICAOF", "NO", "ONE")


def _stale_replica(server: Server, admin: Redis) -> Callable[[], object]:
    admin.config_set("replica-serve-stale-data", "no")
    return _replica(server, admin)


def _without_replicas(server: Server, admin: Redis) -> Callable[[], object]:
    admin.config_set("min-replicas-to-write", 1)
    return lambda: admin.config_set("min-replicas-to-write", 0)


def _without_permission(server: Server, admin: Redis) -> Callable[[], object]:
    admin.execute_command("ACL", "SETUSER", "default", "-fcall", "-fcall_ro")
    return lambda: admin.execute_command("ACL", "SETUSER", "default", "+@all")


def _with_password(server: Server, admin: Redis) -> Callable[[], object]:
    admin.config_set("requirepass", "secret")
    return lambda: admin.config_set("requirepass", "")


def _without_places(server: Server, admin: Redis) -> Callable[[], object]:
    admin.config_set("maxclients", 1)
    return lambda: admin.config_set("maxclients", 1000)


def _without_disk(server: Server, admin: Redis) -> Callable[[], object]:
    (server.folder / "dump.rdb").mkdir()  # where the file would go
    admin.config_set("save", "3600 1")
    admin.bgsave()
    while admin.info("persistence")["rdb_last_bgsave_status"] == "ok":
        pass
    return lambda: admin.config_set("save", "")


PROVOKED = {
    "oom": _full,
    "readonly": _replica,
    "masterdown": _stale_replica,
    "noreplicas": _without_replicas,
    "noperm": _without_permission,
    "noauth": _with_password,
    "clients": _without_places,
    "misconf": _without_disk,
}


REFUSE_CONNECTIONS = {"readonly", "masterdown", "noauth", "clients"}
"""Heard before anything is sent, so that the outcome is never unknown."""
REFUSE_READS = {*REFUSE_CONNECTIONS, "noperm"}
WORDS = {
    "masterdown": {"masterdown", "readonly"},
    "noauth": {"noauth", "connection"},
    "clients": {"clients", "connection"},
}
"""Where a server refuses the whole connection, its words may be lost on the way; else it is the word itself."""


@contextmanager
def provoked(kind: str, server: Server) -> Iterator[None]:
    with server.client() as admin:
        undo = PROVOKED[kind](server, admin)
        try:
            yield
        finally:
            undo()


@pytest.mark.parametrize("kind", sorted(PROVOKED))
async def test_a_real_refusal_is_unavailable_and_passes(own: Server, patient: Store, calls: Calls, kind: str) -> None:
    await patient.sessions.assign(FLEET, "before", None)
    calls.errors.clear()
    with provoked(kind, own):
        connecting = Store(StoreSettings(own.url, **BRIEF), calls)
        if kind in REFUSE_CONNECTIONS:
            with pytest.raises(errors.StoreUnavailableError):
                await connecting.sessions.assign(FLEET, "s", None)
        else:
            await assert_unavailable(connecting)
        assert await connecting.check() in {"unavailable", *WORDS.get(kind, {kind})} - {"connection"}
        if kind in REFUSE_READS:
            with pytest.raises(errors.StoreUnavailableError):
                await connecting.fleets.snapshot(FLEET)
        else:
            reading = Store(StoreSettings(own.url, **PATIENT), calls)
            assert (await reading.fleets.snapshot(FLEET)).sessions == 1
            await reading.close()
        await connecting.close()
    assert set(calls.errors) <= WORDS.get(kind, {kind})
    assert not (await patient.sessions.assign(FLEET, "refused", None)).replayed
    assert (await patient.fleets.snapshot(FLEET)).counters["assigned"] == 2


async def test_a_busy_server_is_unavailable(own: Server, patient: Store, impatient: Store, calls: Calls) -> None:
    with own.client() as admin:
        admin.config_set("busy-reply-threshold", 1)
        stuck: Any = AsyncRedis.from_url(own.url)
        script = asyncio.create_task(stuck.eval("while true do end", 0))
        while "busy" not in calls.errors:
            with suppress(errors.StoreUnavailableError, errors.OutcomeUnknownError):
                await impatient.sessions.assign(FLEET, "s", None)
        admin.script_kill()
        with pytest.raises(ResponseError):
            await script
        await stuck.aclose()
    assert (await patient.sessions.assign(FLEET, "s", None)).session_id == "s"
