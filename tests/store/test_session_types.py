"""Session types in the store: where sessions go, what is counted, and what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.policies.choice import NOTHING
from slta.core.session_types.market import Load, market_of
from slta.core.session_types.prices import choose
from slta.core.utility import PoolClass
from slta.models import Pool, Status, errors
from slta.store import Store
from testbed.servers import TextRedis
from tests import rawstate
from tests.core.curves import capped, linear, log_share, quadratic
from tests.store.fleets import FLEET, create, repair

CURVES = [log_share(20), log_share(30), linear("1/2"), capped("3/2", 2), quadratic(2, "-1/20"), linear(-1)]


def typed(rng: Random, policy: str = "jlmu") -> FleetSpec:
    """Up to five classes and four types with random sets."""
    names = [f"c{i}" for i in range(rng.randint(1, 5))]
    classes = tuple(PoolClass(name, rng.choice(CURVES), rng.randint(1, 4)) for name in names)
    sets = {f"t{t}": rng.sample(names, rng.randint(1, len(names))) for t in range(rng.randint(1, 4))}
    reserve = rng.choice((0, 0.5, 2))
    return FleetSpec(classes, policy=POLICIES[policy], lease_seconds=0, session_types=sets, reserve=reserve)


@dataclass
class Twin:
    """What the specification knows of a fleet: its pools, and the pool and type of each session."""

    spec: FleetSpec
    pools: dict[str, Pool]
    sessions: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def active(self) -> dict[str, str]:
        """Class by active pool."""
        return {id_: pool.pool_class for id_, pool in self.pools.items() if pool.status == "active"}

    def load(self) -> Load:
        names, active = self.spec.class_names(), self.active
        of_class = Counter(active[pool] for pool, _ in self.sessions.values() if pool in active)
        of_type = Counter(kind for pool, kind in self.sessions.values() if pool in active)
        both = Counter((kind, active[pool]) for pool, kind in self.sessions.values() if pool in active)
        pools = Counter(active.values())
        return Load(
            [pools[name] for name in names],
            [of_type[name] for name in self.spec.type_names],
            [of_class[name] for name in names],
            [[both[kind, name] for name in names] for kind in self.spec.type_names],
        )

    def lowest(self) -> list[int]:
        occupancy = Counter(pool for pool, _ in self.sessions.values())
        return [
            min((occupancy[id_] for id_, name in self.active.items() if name == c.name), default=c.capacity)
            for c in self.spec.classes
        ]

    def choice(self, kind: str) -> str | None:
        """Class for a session of this type."""
        number = list(self.spec.type_names).index(kind)
        tables = self.spec.ranking.ranks, self.lowest(), self.spec.integers.marginals
        chosen, _ = choose(market_of(self.spec.type_sets, *tables, self.load(), self.spec.reserve), number)
        return None if chosen == NOTHING else self.spec.class_names()[chosen]


async def twin(store: Store, rng: Random) -> Twin:
    spec = typed(rng)
    await create(store, spec, {c.name: rng.randint(0, 3) for c in spec.classes} | {"c0": 2})
    return Twin(spec, {pool.pool_id: pool for pool in (await store.pools.page(FLEET, None, 1000)).pools})


async def arrive(store: Store, at: Twin, session_id: str, kind: str) -> None:
    expected = at.choice(kind)
    try:
        placed = await store.sessions.assign(FLEET, session_id, None, session_type=kind)
    except (errors.NoCapacityError, errors.NoActivePoolError) as error:
        assert (expected, error.context["session_type"]) == (None, kind)  # noqa: PT017 - either outcome is right
        return
    assert (placed.pool_class, placed.session_type) == (expected, kind)
    at.sessions[session_id] = (placed.pool_id, kind)


async def switch(store: Store, at: Twin, rng: Random) -> None:
    """Drain an active pool, or return one."""
    pool = rng.choice(list(at.pools.values()))
    status: Status = "draining" if pool.status == "active" else "active"
    at.pools[pool.pool_id] = await store.pools.set_status(FLEET, pool.pool_id, status)


def check(redis: TextRedis, at: Twin) -> None:
    """What the store keeps of the types is what follows from its sessions."""
    load, active = at.load(), at.active
    others = Counter(kind for pool, kind in at.sessions.values() if pool not in active)
    kept = rawstate.fields(redis, FLEET)
    assert [int(n) for n in kept["type_sessions"].split()] == load.sessions
    assert [int(n) for n in kept["type_others"].split()] == [others[name] for name in at.spec.type_names]
    assert [int(n) for n in kept["held"].split()] == load.held
    assert [int(n) for n in kept["type_held"].split()] == [n for row in load.inside for n in row]


@pytest.mark.parametrize("seed", range(12))
async def test_the_store_places_each_type_as_the_specification_does(store: Store, redis: TextRedis, seed: int) -> None:
    rng = Random(seed)
    at = await twin(store, rng)
    for number in range(120):
        draw = rng.random()
        if draw < 0.6:
            await arrive(store, at, f"s{number}", rng.choice(list(at.spec.type_names)))
        elif draw < 0.9 and at.sessions:
            gone = rng.choice(list(at.sessions))
            await store.sessions.complete(FLEET, gone)
            del at.sessions[gone]
        elif draw > 0.95:
            await switch(store, at, rng)
        check(redis, at)


async def test_the_audit_finds_nothing_and_a_repair_restores_all_counts(store: Store, redis: TextRedis) -> None:
    at = await twin(store, Random(3))
    for number in range(60):
        await arrive(store, at, f"s{number}", list(at.spec.type_names)[number % len(at.spec.type_names)])
    await switch(store, at, Random(1))
    assert (await store.audits.inspect(FLEET)).sentences == []
    before = rawstate.fields(redis, FLEET)
    rawstate.poke(redis, FLEET, type_sessions="9 " * len(at.spec.type_names), held="9 " * len(at.spec.classes))
    rawstate.poke(redis, FLEET, type_held="9 " * len(before["type_held"].split()))
    assert (await store.audits.inspect(FLEET)).sentences
    await repair(store, at.spec)
    after = rawstate.fields(redis, FLEET)
    for name in ("type_sessions", "type_others", "held", "type_held"):
        assert after[name] == before[name]
    check(redis, at)
