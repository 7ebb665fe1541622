"""Automatic repairs: only with the classes of the document, and only where next to nothing would be set aside.

Each test does what dispatchers do: a tick, and what it asks for; the last ones see what only a requested repair does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping

import pytest

from slta.audit import Attempt, audit_fleet, repair_fleet, repair_suspect
from slta.fleet_file import Specs
from slta.models import PoolSpec, Suspect, errors
from slta.store import Store, StoreSettings
from slta.store._encoding import put_arguments
from slta.store.library import Library, own_library
from slta.store.operations import Value
from slta.views.state import Observation, observe_state
from testbed.in_process import TINY, tick
from testbed.servers import TextRedis
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, apply, end_of, pass_seconds, places

LARGE = {"kind": "log_share", "resource": 400}
MANY = {"classes": [{"name": "only", "utility": LARGE, "capacity": 300, "pools": 4}], "lease_seconds": 300}
SMALL = TINY | {"classes": [one | {"pools": 8} for one in TINY["classes"]], "lease_seconds": 300}
SESSIONS, STATE, COLD, DOCUMENT, ASIDE, REPAIR = (
    f"{{{FLEET}}}:{name}" for name in ("sessions", "state", "cold", "document", "aside", "repair")
)


async def compiled(store: Store) -> Mapping[str, Value]:
    """The arguments of a repair, from the stored document."""
    document = await store.repairs.document(FLEET)
    return put_arguments(await Specs().of(document), document, None)


async def build(store: Store, body: Mapping[str, object], sessions: int) -> None:
    await apply(store, body)
    await asyncio.gather(*(store.sessions.assign(FLEET, f"s{k}", None) for k in range(sessions)))


@pytest.fixture
async def fleet(store: Store, clock: Clock, redis: TextRedis) -> AsyncIterator[None]:
    """16 pools of two classes, one draining; 40 sessions, one with a lease of its own that ends soon."""
    await build(store, SMALL, 40)
    await store.pools.set_status(FLEET, "large-3", "draining")
    await store.sessions.renew(FLEET, ["s39"], 4)
    await store.sessions.complete(FLEET, "s38")
    with pytest.raises(errors.UnknownSessionError):
        await store.sessions.complete(FLEET, "early")
    await pass_seconds(store, clock, 2)
    yield
    redis.flushall()


@pytest.fixture
async def many(store: Store, redis: TextRedis) -> AsyncIterator[None]:
    """1,000 sessions, so that ten are 1 % of them."""
    await build(store, MANY, 1000)
    yield
    redis.flushall()


async def round_of(store: Store, clock: Clock) -> Attempt | None:
    """A second passes; what a dispatcher does in it. None for a fleet that it finds sound."""
    clock.advance(1)
    suspect = await tick(store, FLEET)
    return await repair_suspect(store, Specs(), FLEET) if suspect and suspect.ours else None


async def attempted(store: Store, clock: Clock) -> Attempt:
    """The same for a fleet that it finds suspect."""
    attempt = await round_of(store, clock)
    assert attempt
    return attempt


async def see(store: Store) -> Observation | str:
    """What `/state` says, or the code of its refusal."""
    try:
        snapshot = await store.fleets.snapshot(FLEET)
        return observe_state(snapshot, await Specs().of_stored(snapshot.document))
    except errors.DispatchError as error:
        return error.code


def live(redis: TextRedis) -> set[str]:
    return set(redis.hkeys(SESSIONS))


def make_suspect(redis: TextRedis) -> None:
    redis.hset(COLD, "suspect", "an error inside an operation")


def forget_memory(redis: TextRedis) -> None:
    """The server was started anew, as far as the library's own memory goes."""
    redis.function_flush()


# Loss of fields


@pytest.mark.parametrize("forgets", [False, True], ids=["", "and the server forgets"])
@pytest.mark.parametrize("name", ["cold", "state"])
async def test_a_fleet_whose_fields_are_lost_is_repaired_by_itself(
    store: Store, clock: Clock, redis: TextRedis, fleet: None, name: str, forgets: bool
) -> None:
    redis.delete(f"{{{FLEET}}}:{name}")
    if forgets:
        forget_memory(redis)
    attempt = await attempted(store, clock)
    assert attempt.repaired
    assert attempt.repaired.set_aside == 0
    assert violations(redis, FLEET) == []
    state = await see(store)
    assert isinstance(state, Observation)
    assert (state.counters["assigned"], state.counters["completed"]) == ((39, 0) if name == "state" else (40, 1))
    assert state.time >= 2
    assert await round_of(store, clock) is None


async def test_a_lost_state_is_no_unknown_fleet_and_a_deleted_fleet_is(store: Store, redis: TextRedis) -> None:
    await build(store, SMALL, 1)
    redis.delete(STATE)
    for call in (store.sessions.assign(FLEET, "t", None), store.fleets.delete(FLEET), store.fleets.snapshot(FLEET)):
        with pytest.raises(errors.DamagedError):
            await call
    await repair_fleet(store, Specs(), FLEET)
    await store.sessions.complete(FLEET, "s0")
    await store.fleets.delete(FLEET)
    with pytest.raises(errors.UnknownFleetError):
        await store.sessions.assign(FLEET, "t", None)


async def test_sessions_without_records_get_new_ones(store: Store, clock: Clock, redis: TextRedis, fleet: None) -> None:
    pools = {id_: record.split()[4] for id_, record in redis.hgetall(SESSIONS).items()}
    redis.delete(SESSIONS)
    with pytest.raises(errors.UnknownSessionError):
        await store.sessions.complete(FLEET, "s1")
    make_suspect(redis)
    assert await round_of(store, clock)
    assert {id_: record.split()[4] for id_, record in redis.hgetall(SESSIONS).items()} == {
        id_: pool for id_, pool in pools.items() if id_ != "s1"
    }, "who asked for s1 was told that it is over"
    assert (await store.sessions.get(FLEET, "s2")).lease_seconds_left == pytest.approx(300, abs=2)


async def test_one_bad_part_of_a_tick_stops_no_other(store: Store, clock: Clock, redis: TextRedis, fleet: None) -> None:
    redis.hdel(COLD, "retention")
    redis.delete(f"{{{FLEET}}}:past:60")
    await pass_seconds(store, clock, 3)
    assert (await store.fleets.snapshot(FLEET)).suspect
    assert redis.exists(f"{{{FLEET}}}:past:60")
    assert await end_of(store, "s39") == "expired"
    redis.hset(REPAIR, "claimed", "1")
    attempt = await attempted(store, clock)
    assert attempt.repaired
    assert violations(redis, FLEET) == []


# By itself


def failing_in(step: str) -> Library:
    """The library with a mistake that a step of it meets."""
    source, digest = own_library()
    head = next(line for line in source.splitlines() if line.startswith(f"function {step}("))
    return Library(source.replace(digest, "badc0de5").replace(head, f"{head}\nerror('a mistake')"), "badc0de5")


@pytest.fixture
async def broken(server: str, clock: Clock, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Another dispatcher, whose library has the mistake."""
    opened = Store(StoreSettings(server, deadline_seconds=2), Calls(), library=failing_in(request.param), clock=clock)
    yield opened
    await opened.close()


@pytest.mark.parametrize("broken", ["survey.slice", "repair_begin.run", "totals.finish"], indirect=True)
async def test_a_repair_that_fails_by_itself_is_blocked_until_another_version_does_it(
    store: Store, broken: Store, clock: Clock, redis: TextRedis, fleet: None
) -> None:
    make_suspect(redis)
    attempt = await attempted(broken, clock)
    assert (attempt.repaired, attempt.blocked) == (None, "the repair itself fails: a mistake")
    for _ in range(3):
        clock.advance(1)
        assert await tick(broken, FLEET) == Suspect(ours=False, blocked=attempt.blocked)
    with pytest.raises(errors.DamagedError, match="a mistake"):
        await repair_fleet(broken, Specs(), FLEET)
    await repair_fleet(store, Specs(), FLEET)
    assert await tick(store, FLEET) is None
    assert violations(redis, FLEET) == []


async def test_a_read_that_meets_damage_asks_for_a_repair(
    store: Store, clock: Clock, redis: TextRedis, fleet: None
) -> None:
    forget_memory(redis)
    redis.hdel(f"{{{FLEET}}}:names", "3")
    with pytest.raises(errors.DamagedError):
        await store.pools.page(FLEET, None, 100)
    assert (await attempted(store, clock)).repaired
    assert len((await store.pools.page(FLEET, None, 100)).pools) == 16


@pytest.mark.parametrize("broken", ["reads.config"], indirect=True)
async def test_a_read_that_a_repair_does_not_help_asks_for_no_other(
    broken: Store, clock: Clock, redis: TextRedis, fleet: None
) -> None:
    for is_repaired in (True, False, False):
        with pytest.raises(errors.DamagedError):
            await broken.fleets.config(FLEET)
        assert bool(await round_of(broken, clock)) is is_repaired


async def test_a_rank_that_is_no_number_makes_no_state_that_is_none(
    store: Store, clock: Clock, redis: TextRedis
) -> None:
    await build(store, SMALL | {"policy": "jlmu"}, 8)
    forget_memory(redis)
    for number in (0, 1):
        redis.setrange(f"{{{FLEET}}}:ranks:{number}", 0, "x" * 15)
    await asyncio.gather(*(store.sessions.assign(FLEET, f"t{k}", None) for k in range(40)), return_exceptions=True)
    assert (await attempted(store, clock)).repaired
    assert (await store.sessions.assign(FLEET, "another", None)).session_id == "another"


# What may be set aside


def spoil(redis: TextRedis, count: int) -> None:
    """Records that nobody can read."""
    redis.hset(SESSIONS, mapping={f"s{k}": "rubbish" for k in range(count)})
    make_suspect(redis)


async def test_one_record_in_a_hundred_is_set_aside(store: Store, clock: Clock, redis: TextRedis, many: None) -> None:
    before = live(redis)
    spoil(redis, 10)
    attempt = await attempted(store, clock)
    assert attempt.repaired
    assert attempt.survey
    assert set(attempt.survey.sessions) == {f"s{k}" for k in range(10)}
    assert live(redis) == before - set(attempt.survey.sessions)
    assert redis.hlen(ASIDE) == 10
    assert violations(redis, FLEET) == []


async def test_eleven_bad_records_block_the_repair(store: Store, clock: Clock, redis: TextRedis, many: None) -> None:
    spoil(redis, 11)
    attempt = await attempted(store, clock)
    assert attempt.blocked == "a repair would set aside 11 of 1000 sessions and 0 records of pools"
    assert redis.hlen(SESSIONS) == 1000
    assert not redis.exists(ASIDE)
    await serves_sound_sessions(store, clock)
    state = await see(store)
    assert isinstance(state, Observation)
    assert (state.suspect, state.repair_blocked) == (True, attempt.blocked)
    assert await round_of(store, clock) is None, "nobody looks again at once"


async def serves_sound_sessions(store: Store, clock: Clock) -> None:
    """Everything goes on but for what is damaged, also the ends of leases."""
    calls: list[Awaitable[object]] = [store.sessions.complete(FLEET, f"s{k}") for k in range(5, 25)]
    calls += [store.sessions.assign(FLEET, f"t{k}", 3) for k in range(20)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in outcomes[:6]] == [errors.OutcomeUnknownError] * 6, "s5 to s10 are unreadable"
    assert not any(isinstance(one, Exception) for one in outcomes[6:])
    assert (await store.sessions.renew(FLEET, ["s30"], 60)).renewed == ["s30"]
    assert (await store.pools.set_status(FLEET, "only-4", "draining")).status == "draining"
    for _ in range(5):
        clock.advance(1)
        assert await tick(store, FLEET)
    assert await end_of(store, "t3")


async def test_one_bad_record_of_39_blocks_a_repair(store: Store, clock: Clock, redis: TextRedis, fleet: None) -> None:
    spoil(redis, 1)
    attempt = await attempted(store, clock)
    assert attempt.blocked == "a repair would set aside 1 of 39 sessions and 0 records of pools"


async def test_records_of_pools_count_too(store: Store, clock: Clock, redis: TextRedis, many: None) -> None:
    redis.hset(f"{{{FLEET}}}:pools", mapping={f"ghost-{k}": f"{99 * 65536 + k} a- 0 0 0 0" for k in range(11)})
    make_suspect(redis)
    attempt = await attempted(store, clock)
    assert attempt.blocked == "a repair would set aside 0 of 1000 sessions and 11 records of pools"
    redis.hdel(f"{{{FLEET}}}:pools", "ghost-0")
    redis.hset(REPAIR, "claimed", "1")
    attempt = await attempted(store, clock)
    assert attempt.repaired
    assert redis.hlen(ASIDE) == 10
    assert violations(redis, FLEET) == []


async def test_repairs_restore_unreadable_pools(store: Store, clock: Clock, redis: TextRedis, fleet: None) -> None:
    pools = redis.hgetall(f"{{{FLEET}}}:pools")
    redis.hset(f"{{{FLEET}}}:pools", mapping=dict.fromkeys(pools, "rubbish"))
    make_suspect(redis)
    attempt = await attempted(store, clock)
    assert attempt.survey
    assert not attempt.survey.pools
    assert redis.hgetall(f"{{{FLEET}}}:pools") == pools
    assert violations(redis, FLEET) == []


async def test_two_pools_of_one_number_both_stay(store: Store, clock: Clock, redis: TextRedis, fleet: None) -> None:
    redis.hset(f"{{{FLEET}}}:pools", "double", redis.hget(f"{{{FLEET}}}:pools", "small-1"))
    make_suspect(redis)
    await round_of(store, clock)
    assert {"double", "small-1"} <= set(redis.hkeys(f"{{{FLEET}}}:pools"))
    assert not redis.exists(ASIDE)
    assert violations(redis, FLEET) == []


@pytest.mark.parametrize("name", ["of-a-newer-version", "marginals:0:1"])
async def test_no_round_drops_a_stray_key(store: Store, clock: Clock, redis: TextRedis, fleet: None, name: str) -> None:
    redis.set(f"{{{FLEET}}}:{name}", "x")
    make_suspect(redis)
    assert await round_of(store, clock)
    assert redis.get(f"{{{FLEET}}}:{name}") == "x"
    await repair_fleet(store, Specs(), FLEET)
    assert redis.hgetall(ASIDE) == {f"key {name}": "was a stray string"}


# Without a document


@pytest.mark.parametrize("document", [None, '{"classes": ['])
async def test_without_a_document_nothing_is_repaired_until_there_is_one(
    store: Store, clock: Clock, redis: TextRedis, fleet: None, document: str | None
) -> None:
    before = live(redis)
    redis.delete(COLD)
    redis.delete(DOCUMENT) if document is None else redis.set(DOCUMENT, document)
    attempt = await attempted(store, clock)
    assert (attempt.blocked, attempt.repaired) == ("its document is missing or unreadable", None)
    assert await see(store) == "fleet_damaged"
    suspect = await tick(store, FLEET)
    assert suspect
    assert (suspect.ours, suspect.blocked) == (False, attempt.blocked)
    with pytest.raises(errors.DocumentUnreadableError):
        await repair_fleet(store, Specs(), FLEET)
    assert (await store.sessions.complete(FLEET, "s5")).outcome == "completed"
    assert live(redis) == before - {"s5"}


@pytest.mark.parametrize("is_suspect", [False, True])
async def test_one_that_lost_its_document_alone_is_blocked_until_a_put_and_then_repaired_if_it_is_suspect(
    store: Store, clock: Clock, redis: TextRedis, fleet: None, is_suspect: bool
) -> None:
    redis.delete(DOCUMENT)
    if is_suspect:
        make_suspect(redis)
    attempt = await attempted(store, clock)
    assert attempt.blocked == "its document is missing or unreadable"
    await apply(store, SMALL | {"policy": "auto"})
    repair = await round_of(store, clock)
    assert bool(repair and repair.repaired) is is_suspect
    assert not await tick(store, FLEET)
    assert violations(redis, FLEET) == []


async def test_after_a_put_lone_records_are_repaired(store: Store, clock: Clock, redis: TextRedis, fleet: None) -> None:
    before = live(redis)
    redis.delete(DOCUMENT, STATE)
    await apply(store, SMALL)
    attempt = await attempted(store, clock)
    assert attempt.repaired
    assert live(redis) == before
    assert violations(redis, FLEET) == []


async def test_a_repair_never_undoes_a_put_that_came_in_between(store: Store, redis: TextRedis, fleet: None) -> None:
    arguments = await compiled(store)
    await apply(store, SMALL | {"lease_seconds": 77})
    for call in (store.repairs.survey(FLEET, arguments), store.repairs.begin(FLEET, arguments)):
        with pytest.raises(errors.VersionMismatchError):
            await call
    assert json.loads(redis.get(DOCUMENT))["lease_seconds"] == 77


# Who does it


@pytest.mark.parametrize("claimed", [1, 2**52], ids=["was silent", "was ahead by its clock"])
async def test_dispatchers_attempt_a_repair_in_turns(store: Store, redis: TextRedis, fleet: None, claimed: int) -> None:
    make_suspect(redis)
    told = [await tick(store, FLEET) for _ in range(3)]
    redis.hset(REPAIR, "claimed", str(claimed))
    told.append(await tick(store, FLEET))
    assert [one.ours for one in told if one] == [True, False, False, True]


async def test_a_fleet_that_another_has_repaired_is_left_alone(store: Store, redis: TextRedis, fleet: None) -> None:
    make_suspect(redis)
    await tick(store, FLEET)
    assert (await repair_suspect(store, Specs(), FLEET)).repaired
    assert not (await repair_suspect(store, Specs(), FLEET)).repaired
    assert (await store.fleets.snapshot(FLEET)).counters["repairs"] == 1


async def test_a_fleet_that_was_deleted_meanwhile_does_not_come_back(store: Store, redis: TextRedis) -> None:
    await build(store, SMALL, 0)
    arguments = await compiled(store)
    make_suspect(redis)
    await tick(store, FLEET)
    await store.fleets.delete(FLEET)
    for call in (
        repair_suspect(store, Specs(), FLEET),
        store.repairs.begin(FLEET, arguments, requested=False),
        store.repairs.block(FLEET, "why"),
    ):
        with pytest.raises(errors.UnknownFleetError):
            await call
    assert redis.keys(f"{{{FLEET}}}:*") == []


# Put back what was set aside


@pytest.fixture
async def aside(store: Store, redis: TextRedis, fleet: None) -> dict[str, str]:
    """Ten sound sessions and a pool that were set aside, one of the sessions over since, and two that are none."""
    records = redis.hgetall(SESSIONS)
    taken = {f"s{k}": records[f"s{k}"] for k in range(10)}
    for id_ in taken:
        await store.sessions.complete(FLEET, id_)
    redis.hdel(f"{{{FLEET}}}:ended:0", *(id_ for id_ in taken if id_ != "s9"))
    redis.hset(ASIDE, mapping={f"session {id_}": record for id_, record in taken.items()})
    redis.hset(ASIDE, mapping={"session bad": "rubbish", "session s20": records["s21"], "key old": "was a stray set"})
    await store.pools.add(FLEET, [PoolSpec("taken", "large")])
    redis.hset(ASIDE, "pool taken", redis.hget(f"{{{FLEET}}}:pools", "taken"))
    await store.pools.remove(FLEET, "taken")
    return {id_: record.split()[4] for id_, record in taken.items() if id_ != "s9"}


async def test_a_requested_repair_puts_back_what_it_can(store: Store, redis: TextRedis, aside: dict[str, str]) -> None:
    kept = redis.hget(SESSIONS, "s20")
    await repair_fleet(store, Specs(), FLEET)
    assert await places(store, aside) == aside
    assert (await store.pools.get(FLEET, "taken")).status == "active"
    assert redis.hget(SESSIONS, "s20").split()[4] == kept.split()[4]
    assert set(redis.hkeys(ASIDE)) == {"session bad", "session s9", "session s20", "key old"}
    assert violations(redis, FLEET) == []
    assert (await audit_fleet(store, Specs(), FLEET)).sentences == []


async def test_no_round_puts_anything_back(store: Store, clock: Clock, redis: TextRedis, aside: dict[str, str]) -> None:
    before = redis.hgetall(ASIDE)
    make_suspect(redis)
    assert await round_of(store, clock)
    assert redis.hgetall(ASIDE) == before
    assert violations(redis, FLEET) == []


async def test_more_than_a_repair_sets_aside_unasked_needs_a_word(store: Store, redis: TextRedis, fleet: None) -> None:
    spoil(redis, 3)
    with pytest.raises(errors.WouldSetAsideError, match="3 of 39 sessions"):
        await repair_fleet(store, Specs(), FLEET)
    assert redis.hlen(SESSIONS) == 39
    repaired = await repair_fleet(store, Specs(), FLEET, set_aside=True)
    assert repaired
    assert repaired.set_aside == 3
    assert violations(redis, FLEET) == []


# The dry run


@pytest.mark.parametrize("work", [1, 40])
async def test_the_dry_run_tells_what_the_repair_then_sets_aside_and_writes_nothing(
    store: Store, redis: TextRedis, aside: dict[str, str], work: int
) -> None:
    redis.hset(SESSIONS, mapping={"s11": "rubbish", "s12": f"{99 * 65536} 0 0 0 nowhere", "s13": "7 0 0 0 elsewhere"})
    redis.hset(f"{{{FLEET}}}:pools", mapping={"ghost": "rubbish", "small-1": "rubbish"})
    redis.sadd(f"{{{FLEET}}}:ids:4711", "lost")
    redis.set(f"{{{FLEET}}}:scratch", "x")
    arguments = await compiled(store)
    before = {key: redis.dump(key) for key in redis.keys("*")}
    survey = await type(store.repairs)(store.fleets._functions, work).survey(FLEET, arguments)
    assert {key: redis.dump(key) for key in redis.keys("*")} == before
    assert set(survey.put_back) == {*(f"session {id_}" for id_ in aside), "pool taken"}
    there = set(redis.hkeys(ASIDE))
    await repair_fleet(store, Specs(), FLEET, set_aside=True)
    told = {"session": survey.sessions, "pool": survey.pools, "key": survey.keys}
    assert (
        {f"{kind} {name}" for kind, records in told.items() for name in records}
        == (set(redis.hkeys(ASIDE)) - there)
        == {"session s11", "session s12", "session lost", "pool ghost", "key scratch"}
    )
    assert violations(redis, FLEET) == []
