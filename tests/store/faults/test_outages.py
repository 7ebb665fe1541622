"""Lost replies, frozen and killed servers: nothing is done twice, nothing is lost, nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest
from redis import Redis

from slta.models import AlreadyEnded, PoolSpec, errors
from slta.store import Store, StoreSettings
from slta.store.pools import POOLS_PER_CALL
from testbed.faults import Proxy
from testbed.in_process import tick
from testbed.servers import Server
from tests.store.conftest import Calls, Clock
from tests.store.faults.conftest import BRIEF, PATIENT
from tests.store.fleets import FLEET, SMALL, TWO_CLASSES, create, field, occupancies, place, pool_class, spec

# Replies that are lost


async def test_a_lost_assign_is_placed_once(distant: Store, between: tuple[Proxy, str], redis: Redis) -> None:
    between[0].lose = 3
    placed = await distant.sessions.assign(FLEET, "s", None)
    assert placed.replayed, "the first call did it, the fourth one's reply arrived"
    assert (field(redis, "assigned"), field(redis, "sessions")) == ("2", "2")
    assert (await occupancies(distant))[placed.pool_id] >= 1


async def test_a_lost_completion_happens_once(distant: Store, between: tuple[Proxy, str], redis: Redis) -> None:
    between[0].lose = 1
    ended = await distant.sessions.complete(FLEET, "before")
    assert isinstance(ended, AlreadyEnded)
    assert ended.reason == "completed"
    assert (field(redis, "completed"), field(redis, "sessions")) == ("1", "0")


async def test_every_call_of_a_lost_batch_is_answered(distant: Store, between: tuple[Proxy, str], redis: Redis) -> None:
    between[0].lose = 1
    outcomes = await asyncio.gather(*(distant.sessions.assign(FLEET, f"s{k}", None) for k in range(15)))
    assert [outcome.session_id for outcome in outcomes] == [f"s{k}" for k in range(15)]
    assert field(redis, "sessions") == "16"


async def test_the_library_repeats_no_call_itself(distant: Store, between: tuple[Proxy, str], calls: Calls) -> None:
    before = between[0].calls
    calls.functions.clear()
    between[0].lose = 2
    await distant.sessions.assign(FLEET, "s", None)
    assert between[0].calls - before == len(calls.functions) == 3


async def test_an_administrative_call_without_reply_is_unknown(distant: Store, between: tuple[Proxy, str]) -> None:
    between[0].lose = 1
    with pytest.raises(errors.OutcomeUnknownError):
        await distant.pools.set_status(FLEET, "small-0", "draining")
    assert (await distant.pools.get(FLEET, "small-0")).status == "draining"


async def test_pools_of_a_call_without_reply_are_added_by_repeating(distant: Store, between: tuple[Proxy, str]) -> None:
    before, between[0].lose = between[0].calls, 2
    pools = [PoolSpec(f"new-{number}", "small") for number in range(2 * POOLS_PER_CALL)]
    added = await distant.pools.add(FLEET, pools)
    assert between[0].calls - before == 2 + 2
    assert (len(added.unchanged), len(added.created)) == (POOLS_PER_CALL, POOLS_PER_CALL)


async def test_pools_never_confirmed_are_unknown(distant: Store, between: tuple[Proxy, str], calls: Calls) -> None:
    between[0].lose = 1_000_000
    hurried = Store(StoreSettings(between[1], **BRIEF), calls)
    with pytest.raises(errors.OutcomeUnknownError, match="repeat the request"):
        await hurried.pools.add(FLEET, [PoolSpec("new", "small")])
    await hurried.close()


async def test_a_read_whose_reply_is_lost_has_changed_nothing(distant: Store, between: tuple[Proxy, str]) -> None:
    between[0].lose = 1
    with pytest.raises(errors.StoreUnavailableError):
        await distant.fleets.snapshot(FLEET)


# A server that stands still


@pytest.mark.slow
async def test_with_a_stopped_server_calls_end_at_deadlines(own: Server, patient: Store, impatient: Store) -> None:
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
    assert {type(outcome) for outcome in written} == {errors.OutcomeUnknownError}, "sent, and never answered"
    assert isinstance(read[0], errors.StoreUnavailableError), "a read changes nothing"
    assert read[1] == "unavailable"
    assert impatient.readiness == "unavailable"
    again = await asyncio.gather(*(patient.sessions.assign(FLEET, f"s{k}", None) for k in range(12)))
    ended = await patient.sessions.complete(FLEET, "before")
    assert ended.pool_id
    counted = await occupancies(patient)
    for pool, occupancy in counted.items():
        assert occupancy == sum(placement.pool_id == pool for placement in again)
    assert (await patient.fleets.snapshot(FLEET)).counters["assigned"] == 13


async def test_a_read_ends_after_a_single_timeout(own: Server, patient: Store, impatient: Store, calls: Calls) -> None:
    await patient.fleets.snapshot(FLEET)
    await impatient.fleets.snapshot(FLEET)  # a connection
    calls.errors.clear()
    own.freeze()
    try:
        with pytest.raises(errors.StoreUnavailableError):
            await asyncio.wait_for(impatient.fleets.snapshot(FLEET), 30)
    finally:
        own.thaw()
    assert calls.errors == ["timeout"]


async def test_the_deadline_ends_a_call_however_long_it_takes(own: Server, patient: Store, calls: Calls) -> None:
    unhurried = Store(StoreSettings(own.url, call_timeout_seconds=100, deadline_seconds=0.3), calls)
    await unhurried.fleets.snapshot(FLEET)  # a connection
    own.freeze()
    try:
        with pytest.raises(errors.OutcomeUnknownError):
            await unhurried.sessions.assign(FLEET, "first", None)
        with pytest.raises(errors.StoreUnavailableError):  # it gets no connection any more, so nothing was sent
            await unhurried.sessions.assign(FLEET, "second", None)
    finally:
        own.thaw()
    for id_ in ("first", "second"):
        assert (await patient.sessions.assign(FLEET, id_, None)).session_id == id_
    assert (await patient.fleets.snapshot(FLEET)).sessions == 2
    await unhurried.close()


async def test_calls_never_sent_say_nothing_was_changed(server: str, store: Store, redis: Redis, calls: Calls) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    calls.errors.clear()
    nowhere = Store(StoreSettings(server + "-which-is-not-there", **BRIEF), calls)
    for call in (
        nowhere.sessions.assign(FLEET, "s", None),
        nowhere.sessions.complete(FLEET, "s"),
        nowhere.sessions.renew(FLEET, ["s"], None),
        tick(nowhere, FLEET),
        nowhere.fleets.snapshot(FLEET),
        nowhere.fleets.names(),
        nowhere.pools.add(FLEET, [PoolSpec("p", "small")]),
        nowhere.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}"),
    ):
        with pytest.raises(errors.StoreUnavailableError):
            await call
    assert await nowhere.check() == "unavailable"
    assert set(calls.errors) == {"connection"}
    await nowhere.close()


async def test_a_store_may_be_opened_before_its_server_and_is_ready_when_that_is(own: Server, calls: Calls) -> None:
    own.kill()
    opened = await Store.open(StoreSettings(own.url, **PATIENT), calls)
    assert await opened.check() == "unavailable"
    own.start()
    assert await opened.check() == "ready"
    await create(opened, spec(*TWO_CLASSES), {"small": 1})
    await opened.close()


# A server that is killed


async def test_sessions_outlive_a_kill_of_the_server(own: Server, patient: Store, impatient: Store) -> None:
    placed = await place(patient, 15)
    await patient.sessions.complete(FLEET, "s0")
    own.kill()
    with pytest.raises((errors.OutcomeUnknownError, errors.StoreUnavailableError)):
        await impatient.sessions.assign(FLEET, "meanwhile", None)
    own.start()
    for id_, pool in list(placed.items())[1:]:
        assert (await patient.sessions.get(FLEET, id_)).pool_id == pool
    with pytest.raises(errors.SessionEndedError):
        await patient.sessions.get(FLEET, "s0")
    assert (await patient.sessions.assign(FLEET, "meanwhile", None)).session_id == "meanwhile"


async def test_a_server_that_is_killed_and_back_within_the_deadline_is_unnoticed(own: Server, calls: Calls) -> None:
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


async def test_a_flushed_library_is_loaded(store: Store, server: str, redis: Redis, calls: Calls, clock: Clock) -> None:
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
        assert [placement for placement in await asyncio.gather(*tasks) if placement.replayed] == []
        redis.execute_command("FUNCTION", "FLUSH")
        assert (await store.fleets.snapshot(FLEET)).sessions == 80 * (round_ + 1), "reads load it as well"
    for other in others:
        await other.close()


async def test_the_store_is_ready_again_by_itself_after_a_flush(store: Store, redis: Redis) -> None:
    redis.execute_command("FUNCTION", "FLUSH")
    assert await store.check() == "ready"
    assert store.library_digest in str(redis.execute_command("FUNCTION", "LIST"))


# More readers than connections


async def test_more_reads_than_connections_wait_for_one(store: Store, server: str, calls: Calls) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    placed = await place(store, 20)
    narrow = Store(StoreSettings(server, call_timeout_seconds=30, connect_timeout_seconds=30, max_connections=3), calls)
    found = await asyncio.gather(*(narrow.sessions.get(FLEET, f"s{k % 20}") for k in range(200)))
    assert {session.session_id: session.pool_id for session in found} == placed
    await narrow.close()


async def test_a_deadline_before_any_connection_is_unavailable(own: Server, patient: Store, calls: Calls) -> None:
    unconnected = Store(StoreSettings(own.url, connect_timeout_seconds=30, deadline_seconds=0.2), calls)
    own.freeze()
    try:
        for id_ in ("first", "second"):
            with pytest.raises(errors.StoreUnavailableError):
                await unconnected.sessions.assign(FLEET, id_, None)
    finally:
        own.thaw()
    await unconnected.close()
    assert (await patient.fleets.snapshot(FLEET)).counters["assigned"] == 0
