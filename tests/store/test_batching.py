"""Operations that arrive during a call go out as the next one; each has an outcome of its own, whatever befalls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis import Redis

from slta.models import Placement, PoolSpec, Renewed, errors
from slta.models.pools import Heartbeat
from slta.store import Store, StoreSettings
from slta.store._batching.batcher import RETRY_PAUSE_SECONDS
from slta.store._batching.kinds import SESSIONS
from slta.store._batching.pending import Outcome, PendingCall
from testbed.faults import Proxy
from testbed.in_process import tick
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.fleets import (
    FLEET,
    SMALL,
    TWO_CLASSES,
    bring,
    create,
    end_of,
    occupancies,
    place,
    pool_class,
    repair_by_itself,
    spec,
)

ROOMY = spec(pool_class("small", SMALL, 100))
LEASED = spec(pool_class("small", SMALL, 6), lease=100)


@pytest.fixture
async def store(between: tuple[Proxy, str], calls: Calls, clock: Clock) -> AsyncIterator[Store]:
    """A store whose calls a test can hold up; a fleet with room for 600 sessions."""
    opened = Store(StoreSettings(between[1], call_timeout_seconds=10, deadline_seconds=10), calls, clock=clock)
    await create(opened, ROOMY, {"small": 6})
    yield opened
    between[0].open.set()
    await opened.close()


async def held(proxied: Proxy, call: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A first call that is under way and held up; what comes now waits for it."""
    proxied.open.clear()
    before = proxied.calls
    first = asyncio.create_task(call)
    await proxied.waiting(before + 1)
    return first


async def together(proxied: Proxy, first: Coroutine[Any, Any, Any], *calls: Coroutine[Any, Any, Any]) -> list[Any]:
    """The outcomes of a first call, and of those that travel as one batch behind it."""
    tasks = [await held(proxied, first), *map(asyncio.create_task, calls)]
    await asyncio.sleep(0)
    proxied.open.set()
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_a_batch_has_at_most_128(store: Store, between: tuple[Proxy, str], calls: Calls, redis: Redis) -> None:
    calls.functions.clear()
    outcomes = await together(between[0], *(store.sessions.assign(FLEET, f"s{k}", None) for k in range(701)))
    assert sorted(size for _, size in calls.functions) == [1, 60, 128, 128, 128, 128, 128]
    refused = [outcome for outcome in outcomes if isinstance(outcome, errors.NoCapacityError)]
    assert len(refused) == 101, "600 places"
    assert len(redis.hkeys(f"{{{FLEET}}}:sessions")) == 600


async def test_heartbeats_that_arrive_during_a_call_share_the_next(
    store: Store, between: tuple[Proxy, str], calls: Calls
) -> None:
    first = [Heartbeat("small-5", "10")]
    requests = [[Heartbeat(f"small-{k % 3}", "10"), Heartbeat(f"nobody-{k}", "10")] for k in range(70)]
    large = [Heartbeat(f"nobody-{k}", "10") for k in range(200)]
    calls.functions.clear()
    beats = (store.pools.beat(FLEET, request) for request in (first, *requests, large))
    _, *found, _ = await together(between[0], *beats)
    assert sorted(calls.functions) == [("beat", 1), ("beat", 12), ("beat", 128), ("beat", 200)]
    outcomes = [[(pool.pool_id, pool.outcome) for pool in one.pools] for one in found]
    assert outcomes == [[(f"small-{k % 3}", "ok"), (f"nobody-{k}", "unknown_pool")] for k in range(70)]
    assert sum(pool.liveness == "alive" for pool in (await store.pools.page(FLEET, None, 10)).pools) == 6


@pytest.mark.parametrize(
    ("damaged", "key", "unknown"),
    [
        (Heartbeat("small-2", "10", attributes=("", "{}")), "labels", [False, True, False]),
        (Heartbeat("small-2", "10", "0"), "ids:1048578", [False, True, False]),
        (Heartbeat("small-2", "10"), "timers", [True, True, True]),
    ],
)
async def test_damage_is_unknown_for_the_heartbeats_that_meet_it(
    store: Store, between: tuple[Proxy, str], redis: Redis, damaged: Heartbeat, key: str, unknown: list[bool]
) -> None:
    redis.set(f"{{{FLEET}}}:{key}", "of another type")
    sent = [Heartbeat("small-5", "10"), Heartbeat("small-0", "10"), damaged, Heartbeat("small-1", "10")]
    _, *found = await together(between[0], *(store.pools.beat(FLEET, [one]) for one in sent))
    assert [isinstance(one, errors.OutcomeUnknownError) for one in found] == unknown
    assert "WRONGTYPE" in redis.hget(f"{{{FLEET}}}:fleet", "suspect")
    await repair_by_itself(store, ROOMY)


async def test_a_single_operation_waits_for_no_other(store: Store, calls: Calls) -> None:
    calls.functions.clear()
    for k in range(5):
        await bring(store, f"s{k}")
    assert calls.functions == [("batch", 1)] * 5


async def test_every_operation_sees_the_effect_of_the_one_before(store: Store, between: tuple[Proxy, str]) -> None:
    _, a, done, again, ended, b, replay, renewed, unknown = await together(
        between[0],
        store.sessions.renew(FLEET, ["nobody"], None),
        store.sessions.assign(FLEET, "a", None),
        store.sessions.complete(FLEET, "a"),
        store.sessions.complete(FLEET, "a"),
        store.sessions.assign(FLEET, "a", None),
        store.sessions.assign(FLEET, "b", None),
        store.sessions.assign(FLEET, "b", None),
        store.sessions.renew(FLEET, ["a", "b", "c"], None),
        store.sessions.complete(FLEET, "c"),
    )
    assert (a.replayed, done.outcome, again.outcome) == (False, "completed", "already_ended")
    assert isinstance(ended, errors.SessionEndedError)
    assert (b.replayed, replay.replayed, replay.pool_id) == (False, True, b.pool_id)
    assert renewed == Renewed(renewed=["b"], expired=["a"], unknown=["c"])
    assert isinstance(unknown, errors.UnknownSessionError)


async def test_operations_on_other_fleets_do_not_wait(store: Store, between: tuple[Proxy, str]) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1}, "other")
    first = await held(between[0], store.sessions.assign(FLEET, "first", None))
    second = asyncio.create_task(store.sessions.assign("other", "s", None))
    await between[0].waiting(between[0].calls + 1)
    between[0].open.set()
    await asyncio.gather(first, second)


async def test_all_who_wait_for_an_unknown_fleet_are_told_so(store: Store, between: tuple[Proxy, str]) -> None:
    between[0].open.clear()
    tasks = [asyncio.create_task(store.sessions.assign("nobody", f"s{k}", None)) for k in range(200)]
    await asyncio.sleep(0)
    between[0].open.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {errors.UnknownFleetError}


async def test_names_that_are_no_fleet_leave_nothing_behind_in_a_dispatcher(store: Store) -> None:
    for k in range(20):
        with pytest.raises(errors.UnknownFleetError):
            await store.sessions.assign(f"nobody-{k}", "s", None)
    await store._operations.drain()
    assert not store._operations._batchers


# Callers that go away


async def test_cancelled_callers_undo_nothing_and_mix_no_replies(store: Store, between: tuple[Proxy, str]) -> None:
    first = await held(between[0], store.sessions.assign(FLEET, "first", None))
    tasks = {f"s{k}": asyncio.create_task(store.sessions.assign(FLEET, f"s{k}", None)) for k in range(300)}
    await asyncio.sleep(0)
    unsent = [id_ for k, id_ in enumerate(tasks) if k % 3 == 1]
    for id_ in unsent:
        tasks[id_].cancel()
    first.cancel()
    between[0].open.set()
    await between[0].waiting(between[0].calls + 1)
    sent = [id_ for k, id_ in enumerate(tasks) if k % 3 == 2 and k < 100]
    for id_ in sent:
        tasks[id_].cancel()
    outcomes = await asyncio.gather(*tasks.values(), return_exceptions=True)
    await store.sessions.assign(FLEET, "last", None)
    for id_, outcome in zip(tasks, outcomes, strict=True):
        if isinstance(outcome, Placement):
            assert (await store.sessions.get(FLEET, id_)).pool_id == outcome.pool_id
            assert outcome.session_id == id_
    for id_ in unsent:
        assert await end_of(store, id_) == "unknown_session"
    assert sum((await occupancies(store)).values()) == 202, "what was sent is placed, cancelled or not"


async def test_closing_waits_for_what_is_under_way(between: tuple[Proxy, str], store: Store, calls: Calls) -> None:
    closing = Store(StoreSettings(between[1], call_timeout_seconds=30, deadline_seconds=60), calls)
    between[0].open.clear()
    before = between[0].calls
    task = asyncio.create_task(closing.sessions.assign(FLEET, "s", None))
    await between[0].waiting(before + 1)
    closed = asyncio.create_task(closing.close())
    await asyncio.sleep(0)
    between[0].open.set()
    await closed
    assert (await task).session_id == "s"


# An error inside one operation


DAMAGES = {"a sorted set of sessions": "pools:0", "a set of ids": "ids:1048576"}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
async def test_an_error_in_one_operation_is_unknown_for_it_alone_and_the_fleet_is_repaired(
    store: Store, between: tuple[Proxy, str], redis: Redis, damage: str
) -> None:
    await store.fleets.delete(FLEET)
    await create(store, LEASED, {"small": 2})
    placed = await place(store, 4)
    key = f"{{{FLEET}}}:{DAMAGES[damage]}"
    redis.delete(key)
    redis.lpush(key, "x")
    _, *outcomes = await together(
        between[0],
        store.sessions.renew(FLEET, ["nobody"], None),
        store.sessions.renew(FLEET, ["s0"], None),
        *(store.sessions.complete(FLEET, id_) for id_ in placed),
        *(store.sessions.assign(FLEET, f"t{k}", None) for k in range(4)),
        store.sessions.renew(FLEET, ["never"], None),
    )
    assert errors.OutcomeUnknownError in {*map(type, outcomes)}
    assert outcomes[0].renewed == ["s0"], "those before have their true outcome"
    assert outcomes[-1].unknown == ["never"], "those after were sent again"
    assert redis.hget(f"{{{FLEET}}}:fleet", "suspect")
    await repair_by_itself(store, LEASED)
    assert violations(redis, FLEET) == []
    repaired = await store.fleets.snapshot(FLEET)
    assert (repaired.suspect, repaired.counters["repairs"]) == (False, 1)
    for id_ in placed:
        ended = await store.sessions.complete(FLEET, id_)
        assert ended.outcome == "already_ended", "asked again, it hears that it is over"


async def test_an_error_at_the_end_of_a_call_is_unknown(store: Store, between: tuple[Proxy, str], redis: Redis) -> None:
    await store.fleets.delete(FLEET)
    await create(store, LEASED, {"small": 2})
    placed = await place(store, 4)
    for leases in redis.keys(f"{{{FLEET}}}:leases:*"):
        redis.set(leases, "not a set")
    outcomes = await together(between[0], *(store.sessions.complete(FLEET, id_) for id_ in placed))
    assert {type(outcome) for outcome in outcomes} == {errors.OutcomeUnknownError}
    assert "WRONGTYPE" in redis.hget(f"{{{FLEET}}}:fleet", "suspect")
    await repair_by_itself(store, LEASED)
    assert violations(redis, FLEET) == []


async def test_a_repeat_finds_a_half_placed_session(store: Store, between: tuple[Proxy, str], redis: Redis) -> None:
    redis.delete(f"{{{FLEET}}}:pools:0")
    redis.lpush(f"{{{FLEET}}}:pools:0", "x")
    with pytest.raises(errors.OutcomeUnknownError):
        await store.sessions.assign(FLEET, "s", None)
    assert "WRONGTYPE" in redis.hget(f"{{{FLEET}}}:fleet", "suspect")
    await repair_by_itself(store, ROOMY)
    again = await store.sessions.assign(FLEET, "s", None)
    assert again.replayed
    assert (await occupancies(store))[again.pool_id] == 1
    counters = (await store.fleets.snapshot(FLEET)).counters
    assert counters["assigned"] + counters["adopted"] == 1


async def test_without_a_repair_operations_end_at_their_deadline_having_asked_at_a_decent_pace(
    server: str, store: Store, calls: Calls, clock: Clock, redis: Redis
) -> None:
    redis.set(f"{{{FLEET}}}:ended:0", "no hash")
    impatient = Store(StoreSettings(server, deadline_seconds=0.3), calls, clock=clock)
    calls.functions.clear()
    outcomes = await asyncio.gather(
        *(impatient.sessions.assign(FLEET, f"t{k}", None) for k in range(8)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes[1:]} <= {errors.StoreUnavailableError, errors.OutcomeUnknownError}
    assert len(calls.functions) <= 2 + 0.3 / RETRY_PAUSE_SECONDS
    await impatient.close()
    await repair_by_itself(store, ROOMY)


# Memory is full


async def test_when_memory_is_full_nothing_is_placed_but_sessions_end_down_to_zero(
    store: Store, between: tuple[Proxy, str], redis: Redis, calls: Calls
) -> None:
    placed = await place(store, 200)
    redis.config_set("maxmemory", 1)
    try:
        _, *outcomes = await together(
            between[0],
            store.sessions.renew(FLEET, ["nobody"], None),
            store.sessions.assign(FLEET, "late", None),
            *(store.sessions.complete(FLEET, id_) for id_ in list(placed)[:100]),
            store.sessions.renew(FLEET, ["s150"], 50),
            store.sessions.assign(FLEET, "later", None),
        )
        assert [type(outcomes[at]) for at in (0, -1)] == [errors.StoreUnavailableError] * 2
        assert outcomes[-2].renewed == ["s150"]
        assert {outcome.outcome for outcome in outcomes[1:101]} == {"completed"}
        assert "oom" in calls.errors
        await asyncio.gather(*(store.sessions.complete(FLEET, id_) for id_ in list(placed)[100:]))
        await tick(store, FLEET)
        failed = await store.pools.fail(FLEET, "small-0")
        assert (failed.status, failed.ended_session_ids) == ("failed", [])
        await store.pools.set_status(FLEET, "small-0", "active")
        assert sum((await occupancies(store)).values()) == 0
        with pytest.raises(errors.StoreUnavailableError):
            await store.pools.add(FLEET, [PoolSpec("p", "small")])
    finally:
        redis.config_set("maxmemory", 0)
    assert not (await store.sessions.assign(FLEET, "late", None)).replayed, "nothing of it ran"


@pytest.mark.parametrize("reply", ["{'BATCH', {}, 1, 1}", "{'BATCH'}", "'OK'", "{}"])
async def test_a_reply_that_is_not_of_this_library_is_an_unknown_outcome(
    between: tuple[Proxy, str], redis: Redis, opening: AsyncExitStack, reply: str
) -> None:
    """As where another library has taken the function's name."""
    store = Store(StoreSettings(between[1], deadline_seconds=0.2), Calls())
    opening.push_async_callback(store.close)
    redis.execute_command("FUNCTION", "FLUSH")
    name = f"slta_{store.library_digest}_batch"
    source = f"#!lua name=foreign\nredis.register_function('{name}', function() return {reply} end)"
    redis.execute_command("FUNCTION", "LOAD", source)
    assigned = await asyncio.gather(
        *(store.sessions.assign(FLEET, f"s{k}", None) for k in range(2)), return_exceptions=True
    )
    redis.execute_command("FUNCTION", "FLUSH")
    assert [type(error) for error in assigned] == [errors.OutcomeUnknownError] * 2


async def test_an_error_after_an_attempt_that_may_have_run_leaves_the_outcome_unknown() -> None:
    """For instance memory that is full at the second attempt, after the first timed out."""
    done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
    call = PendingCall([("assign", "a", "", "", ""), ("complete", "b", "", "", "")], 0, done)
    call.may_have_run = True
    call.fail(errors.StoreUnavailableError(), passing=SESSIONS.releases)
    assert [session for _, session, *_ in call.unresolved] == ["b"]
    call.deliver([["COMPLETED", "p"]], all_ran=True)
    unknown, completed = await done
    assert isinstance(unknown, errors.OutcomeUnknownError)
    assert unknown.context == {"session_id": "a"}
    assert completed == ["COMPLETED", "p"]
