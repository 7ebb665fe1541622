"""Small fleets for the store's tests, and how time passes in them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from heapq import heapify, heapreplace
from typing import TYPE_CHECKING

import pytest
from redis import Redis

from slta.core.fleet import FleetSpec
from slta.core.policies import PLACING, POLICIES, Policy
from slta.core.policies.tokens import Beta
from slta.core.scaling.settings import ClassScale, Scale
from slta.core.utility import LinearUtility, LogShareUtility, PoolClass, TableUtility, Utility
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.models import Pool, PoolSpec, Repaired, errors
from slta.store import Store
from slta.store._batching.batcher import MAX_BATCH
from slta.store._encoding import put_arguments
from testbed.in_process import tick
from testbed.servers import TextRedis
from tests import rawstate

if TYPE_CHECKING:
    from tests.store.conftest import Clock

EACH_POLICY = pytest.mark.parametrize("policy", PLACING)

FLEET = "fleet"
SMALL = LogShareUtility(Fraction(20))
LARGE = LogShareUtility(Fraction(30))
FLAT = LinearUtility(Fraction(1, 2))
STEPS = TableUtility(tuple(map(Fraction, [0, 8, 14, 18, 20, 21, 21, 21])))


def pool_class(name: str, utility: Utility = SMALL, capacity: int = 4) -> PoolClass:
    return PoolClass(name, utility, capacity)


def spec(*classes: PoolClass, policy: str = "slta", lease: float = 0, retention: float = 600) -> FleetSpec:
    """A fleet whose sessions have no lease unless one is asked for."""
    return FleetSpec(classes, policy=POLICIES[policy], lease_seconds=lease, retention_seconds=retention)


def with_policy(fleet: FleetSpec, policy: Policy) -> FleetSpec:
    return replace(fleet, policy=policy)


def with_scale(fleet: FleetSpec, hold: int) -> FleetSpec:
    """The fleet with scale advice for a hold of so many seconds, without for 0."""
    scale = Scale(tuple(ClassScale(1.0) for _ in fleet.classes), budget=1.0, hold_seconds=hold) if hold else None
    return replace(fleet, scale=scale)


TWO_CLASSES = (pool_class("small", SMALL, 4), pool_class("large", LARGE, 6))


def with_beta(fleet: FleetSpec, beta: Beta) -> FleetSpec:
    return FleetSpec(fleet.classes, fleet.policy, beta, fleet.lease_seconds, fleet.retention_seconds)


async def create(store: Store, fleet: FleetSpec, pools: dict[str, int], name: str = FLEET) -> None:
    """The fleet, with pools `<class>-0`, `<class>-1`, …"""
    await store.fleets.configure(name, fleet, "{}")
    await store.pools.add(name, [PoolSpec(f"{c}-{k}", c) for c, count in pools.items() for k in range(count)])


async def apply(store: Store, body: Mapping[str, object], name: str = FLEET) -> None:
    """The fleet of a fleet file, with its pools."""
    await apply_fleet(store, Specs(), name, parse_document(json.dumps(body)))


async def findings(store: Store, fleet: FleetSpec, name: str = FLEET) -> list[str]:
    """What an audit finds in a fleet that `create` has made."""
    found, _ = await store.rebuilds.compare(name, put_arguments(fleet, "{}", None))
    return found.sentences


async def repair(store: Store, fleet: FleetSpec) -> Repaired:
    """What an operator does about a fleet that `create` has made."""
    return await store.rebuilds.rebuild(FLEET, put_arguments(fleet, "{}", None))


async def repair_by_itself(store: Store, fleet: FleetSpec) -> None:
    """What dispatchers do about a fleet that `create` has made, once a tick has found it suspect."""
    suspect = await tick(store, FLEET)
    assert suspect
    assert suspect.ours
    await repair(store, fleet)


async def place(store: Store, count: int, prefix: str = "s", name: str = FLEET) -> dict[str, str]:
    """`count` new sessions: pool by session id."""
    placed: dict[str, str] = {}
    for ids in in_calls([f"{prefix}{k}" for k in range(count)]):
        try:
            sessions = await asyncio.gather(*(store.sessions.assign(name, id_, None) for id_ in ids))
            placed |= {session.session_id: session.pool_id for session in sessions}
        except errors.FleetObservesError:
            placed |= await report_balanced(store, ids, name)
    return placed


async def bring(store: Store, session_id: str, name: str = FLEET) -> str:
    """A new session, placed by the fleet's policy; where that observes, reported on the emptiest pool. Its pool."""
    try:
        return (await store.sessions.assign(name, session_id, None)).pool_id
    except errors.FleetObservesError:
        return (await report_balanced(store, [session_id], name))[session_id]


async def report_balanced(store: Store, ids: Sequence[str], name: str) -> dict[str, str]:
    """New sessions, each reported on the pool that is then the emptiest, the first of several: pool by session id."""
    pools = (await store.pools.page(name, None, 1000)).pools
    emptiest = [(pool.occupancy, number) for number, pool in enumerate(pools) if pool.status == "active"]
    heapify(emptiest)
    chosen = {}
    for id_ in ids:
        occupancy, number = emptiest[0]
        chosen[id_] = pools[number].pool_id
        heapreplace(emptiest, (occupancy + 1, number))
    await asyncio.gather(*(store.sessions.report(name, id_, pool, None) for id_, pool in chosen.items()))
    return chosen


def in_calls(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in parts, each small enough that concurrent operations on it are one call of the store, in order."""
    left = list(ids)
    return (left[start : start + MAX_BATCH] for start in range(0, len(left), MAX_BATCH))


async def end(store: Store, ids: Iterable[str], name: str = FLEET) -> None:
    for part in in_calls(ids):
        await asyncio.gather(*(store.sessions.complete(name, id_) for id_ in part))


async def pass_seconds(store: Store, clock: Clock, seconds: float) -> None:
    """Time passes as it does where dispatchers tick: in steps that are no outage."""
    while seconds > 0:
        step = min(seconds, 5)
        seconds -= step
        await jump(store, clock, step)


async def jump(store: Store, clock: Clock, seconds: float) -> None:
    """Time passes without a tick."""
    clock.advance(seconds)
    await tick(store, FLEET)


async def end_of(store: Store, session_id: str) -> str | None:
    """Why a session ended, or is unknown; None while it lives."""
    try:
        await store.sessions.get(FLEET, session_id)
    except (errors.SessionEndedError, errors.UnknownSessionError) as error:
        return error.context.get("reason", error.code)
    return None


async def as_of(store: Store, name: str = FLEET) -> str:
    """Now, as a pool's report says it."""
    return (await store.fleets.snapshot(name)).as_of


async def all_pools(store: Store, name: str = FLEET, limit: int = 1000) -> list[Pool]:
    found: list[Pool] = []
    cursor: str | None = None
    while True:
        page = await store.pools.page(name, cursor, limit)
        found += page.pools
        cursor = page.next_cursor
        if cursor is None:
            return found


async def occupancies(store: Store, name: str = FLEET) -> dict[str, int]:
    return {pool.pool_id: pool.occupancy for pool in await all_pools(store, name)}


async def places(store: Store, ids: Iterable[str]) -> dict[str, str]:
    """The pools of live sessions, by session."""
    return {id_: (await store.sessions.get(FLEET, id_)).pool_id for id_ in ids}


def everything(redis: Redis, name: str = FLEET) -> dict[str, object]:
    """Every key of the fleet as it is stored, to tell that nothing was changed; a refusal is an event all the same."""
    keys = [key for key in redis.scan_iter(f"{{{name}}}:*", count=10_000) if not key.endswith(":events")]
    with redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.dump(key)
        return dict(zip(keys, pipeline.execute(), strict=True))


@contextmanager
def unchanged(redis: Redis) -> Iterator[None]:
    """Nothing changes the fleet within."""
    before = everything(redis)
    yield
    assert everything(redis) == before


def begin_in_another_process(redis: TextRedis) -> None:
    """The next change finds the incarnation of another process."""
    incarnation, _, fork = field(redis, "incarnations").split()[-1].split(":")
    rawstate.poke(redis, FLEET, incarnations=f"{incarnation}:1:{fork}")
    redis.function_flush()


def put_back(redis: TextRedis, saved: dict[str, object], name: str = FLEET) -> None:
    """Every key of the fleet as it was, from `everything`."""
    for key in redis.scan_iter(f"{{{name}}}:*", count=10_000):
        if key not in saved:
            redis.delete(key)
    for key, value in saved.items():
        redis.restore(key, 0, value, replace=True)


def field(redis: TextRedis, name: str, fleet: str = FLEET) -> str:
    return rawstate.fields(redis, fleet)[name]
