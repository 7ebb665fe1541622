"""Rebuilds, comparisons, and what dispatchers do about a suspect fleet: keys by group, under traffic, in slices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from slta.audit import Attempt, audit_all, audit_fleet, repair_fleet, repair_suspect
from slta.fleet_file import Specs
from slta.models import AuditResult, PoolSpec, Survey, Ticked, errors
from slta.models.pools import Heartbeat
from slta.store import Store, StoreSettings, put_arguments
from slta.store.rebuilds import Rebuilds
from testbed.in_process import TINY, tick
from testbed.servers import TextRedis
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, apply, pass_seconds, places
from tests.toy.uniform import LIBRARY

TYPES = {"chat": ["small"], "video": ["large"], "any": ["small", "large"]}
POLICIES: Mapping[str, dict[str, Any]] = {
    "slta": {},
    "slta-greedy": {},
    "jlmu": {"session_types": TYPES},
}
MANY = {
    "classes": [{"name": "only", "utility": {"kind": "log_share", "resource": 400}, "capacity": 300, "pools": 4}],
    "lease_seconds": 300,
}
DERIVED = (
    *("tables", "names", "used:0", "used:1", "pools:0", "pools:1", "quiet:0", "quiet:1", "leaving:0", "leaving:1"),
    *("green:0", "green:1", "yellow", "types", "timers"),
)
"""Deleted, each is made again as it was; so are sets of ids and of leases."""
NOT_REBUILT = (
    *("addresses", "labels", "ended:0", "ended:1", "early", "refused", "forgotten", "lost:0", "lost:1", "quality"),
    *("sampled:0", "events", "past:60", "past:300", "past:3600", "aside", "restored"),
)


def key(name: str) -> str:
    return f"{{{FLEET}}}:{name}"


async def build(store: Store, clock: Clock, policy: str = "slta", sessions: int = 40) -> None:
    """Pools of all kinds with sessions of all types: alive, unconfirmed, lost, draining, failed, without a lease."""
    body = TINY | {"classes": [one | {"pools": 6} for one in TINY["classes"]], "lease_seconds": 300, "policy": policy}
    await apply(store, body | POLICIES[policy])
    await store.pools.beat(FLEET, [Heartbeat(f"small-{k}", "10", None, ("10.0.0.1:80", "{}")) for k in range(1, 7)])
    types = ["default", *POLICIES[policy].get("session_types", ())]
    with suppress(errors.NoCapacityError):
        for k in range(sessions):
            await store.sessions.assign(FLEET, f"s{k}", None, session_type=types[k % len(types)])
    await store.pools.set_status(FLEET, "large-1", "draining")
    await store.pools.set_status(FLEET, "large-2", "failed")
    await store.sessions.complete(FLEET, "s3")
    for _ in range(4):
        await pass_seconds(store, clock, 2.5)
        await store.pools.beat(FLEET, [Heartbeat(f"small-{k}", "10") for k in (1, 2)])
    await pass_seconds(store, clock, 3)


@pytest.fixture(params=POLICIES)
async def fleet(store: Store, clock: Clock, request: pytest.FixtureRequest) -> str:
    await build(store, clock, request.param)
    return str(request.param)


@pytest.fixture
async def many(store: Store, redis: TextRedis) -> AsyncIterator[None]:
    """1,000 sessions, so that ten are 1 % of them."""
    await apply(store, MANY)
    await asyncio.gather(*(store.sessions.assign(FLEET, f"s{k}", None) for k in range(1000)))
    yield
    redis.flushall()


def dumps(redis: TextRedis) -> dict[str, bytes | None]:
    """The raw values of all keys by their content, of types what is counted; rows without a bit are none."""
    readers = {"hash": redis.hgetall, "zset": lambda name: dict(redis.zrange(name, 0, -1, withscores=True))}
    found: dict[str, Any] = {}
    for name in redis.keys(key("*")):
        kind = redis.type(name)
        if kind == "set":
            found[name] = redis.smembers(name)
        elif kind == "string":
            found[name] = redis.get(name).rstrip("\0")
        else:
            found[name] = readers[kind](name) if kind in readers else redis.lrange(name, 0, -1)
    counted = {field: count for field, count in found.get(key("types"), {}).items() if field[:4] in ("held", "othe")}
    return {name: value for name, value in found.items() if value} | {key("types"): counted}


async def found_in(store: Store) -> list[str]:
    return (await audit_fleet(store, Specs(), FLEET)).sentences


async def attempt(store: Store, clock: Clock) -> Attempt | None:
    """What a dispatcher does within a second; None for a fleet that it finds sound, or another one repairs."""
    clock.advance(1)
    suspect = await tick(store, FLEET)
    return await repair_suspect(store, Specs(), FLEET) if suspect and suspect.ours else None


def make_suspect(redis: TextRedis) -> None:
    redis.hset(key("fleet"), "suspect", "an error")
    redis.function_flush()


class Sliced:
    """A run of one function, a small slice at a time."""

    def __init__(self, store: Store, function: str, work: int = 20) -> None:
        self._store, self._function, self._work = store, function, work
        self._run: Any = None

    async def step(self) -> bool:
        """Run one slice, or begin; whether the run has ended."""
        functions = self._store.rebuilds._functions
        if self._run is None or self._run.has_ended:
            document = await self._store.rebuilds.document(FLEET)
            given = put_arguments(await Specs().of(document), document, None)
            whole = Rebuilds(functions, self._work)
            self._run = await whole.begin(FLEET, given) if self._function == "rebuild" else await _begin(whole, given)
            return False
        call = functions.change if self._function == "rebuild" else functions.read
        reply = await call(self._function, FLEET, run=self._run.name, work=self._work)
        assert reply[0] == "RUN", "the run goes on"
        self._run.add(reply)
        assert self._run.sentences == []
        return bool(self._run.has_ended)


async def _begin(rebuilds: Rebuilds, given: Any) -> Any:
    from slta.store.rebuilds import Run

    run = Run(FLEET)
    run.add(await rebuilds._functions.read("begin_compare", FLEET, **given))
    return run


# A sound fleet


@pytest.mark.parametrize("work", [1, 50, 3000])
async def test_a_sound_fleet_has_no_findings_however_small_the_slices(
    store: Store, fleet: str, redis: TextRedis, work: int
) -> None:
    before = dumps(redis)
    store.rebuilds._work = work
    assert await found_in(store) == []
    assert dumps(redis) == before, "a comparison writes nothing"


async def test_a_rebuild_leaves_a_sound_fleet_as_it_is(store: Store, fleet: str, redis: TextRedis) -> None:
    before = dumps(redis)
    assert (await repair_fleet(store, Specs(), FLEET)).set_aside == 0
    after = dumps(redis)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed <= {key("fleet"), key("events"), key("timers")}
    assert violations(redis, FLEET) == []


@pytest.mark.parametrize("function", ["compare", "rebuild"])
async def test_calls_between_slices_cause_no_finding_and_no_damage(
    store: Store, fleet: str, redis: TextRedis, clock: Clock, function: str
) -> None:
    rng, run, ended = Random(function + fleet), Sliced(store, function), 0
    types = ["default", *POLICIES[fleet].get("session_types", ())]
    for at in range(400):
        choice = rng.random()
        with suppress(errors.DispatchError):
            if choice < 0.4:
                await store.sessions.assign(FLEET, f"t{at}", None, session_type=rng.choice(types))
            elif choice < 0.7:
                await store.sessions.complete(FLEET, rng.choice([f"s{rng.randrange(40)}", f"t{rng.randrange(at + 1)}"]))
            elif choice < 0.8:
                pool = f"{rng.choice(('small', 'large'))}-{rng.randrange(1, 8)}"
                await store.pools.set_status(FLEET, pool, rng.choice(("active", "draining", "failed")))
            elif choice < 0.85:
                await store.pools.add(FLEET, [PoolSpec(f"{rng.choice(('small', 'large'))}-7", "small")])
            elif choice < 0.9:
                await store.pools.remove(FLEET, "small-7")
            else:
                clock.advance(0.3)
                await tick(store, FLEET)
        ended += await run.step()
    while not await run.step():
        pass
    assert ended > 2
    assert (await found_in(store), violations(redis, FLEET)) == ([], [])


# Damage by group


async def test_each_derived_key_is_made_again_as_it_was(store: Store, fleet: str, redis: TextRedis) -> None:
    sound, wrong = dumps(redis), []
    sets = [name for name in sound if name.startswith((key("ids:"), key("leases:")))]
    for name in [*filter(sound.get, map(key, DERIVED)), *sets]:
        redis.delete(name)
        redis.function_flush()
        if not await found_in(store):
            wrong.append(f"{name}: not found")
        repaired = await repair_fleet(store, Specs(), FLEET)
        if name != key("timers") and dumps(redis).get(name) != sound[name]:
            wrong.append(f"{name}: {dumps(redis).get(name)!r}, expected {sound[name]!r}")
        wrong += [f"{name}: {one}" for one in violations(redis, FLEET)]
        wrong += [f"{name}: set aside"] * repaired.set_aside
    assert wrong == []


async def test_without_a_key_that_is_not_rebuilt_no_call_fails(store: Store, fleet: str, redis: TextRedis) -> None:
    for name in NOT_REBUILT:
        redis.delete(key(name))
        await store.sessions.assign(FLEET, f"after {name}".replace(" ", "-"), None)
        await store.sessions.complete(FLEET, f"after {name}".replace(" ", "-"))
        await store.fleets.snapshot(FLEET)
        await repair_fleet(store, Specs(), FLEET)
        assert violations(redis, FLEET) == [], name


@pytest.mark.parametrize("name", ["records", "sessions"])
async def test_a_pool_or_a_session_without_its_record_begins_anew(
    store: Store, fleet: str, redis: TextRedis, name: str
) -> None:
    where = await places(store, redis.hkeys(key("sessions")))
    redis.hdel(key(name), "small-1" if name == "records" else "s0")
    repaired = await repair_fleet(store, Specs(), FLEET)
    assert (repaired.set_aside, await places(store, where)) == (0, where)
    if name == "records":
        assert (await store.pools.get(FLEET, "small-1")).status == "draining"
    assert violations(redis, FLEET) == []


async def test_a_record_of_a_pool_that_is_not_there_is_set_aside_and_not_moved(
    store: Store, clock: Clock, redis: TextRedis
) -> None:
    await build(store, clock)
    text = redis.hget(key("sessions"), "s0").split(" ", 1)[1]
    redis.hset(key("sessions"), "stranger", f"nowhere {text}")
    with pytest.raises(errors.WouldSetAsideError):
        await repair_fleet(store, Specs(), FLEET)
    assert (await repair_fleet(store, Specs(), FLEET, set_aside=True)).set_aside == 1
    assert redis.hgetall(key("aside")) == {"session stranger": f"nowhere {text}"}
    assert violations(redis, FLEET) == []


@pytest.mark.parametrize("name", ["pools:0", "document", "events"])
async def test_a_key_of_another_type_is_found_and_dropped(
    store: Store, clock: Clock, redis: TextRedis, name: str
) -> None:
    await build(store, clock)
    redis.delete(key(name))
    redis.set(key(name), "x")
    assert await found_in(store)
    if name == "document":
        with pytest.raises(errors.DocumentUnreadableError):
            await repair_fleet(store, Specs(), FLEET)
        redis.delete(key(name))
        redis.flushall()
        return
    await repair_fleet(store, Specs(), FLEET)
    assert violations(redis, FLEET) == []


async def test_without_its_state_a_fleet_keeps_sessions_pools_and_its_time(
    store: Store, clock: Clock, redis: TextRedis, fleet: str
) -> None:
    before, where = await store.fleets.snapshot(FLEET), await places(store, redis.hkeys(key("sessions")))
    redis.delete(key("fleet"))
    for call in (store.sessions.assign(FLEET, "t", None), store.fleets.delete(FLEET), store.fleets.snapshot(FLEET)):
        with pytest.raises(errors.DamagedError):
            await call
    done = await attempt(store, clock)
    assert done
    assert done.repaired
    after = await store.fleets.snapshot(FLEET)
    assert await places(store, where) == where
    assert (after.sessions, after.utility) == (before.sessions, before.utility)
    assert before.time - 60e6 <= after.time <= before.time + 2e6, "the newest line of the history has it"
    assert violations(redis, FLEET) == []


async def test_permanent_numbers_are_in_the_document_and_in_the_tables(
    store: Store, fleet: str, redis: TextRedis
) -> None:
    sound = dumps(redis)
    for field, name in (("ids", "document"), ("ids", "tables"), ("type_numbers", "document"), ("names", "tables")):
        for value in (None, "7 7", "63 5"):
            redis.hdel(key(name), field)
            if value:
                redis.hset(key(name), field, value)
            redis.function_flush()
            assert await found_in(store), (field, name, value)
            await repair_fleet(store, Specs(), FLEET)
            if field == "ids" or name == "tables":
                assert dumps(redis)[key(name)] == sound[key(name)], (field, name, value)
            assert violations(redis, FLEET) == []
    redis.hdel(key("document"), "ids")
    redis.delete(key("tables"))
    with pytest.raises(errors.RepairFailedError):
        await repair_fleet(store, Specs(), FLEET)
    redis.flushall()


# Runs


async def test_a_run_that_another_process_or_version_ends_begins_again(
    store: Store, clock: Clock, redis: TextRedis, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await build(store, clock)
    other = Store(StoreSettings(server), Calls(), library=LIBRARY, clock=clock)

    async def flush() -> None:
        redis.function_flush()

    ends: list[Callable[[], Awaitable[object]]] = [flush, lambda: tick(other, FLEET)]
    store.rebuilds._work = 20
    plain, slices = store.rebuilds._functions.slice, 0

    async def sliced(*args: Any, **kwargs: Any) -> Any:
        nonlocal slices
        slices += 1
        if slices % 5 == 0 and ends:
            clock.advance(1)
            await ends.pop()()
        return await plain(*args, **kwargs)

    monkeypatch.setattr(store.rebuilds._functions, "slice", sliced)
    redis.delete(key("pools:0"))
    await repair_fleet(store, Specs(), FLEET)
    assert (ends, violations(redis, FLEET)) == ([], [])
    await other.close()


async def test_a_comparison_that_is_never_left_alone_says_so(
    store: Store, clock: Clock, redis: TextRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await build(store, clock)
    plain = store.rebuilds._functions.slice

    async def disturbed(*args: Any, **kwargs: Any) -> Any:
        redis.function_flush()
        return await plain(*args, **kwargs)

    monkeypatch.setattr(store.rebuilds._functions, "slice", disturbed)
    found = await audit_fleet(store, Specs(), FLEET)
    assert (found.total, found.unchecked) == (0, "the fleet, as its data was read anew during each attempt")


# What dispatchers do


@pytest.mark.parametrize(("bad", "harmless"), [(10, True), (11, False)])
async def test_records_that_cannot_be_used_block_a_repair_beyond_ten(
    store: Store, clock: Clock, redis: TextRedis, many: None, bad: int, harmless: bool
) -> None:
    for k in range(bad):
        words = redis.hget(key("sessions"), f"s{k}").split()
        redis.srem(key(f"ids:{redis.hget(key('records'), words[0]).split()[0]}"), f"s{k}")
        redis.hset(key("sessions"), f"s{k}", "unreadable")
    make_suspect(redis)
    before = dumps(redis)
    done = await attempt(store, clock)
    assert done
    assert (bool(done.repaired), done.survey.sessions, done.survey.is_harmless) == (harmless, bad, harmless)
    if not harmless:
        changed = {name for name, value in dumps(redis).items() if before.get(name) != value}
        assert changed <= {key(name) for name in ("fleet", "past:60", "past:300", "past:3600")}, "the tick did so"
        assert done.blocked == "a repair would set aside 11 of 1000 sessions and 0 records of pools"
        assert (await store.fleets.snapshot(FLEET)).repair_blocked == done.blocked
        assert await attempt(store, clock) is None, "for a minute"
        clock.advance(60)
        assert await attempt(store, clock)


def test_one_record_of_39_is_more_than_a_hundredth() -> None:
    assert not Survey(live=39, sessions=1).is_harmless
    assert Survey(live=100, sessions=1, pools=9).is_harmless


async def test_without_a_document_a_repair_is_blocked_until_a_put(store: Store, clock: Clock, redis: TextRedis) -> None:
    await build(store, clock)
    redis.delete(key("document"))
    make_suspect(redis)
    done = await attempt(store, clock)
    assert done
    assert done.blocked == "its document is missing or unreadable"
    body = TINY | {"classes": [one | {"pools": 6} for one in TINY["classes"]], "lease_seconds": 300, "policy": "slta"}
    await apply(store, body)
    done = await attempt(store, clock)
    assert done
    assert done.repaired
    assert violations(redis, FLEET) == []


async def test_one_dispatcher_at_a_time_attempts_a_repair(store: Store, clock: Clock, redis: TextRedis) -> None:
    await build(store, clock)
    make_suspect(redis)
    suspects = [await tick(store, FLEET) for _ in range(3)]
    assert [one and one.ours for one in suspects] == [True, False, False]
    clock.advance(10)
    taken_over = await tick(store, FLEET)
    assert taken_over
    assert taken_over.ours, "the first one is gone"
    await repair_fleet(store, Specs(), FLEET)
    assert await tick(store, FLEET) is None


async def claims(store: Store, clock: Clock, count: int) -> list[str]:
    """The claims that so many dispatchers get, a second apart."""
    taken = []
    for _ in range(count):
        clock.advance(1)
        ticked = (await store.fleets.tick([FLEET], audit=FLEET, shared=False))[FLEET]
        assert isinstance(ticked, Ticked)
        taken.append(ticked.audit)
    return taken


async def test_an_audit_is_claimed_once_an_hour_after_a_repair_and_by_another_process(
    store: Store, clock: Clock, redis: TextRedis
) -> None:
    await build(store, clock)
    first, *others = await claims(store, clock, 3)
    assert (bool(first), others) == (True, ["", ""])
    clock.advance(0.2)
    await store.rebuilds.store(FLEET, first, AuditResult(at=1.5, total=2, by="host/1", first="why"))
    clock.advance(0.1)
    recent = (await store.fleets.tick([FLEET], audit=FLEET))[FLEET]
    assert isinstance(recent, Ticked)
    assert (recent.recent, recent.audit) == (True, ""), "it changes nothing, and leaves the fleet's clock behind"
    result = (await store.fleets.snapshot(FLEET)).audit
    assert result == AuditResult(at=1.5, total=2, by="host/1", first="why")
    assert await claims(store, clock, 1) == [""]
    clock.advance(3600)
    assert await claims(store, clock, 1) != [""], "an hour later"
    clock.advance(600)
    assert await claims(store, clock, 1) != [""], "whoever claimed it is gone"
    await repair_fleet(store, Specs(), FLEET)
    assert await claims(store, clock, 1) != [""], "it was rebuilt"
    redis.function_flush()
    assert await claims(store, clock, 1) != [""], "another process has the fleet"


# Names


async def test_a_name_without_keys_is_no_fleet_and_keys_without_a_name_are_told(
    store: Store, clock: Clock, redis: TextRedis
) -> None:
    await build(store, clock)
    redis.sadd("slta:fleets", "nobody")
    assert await audit_all(store, Specs()) == [await audit_fleet(store, Specs(), FLEET)]
    redis.srem("slta:fleets", "nobody", FLEET)
    assert (await audit_all(store, Specs()))[0].sentences == ["name: is not on the list slta:fleets"]
    await repair_fleet(store, Specs(), FLEET)
    assert redis.smembers("slta:fleets") == {FLEET}


async def test_a_fleet_of_a_newer_layout_is_not_looked_at(store: Store, clock: Clock, redis: TextRedis) -> None:
    await build(store, clock)
    now = redis.hget(key("fleet"), "now")
    redis.hset(key("fleet"), "now", "9 " + now.split(" ", 1)[1])
    found = await audit_fleet(store, Specs(), FLEET)
    assert (found.not_looked, found.total) == ("newer_fleet", 0)
    redis.hset(key("fleet"), "now", now)
