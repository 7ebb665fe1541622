"""Periodic audits: one dispatcher claims one, its result is in the fleet, and what makes the next one due."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from redis import Redis

from slta.models import AuditResult
from slta.store import Store, StoreSettings
from tests import rawstate
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, TWO_CLASSES, field, pass_seconds, repair, spec

SOUND = AuditResult(at=1_700_000_000.125, total=0, by="host/1", first="")
DAMAGED = AuditResult(at=1_700_000_000.125, total=3, by="host/1", first="state: is  missing")


async def claim(store: Store, *, asks: bool = True) -> str:
    """What a tick claims, also one of the same moment; '' if no audit is due."""
    _, _, _, claimed, *_ = await store._functions.change("tick", FLEET, audits=asks)
    return str(claimed)


async def audit(store: Store, result: AuditResult = SOUND) -> None:
    claimed = await claim(store)
    assert claimed
    await store.audits.store(FLEET, claimed, result)


async def findings(store: Store) -> int | None:
    found = (await store.fleets.snapshot(FLEET)).audit
    return found.total if found else None


async def mend(store: Store) -> None:
    policy = (await store.fleets.snapshot(FLEET)).policy
    await repair(store, spec(*TWO_CLASSES, policy=policy))


async def test_of_many_dispatchers_that_would_audit_one_claims_it(
    store: Store, fleet: None, server: str, opening: AsyncExitStack, clock: Clock
) -> None:
    others = [Store(StoreSettings(server, call_timeout_seconds=30), Calls(), clock=clock) for _ in range(3)]
    for other in others:
        opening.push_async_callback(other.close)
    assert await claim(store, asks=False) == ""
    claims = await asyncio.gather(*map(claim, (store, *others)))
    assert len(list(filter(None, claims))) == 1


async def test_a_claim_is_void_after_ten_minutes_of_fleet_time(store: Store, fleet: None, clock: Clock) -> None:
    assert await claim(store)
    await pass_seconds(store, clock, 599)
    assert not await claim(store)
    clock.advance(1)
    assert await claim(store)


async def test_an_outage_does_not_end_a_claim(store: Store, fleet: None, clock: Clock) -> None:
    assert await claim(store)
    clock.advance(3600)
    assert not await claim(store)


async def test_the_next_audit_is_due_after_an_hour(store: Store, fleet: None, clock: Clock) -> None:
    await audit(store)
    await pass_seconds(store, clock, 3599)
    assert not await claim(store)
    clock.advance(1)
    await audit(store)
    clock.advance(1)
    assert not await claim(store)


async def test_a_repaired_fleet_is_audited_even_if_one_was_under_way(store: Store, fleet: None, clock: Clock) -> None:
    await audit(store)
    await mend(store)
    clock.advance(1)
    claimed = await claim(store)
    await mend(store)
    await store.audits.store(FLEET, claimed, SOUND)
    clock.advance(1)
    assert claimed
    assert await claim(store)


async def test_what_another_process_wrote_is_audited(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    await audit(store)
    rawstate.poke(redis, FLEET, incarnation=int(field(redis, "incarnation")) + 1)
    clock.advance(1)
    assert await claim(store)


@pytest.mark.parametrize(("result", "first"), [(SOUND, ""), (DAMAGED, "state: is missing")])
async def test_the_result_is_in_the_snapshot(store: Store, fleet: None, result: AuditResult, first: str) -> None:
    assert (await store.fleets.snapshot(FLEET)).audit is None
    await audit(store, result)
    found = (await store.fleets.snapshot(FLEET)).audit
    assert found == AuditResult(at=result.at, total=result.total, by=result.by, first=first)


async def test_a_suspect_fleet_is_audited_too(store: Store, fleet: None, redis: Redis) -> None:
    redis.hset(f"{{{FLEET}}}:cold", "suspect", "why")
    await audit(store, DAMAGED)
    assert await findings(store) == DAMAGED.total
    redis.hset(f"{{{FLEET}}}:cold", "suspect", "")
    redis.delete(f"{{{FLEET}}}:repair")


async def test_a_change_keeps_the_result_and_an_audit_finds_nothing_wrong(store: Store, fleet: None) -> None:
    await audit(store, DAMAGED)
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES, policy="jlmu"), "{}")
    await mend(store)
    assert (await store.audits.inspect(FLEET)).total == 0
    assert await findings(store) == DAMAGED.total
