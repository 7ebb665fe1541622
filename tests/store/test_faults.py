"""Lost replies, frozen, killed and refusing servers: nothing is done twice, nothing is lost, nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from service import errors
from service.store import Store, StoreSettings
from service.store.connection import Failure, Unconnected, classify
from service.values import AlreadyEnded
from tests.audit import violations
from tests.faults import Proxy, proxy
from tests.servers import SERVERS, Server, own_server
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, SMALL, TWO_CLASSES, create, field, occupancies, place, pool_class, spec

QUICK: dict[str, Any] = {"call_timeout_seconds": 0.2, "connect_timeout_seconds": 0.2, "deadline_seconds": 0.5}
PATIENT: dict[str, Any] = {"call_timeout_seconds": 30, "connect_timeout_seconds": 30, "deadline_seconds": 60}
"""For what must succeed on a slow machine too."""
BRIEF = PATIENT | {"deadline_seconds": 0.1}
"""For what is refused at once, again and again until the deadline."""


@pytest.fixture
async def between(server: str, redis: Redis) -> AsyncIterator[tuple[Proxy, str]]:
    async with proxy(server) as made:
        yield made


@pytest.fixture
async def distant(between: tuple[Proxy, str], store: Store, calls: Calls, clock: Clock) -> AsyncIterator[Store]:
    """A store behind the proxy; the fleet has two pools of each of two classes."""
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    opened = Store(StoreSettings(between[1], call_timeout_seconds=30, deadline_seconds=60), calls, clock=clock)
    await opened.sessions.assign(FLEET, "before", None)
    calls.errors.clear()  # the first call on a fresh server finds no library there
    yield opened
    between[0].open.set()
    await opened.close()


@pytest.fixture(params=sorted(SERVERS))
def own(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of the test's own, that it may freeze and kill; its fleet is audited afterwards."""
    # While the disk is busy, a server that syncs once a second answers before it has written: a kill would lose that.
    with own_server(SERVERS[request.param], "--appendfsync", "always") as server:
        yield server
        with server.client() as client:
            assert violations(client, FLEET) == []


@pytest.fixture
async def patient(own: Server, calls: Calls) -> AsyncIterator[Store]:
    """On the test's own server; two pools of each of two classes."""
    opened = Store(StoreSettings(own.url, **PATIENT), calls)
    await create(opened, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    yield opened
    await opened.close()


@pytest.fixture
async def impatient(patient: Store, own: Server, calls: Calls) -> AsyncIterator[Store]:
    """Another on the same server, for what must fail."""
    opened = Store(StoreSettings(own.url, **QUICK), calls)
    yield opened
    await opened.close()


# Replies that are lost


async def test_a_lost_reply_is_asked_for_again_and_the_session_placed_once(
    distant: Store, between: tuple[Proxy, str], redis: Redis
) -> None:
    between[0].lose = 3
    placed = await distant.sessions.assign(FLEET, "s", None)
    assert placed.replayed, "the first call did it, the fourth one's reply arrived"
    assert (field(redis, "assigned"), field(redis, "sessions")) == ("2", "2")
    assert (await occupancies(distant))[placed.pool_id] >= 1


async def test_a_completion_whose_reply_is_lost_happens_once(
    distant: Store, between: tuple[Proxy, str], redis: Redis
) -> None:
    between[0].lose = 1
    ended = await distant.sessions.complete(FLEET, "before")
    assert isinstance(ended, AlreadyEnded)
    assert ended.reason == "completed"
    assert (field(redis, "completed"), field(redis, "sessions")) == ("1", "0")


async def test_a_batch_whose_reply_is_lost_gives_everyone_an_outcome_of_his_own(
    distant: Store, between: tuple[Proxy, str], redis: Redis
) -> None:
    between[0].lose = 1
    outcomes = await asyncio.gather(*(distant.sessions.assign(FLEET, f"s{k}", None) for k in range(15)))
    assert [outcome.session_id for outcome in outcomes] == [f"s{k}" for k in range(15)]
    assert field(redis, "sessions") == "16"


async def test_the_library_repeats_no_call_behind_our_back(
    distant: Store, between: tuple[Proxy, str], calls: Calls
) -> None:
    before = between[0].calls
    calls.functions.clear()
    between[0].lose = 2
    await distant.sessions.assign(FLEET, "s", None)
    assert between[0].calls - before == len(calls.functions) == 3


async def test_an_administrative_call_whose_reply_is_lost_is_unknown(
    distant: Store, between: tuple[Proxy, str]
) -> None:
    between[0].lose = 1
    with pytest.raises(errors.OutcomeUnknown):
        await distant.pools.set_status(FLEET, "small-0", "draining")
    assert (await distant.pools.get(FLEET, "small-0")).status == "draining"


async def test_a_read_whose_reply_is_lost_has_changed_nothing(distant: Store, between: tuple[Proxy, str]) -> None:
    between[0].lose = 1
    with pytest.raises(errors.StoreUnavailable):
        await distant.fleets.snapshot(FLEET)


# A server that stands still


async def test_while_the_server_stands_still_calls_end_at_their_deadline_and_afterwards_all_is_consistent(
    own: Server, patient: Store, impatient: Store
) -> None:
    await impatient.sessions.assign(FLEET, "before", None)
    own.freeze()
    try:
        written = await asyncio.gather(
            *(impatient.sessions.assign(FLEET, f"s{k}", None) for k in range(12)),
            impatient.sessions.complete(FLEET, "before"),
            return_exceptions=True,
        )
        read = await asyncio.gather(impatient.fleets.snapshot(FLEET), impatient.check(), return_exceptions=True)
    finally:
        own.thaw()
    assert {type(outcome) for outcome in written} == {errors.OutcomeUnknown}, "sent, and never answered"
    assert isinstance(read[0], errors.StoreUnavailable), "a read changes nothing"
    assert read[1] is None
    assert impatient.readiness == "unavailable"
    again = await asyncio.gather(*(patient.sessions.assign(FLEET, f"s{k}", None) for k in range(12)))
    ended = await patient.sessions.complete(FLEET, "before")
    assert ended.pool_id
    counted = await occupancies(patient)
    for pool, occupancy in counted.items():
        assert occupancy == sum(placement.pool_id == pool for placement in again)
    assert (await patient.fleets.snapshot(FLEET)).counters["assigned"] == 13


async def test_the_deadline_ends_a_call_however_long_the_server_may_take(
    own: Server, patient: Store, calls: Calls
) -> None:
    unhurried = Store(StoreSettings(own.url, call_timeout_seconds=100, deadline_seconds=0.3), calls)
    await unhurried.fleets.snapshot(FLEET)  # a connection
    own.freeze()
    try:
        with pytest.raises(errors.OutcomeUnknown):
            await unhurried.sessions.assign(FLEET, "first", None)
        with pytest.raises(errors.StoreUnavailable):  # it gets no connection any more, so nothing was sent
            await unhurried.sessions.assign(FLEET, "second", None)
    finally:
        own.thaw()
    for id_ in ("first", "second"):
        assert (await patient.sessions.assign(FLEET, id_, None)).session_id == id_
    assert (await patient.fleets.snapshot(FLEET)).sessions == 2
    await unhurried.close()


async def test_calls_that_were_never_sent_say_that_nothing_was_changed(
    server: str, store: Store, redis: Redis, calls: Calls
) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    calls.errors.clear()
    nowhere = Store(StoreSettings(server + "-which-is-not-there", **BRIEF), calls)
    for call in (
        nowhere.sessions.assign(FLEET, "s", None),
        nowhere.sessions.complete(FLEET, "s"),
        nowhere.sessions.renew(FLEET, ["s"], None),
        nowhere.fleets.tick(FLEET),
        nowhere.fleets.snapshot(FLEET),
        nowhere.fleets.names(),
        nowhere.pools.add(FLEET, [("p", "small")]),
        nowhere.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}"),
    ):
        with pytest.raises(errors.StoreUnavailable):
            await call
    await nowhere.check()
    assert nowhere.readiness == "unavailable"
    assert set(calls.errors) == {"connection"}
    await nowhere.close()


async def test_a_store_may_be_opened_before_its_server_and_is_ready_when_that_is(own: Server, calls: Calls) -> None:
    own.kill()
    opened = await Store.open(StoreSettings(own.url, **PATIENT), calls)
    await opened.check()
    assert opened.readiness == "unavailable"
    own.start()
    await opened.check()
    assert opened.readiness == "ready"
    await create(opened, spec(*TWO_CLASSES), {"small": 1})
    await opened.close()


# A server that is killed


async def test_sessions_are_there_after_the_server_was_killed_and_started_again(
    own: Server, patient: Store, impatient: Store
) -> None:
    placed = await place(patient, 15)
    await patient.sessions.complete(FLEET, "s0")
    own.kill()
    with pytest.raises((errors.OutcomeUnknown, errors.StoreUnavailable)):
        await impatient.sessions.assign(FLEET, "meanwhile", None)
    own.start()
    for id_, pool in list(placed.items())[1:]:
        assert (await patient.sessions.get(FLEET, id_)).pool_id == pool
    with pytest.raises(errors.SessionEnded):
        await patient.sessions.get(FLEET, "s0")
    assert (await patient.sessions.assign(FLEET, "meanwhile", None)).session_id == "meanwhile"


async def test_a_server_that_is_killed_under_load_and_back_within_the_deadline_is_not_noticed(
    own: Server, calls: Calls
) -> None:
    store = Store(StoreSettings(own.url, **PATIENT), calls)
    await create(store, spec(pool_class("small", SMALL, 100)), {"small": 4})
    tasks = [asyncio.create_task(store.sessions.assign(FLEET, f"s{k}", None)) for k in range(300)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    own.kill()
    own.start()
    placements = await asyncio.gather(*tasks)
    for placement in placements:
        assert (await store.sessions.get(FLEET, placement.session_id)).pool_id == placement.pool_id
    assert (await store.fleets.snapshot(FLEET)).sessions == 300
    await store.close()


# A library that is gone


async def test_a_library_that_is_flushed_under_load_is_loaded_again_and_nobody_notices(
    store: Store, server: str, redis: Redis, calls: Calls, clock: Clock
) -> None:
    await create(store, spec(pool_class("small", SMALL, 200)), {"small": 4})
    others = [Store(StoreSettings(server, **PATIENT), calls, clock=clock) for _ in range(3)]
    for round_ in range(5):
        tasks = [
            asyncio.create_task(other.sessions.assign(FLEET, f"{round_}-{at}-{k}", None))
            for k in range(20)
            for at, other in enumerate((store, *others))
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        redis.execute_command("FUNCTION", "FLUSH")
        assert not any(placement.replayed for placement in await asyncio.gather(*tasks))
        redis.execute_command("FUNCTION", "FLUSH")
        assert (await store.fleets.snapshot(FLEET)).sessions == 80 * (round_ + 1), "reads load it as well"
    for other in others:
        await other.close()


async def test_the_store_is_ready_again_by_itself_after_a_flush(store: Store, redis: Redis) -> None:
    redis.execute_command("FUNCTION", "FLUSH")
    await store.check()
    assert store.readiness == "ready"
    assert store.library_digest in str(redis.execute_command("FUNCTION", "LIST"))


# Servers that refuse

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
    for call in (distant.fleets.tick, distant.fleets.snapshot):
        between[0].refusals = [ANSWERS[kind]]
        with pytest.raises(errors.StoreUnavailable):
            await call(FLEET)
    between[0].refusals = []
    assert field(redis, "assigned") == "2"


async def test_a_refusal_that_lasts_is_unavailable_and_not_unknown(
    distant: Store, between: tuple[Proxy, str], calls: Calls
) -> None:
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
        with pytest.raises((errors.StoreUnavailable, errors.OutcomeUnknown)) as refused:
            await store.sessions.assign(FLEET, "refused", None)
        if refused.type is errors.StoreUnavailable:
            return
    raise AssertionError("no refusal was known to have changed nothing")


async def test_an_error_that_nobody_knows_may_have_run(distant: Store, between: tuple[Proxy, str]) -> None:
    between[0].refusals = ["ERR something new in version 12"]
    with pytest.raises(errors.OutcomeUnknown):
        await distant.fleets.tick(FLEET)


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
def test_what_is_not_a_known_refusal_may_have_run_unless_there_was_no_connection(
    error: RedisError | OSError, failure: Failure
) -> None:
    assert classify(error) == failure
    with pytest.raises(Unconnected) as unconnected:
        raise Unconnected from error
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
async def test_a_real_server_s_refusal_is_unavailable_and_passes(
    own: Server, patient: Store, calls: Calls, kind: str
) -> None:
    await patient.sessions.assign(FLEET, "before", None)
    calls.errors.clear()
    with provoked(kind, own):
        connecting = Store(StoreSettings(own.url, **BRIEF), calls)
        if kind in REFUSE_CONNECTIONS:
            with pytest.raises(errors.StoreUnavailable):
                await connecting.sessions.assign(FLEET, "s", None)
        else:
            await assert_unavailable(connecting)
        await connecting.check()
        assert connecting.readiness in {"unavailable", *WORDS.get(kind, {kind})} - {"connection"}
        if kind in REFUSE_READS:
            with pytest.raises(errors.StoreUnavailable):
                await connecting.fleets.snapshot(FLEET)
        else:
            reading = Store(StoreSettings(own.url, **PATIENT), calls)
            assert (await reading.fleets.snapshot(FLEET)).sessions == 1
            await reading.close()
        await connecting.close()
    assert set(calls.errors) <= WORDS.get(kind, {kind})
    assert not (await patient.sessions.assign(FLEET, "refused", None)).replayed
    assert (await patient.fleets.snapshot(FLEET)).counters["assigned"] == 2


async def test_a_server_that_is_busy_with_a_script_is_unavailable_until_that_ends(
    own: Server, patient: Store, impatient: Store, calls: Calls
) -> None:
    with own.client() as admin:
        admin.config_set("busy-reply-threshold", 1)
        stuck: Any = AsyncRedis.from_url(own.url)
        script = asyncio.create_task(stuck.eval("while true do end", 0))
        while "busy" not in calls.errors:
            with suppress(errors.StoreUnavailable, errors.OutcomeUnknown):
                await impatient.sessions.assign(FLEET, "s", None)
        admin.script_kill()
        with pytest.raises(ResponseError):
            await script
        await stuck.aclose()
    assert (await patient.sessions.assign(FLEET, "s", None)).session_id == "s"


# More readers than connections


async def test_more_reads_than_connections_wait_for_one(store: Store, server: str, calls: Calls) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    placed = await place(store, 20)
    narrow = Store(StoreSettings(server, call_timeout_seconds=30, connect_timeout_seconds=30, max_connections=3), calls)
    found = await asyncio.gather(*(narrow.sessions.get(FLEET, f"s{k % 20}") for k in range(200)))
    assert {session.session_id: session.pool_id for session in found} == placed
    await narrow.close()


async def test_a_deadline_that_passes_before_there_is_a_connection_leaves_nothing_unknown(
    own: Server, patient: Store, calls: Calls
) -> None:
    unconnected = Store(StoreSettings(own.url, connect_timeout_seconds=30, deadline_seconds=0.2), calls)
    own.freeze()
    try:
        for id_ in ("first", "second"):
            with pytest.raises(errors.StoreUnavailable):
                await unconnected.sessions.assign(FLEET, id_, None)
    finally:
        own.thaw()
    await unconnected.close()
    assert (await patient.fleets.snapshot(FLEET)).counters["assigned"] == 0
