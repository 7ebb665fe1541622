"""The store's own audit: slice by slice, beside traffic, and of fleets that nobody lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from random import Random

import pytest

from slta.audit import audit_all, audit_fleet
from slta.core.policies import POLICIES
from slta.fleet_file import Specs
from slta.models import PoolSpec, errors
from slta.store import Store, StoreSettings
from slta.store.audits import Audits
from slta.store.fleets import FLEETS_KEY
from testbed.in_process import TINY, tick
from testbed.servers import TextRedis
from tests import rawstate
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, apply, end, everything, pass_seconds, place, put_back

AUDITS_UNDER_TRAFFIC = 50
STEPS = ("drain", "undrain", "fail", "remove")


@pytest.fixture(params=sorted(POLICIES))
async def fleet(store: Store, clock: Clock, request: pytest.FixtureRequest) -> None:
    """Two classes of 70 pools, more than a block each; leases, a drained and a failed pool, ended ids, history."""
    classes = [one | {"pools": 70} for one in TINY["classes"]]
    body = TINY | {"classes": classes, "policy": request.param, "lease_seconds": 300}
    await apply(store, body)
    placed = await place(store, 300)
    await pass_seconds(store, clock, 12)
    await store.pools.set_status(FLEET, placed["s7"], "draining")
    await store.pools.fail(FLEET, placed["s9"])
    await end(store, list(placed)[200:])
    await pass_seconds(store, clock, 12)


def tiny(store: Store, work: int) -> Audits:
    """An audit in slices of next to no work."""
    return Audits(store.fleets._functions, work)


@pytest.mark.parametrize("work", [1, 37, 3000])
async def test_a_sound_fleet_has_no_findings_however_small_the_slices(store: Store, fleet: None, work: int) -> None:
    found = await tiny(store, work).inspect(FLEET)
    assert found.sentences == []
    assert found.slices > {1: 100, 37: 20, 3000: 7}[work]


async def test_a_sound_fleet_that_nobody_ticked_has_no_findings(store: Store, clock: Clock, fleet: None) -> None:
    clock.advance(3600)
    assert (await store.audits.inspect(FLEET)).sentences == []


@pytest.mark.parametrize("work", [1, 37])
async def test_small_slices_find_what_a_large_one_finds(store: Store, redis: TextRedis, fleet: None, work: int) -> None:
    saved = everything(redis)
    redis.setbit(f"{{{FLEET}}}:level:1:3", 68, 1)
    redis.sadd(f"{{{FLEET}}}:ids:65600", "ghost")
    redis.hset(f"{{{FLEET}}}:sessions", "s11", "rubbish")
    redis.sadd(f"{{{FLEET}}}:leases:325", *(f"nobody-{k}" for k in range(30)))
    redis.set(f"{{{FLEET}}}:stray", "x")
    whole = await store.audits.inspect(FLEET)
    sliced = await tiny(store, work).inspect(FLEET)
    assert whole.total >= 5
    assert set(whole.sentences) <= set(sliced.sentences)
    put_back(redis, saved)


class Traffic:
    """Everything that changes a fleet, at random, until it is told to end."""

    ends = False

    def __init__(self, store: Store, seed: int, types: Sequence[str]) -> None:
        self._store = store
        self._types = types
        self._rng = Random(seed)
        self._live: list[str] = []
        self.operations = 0

    async def run(self) -> None:
        while not self.ends:
            await asyncio.gather(*(self._session() for _ in range(40)))
            await self._pool()
            await tick(self._store, FLEET)

    async def _session(self) -> None:
        self.operations += 1
        if self._rng.random() < 0.1:
            with suppress(errors.UnknownSessionError):  # nobody knows it: it is remembered as completed early
                await self._store.sessions.complete(FLEET, f"t{self._rng.getrandbits(60)}")
        if self._live and self._rng.random() < 0.45:
            id_ = self._live.pop(self._rng.randrange(len(self._live)))
            with suppress(errors.UnknownSessionError):  # its lease was over long ago
                await self._store.sessions.complete(FLEET, id_)
            return
        id_ = f"t{self._rng.getrandbits(60)}"
        try:
            await self._bring(id_, self._rng.choice([None, 0, 1, 40]))
        except (
            errors.NoCapacityError,
            errors.NoActivePoolError,
            errors.OverCapacityError,
            errors.ReportedPoolUnknownError,
        ):
            return
        self._live.append(id_)
        if self._rng.random() < 0.3:
            await self._store.sessions.renew(FLEET, [id_], 5)

    async def _bring(self, id_: str, lease: float | None) -> None:
        try:
            await self._store.sessions.assign(FLEET, id_, lease, session_type=self._rng.choice(self._types))
        except errors.FleetObservesError:
            pool = self._rng.choice([f"small-more-{self._rng.randrange(30)}", f"moving-{self._rng.randrange(30)}"])
            await self._store.sessions.report(FLEET, id_, pool, lease)

    async def _pool(self) -> None:
        self.operations += 1
        pool = f"moving-{self._rng.randrange(30)}"
        try:
            if self._rng.random() < 0.5:
                await self._store.pools.add(FLEET, [PoolSpec(pool, self._rng.choice(["small", "large"]))])
            for step in self._rng.sample(STEPS, 2):
                if step == "fail":
                    await self._store.pools.fail(FLEET, pool)
                elif step == "remove":
                    await self._store.pools.remove(FLEET, pool)
                else:
                    await self._store.pools.set_status(FLEET, pool, "draining" if step == "drain" else "active")
        except (errors.UnknownPoolError, errors.PoolNotEmptyError, errors.PoolInOtherClassError):
            pass


@pytest.fixture
async def live_store(server: str, redis: TextRedis, calls: Calls) -> AsyncIterator[Store]:
    """A store on the server's own time, so that leases end meanwhile."""
    opened = Store(StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60), calls)
    yield opened
    await opened.close()


@pytest.fixture(params=[*sorted(POLICIES), "jlmu with types"])
async def traffic(live_store: Store, redis: TextRedis, request: pytest.FixtureRequest) -> AsyncIterator[Traffic]:
    """Traffic and ticks that go on meanwhile."""
    policy, _, has_types = request.param.partition(" ")
    types = {"chat": ["small", "large"], "video": ["large"]} if has_types else {}
    body = TINY | {"policy": policy, "lease_seconds": 3, "retention_seconds": 1, "session_types": types}
    await apply(live_store, body)
    await live_store.pools.add(
        FLEET, [PoolSpec(f"{name}-more-{k}", name) for name in ("small", "large") for k in range(30)]
    )
    made = Traffic(live_store, 5, ["default", *types])
    running = asyncio.create_task(made.run())
    yield made
    made.ends = True
    await running


@pytest.mark.slow
async def test_traffic_raises_no_false_alarm(live_store: Store, traffic: Traffic) -> None:
    specs, audits = Specs(), tiny(live_store, 400)
    for round_ in range(AUDITS_UNDER_TRAFFIC):
        before = traffic.operations
        found = await (audits.inspect(FLEET) if round_ % 5 else audit_fleet(live_store, specs, FLEET))
        assert found.sentences == []
        assert traffic.operations > before


async def test_the_tests_audit_sees_one_instant_of_a_store_under_load(redis: TextRedis, traffic: Traffic) -> None:
    for _ in range(AUDITS_UNDER_TRAFFIC // 2):
        assert await asyncio.to_thread(violations, redis, FLEET) == []
    assert traffic.operations > AUDITS_UNDER_TRAFFIC
    assert rawstate.fields(redis, FLEET)["early"] != "0"


# What is not in one fleet


@pytest.mark.parametrize("call", ["configuration", "is_listed"])
async def test_a_store_that_does_not_answer_is_neither_a_finding_nor_a_sound_fleet(
    store: Store, fleet: None, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    async def no_answer(*_: object) -> None:
        raise errors.StoreUnavailableError

    monkeypatch.setattr(Audits, call, no_answer)
    with pytest.raises(errors.StoreUnavailableError):
        await audit_fleet(store, Specs(), FLEET)


async def test_a_name_without_keys_is_no_fleet(store: Store, redis: TextRedis) -> None:
    redis.sadd(FLEETS_KEY, "begun")
    assert await audit_all(store, Specs()) == []


async def test_a_fleet_of_a_newer_layout_is_not_looked_at(store: Store, redis: TextRedis, fleet: None) -> None:
    values = rawstate.unpack(redis, FLEET)
    rawstate.pack(redis, FLEET, ["99", *values[1:]])
    assert (await audit_fleet(store, Specs(), FLEET)).not_looked == "newer_fleet"
    rawstate.pack(redis, FLEET, values)


async def test_a_damaged_fleet_is_told_once_and_the_audit_goes_on(store: Store, redis: TextRedis, fleet: None) -> None:
    """A part that meets an error is a finding, and the parts after it are looked at."""
    saved = everything(redis)
    redis.delete(f"{{{FLEET}}}:level:0:1")
    redis.lpush(f"{{{FLEET}}}:level:0:1", "x")
    redis.expire(f"{{{FLEET}}}:names", 1000)
    found = (await store.audits.inspect(FLEET)).sentences
    assert any(sentence.startswith("totals: audit failed: WRONGTYPE") for sentence in found)
    assert f"{{{FLEET}}}:level:0:1: its type: list, expected string" in found
    assert f"{{{FLEET}}}:names: has a time to live" in found
    redis.persist(f"{{{FLEET}}}:names")
    put_back(redis, saved)
    assert violations(redis, FLEET) == []
