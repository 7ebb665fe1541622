"""The integrals of N, U, U* and A are exact sums over time, whatever clocks and pools do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from redis import Redis

from slta.core.fleet import FleetSpec
from slta.models import Integrals, PoolSpec, errors
from slta.store import Store
from testbed.in_process import tick
from tests import rawstate
from tests.store.conftest import Clock
from tests.store.fleets import (
    EACH_POLICY,
    FLAT,
    FLEET,
    LARGE,
    SMALL,
    STEPS,
    create,
    jump,
    pass_seconds,
    place,
    pool_class,
    spec,
    unchanged,
    with_scale,
)

HOUR, YEAR = 3600, 365 * 24 * 3600
MAX_STEP = 5_000_000
MAX_BACK = 1_000_000
SECOND = 1_000_000


def exact(pair: tuple[float, float]) -> Fraction:
    return Fraction(pair[0]) + Fraction(pair[1])


def best_utility(columns: list[list[int]], pools: list[int], sessions: int) -> int:
    """U*(N, A): the N largest of all marginal utilities that the pools offer."""
    return sum(sorted((m for i, column in enumerate(columns) for m in column * pools[i]), reverse=True)[:sessions])


@dataclass
class Twin:
    """The same fleet as a list of occupancies, integrated in fractions between the calls that change it."""

    fleet: FleetSpec
    clock: Clock
    pools: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    """Class, sessions, active."""
    time: int = 0
    told: int = 0
    sessions: Fraction = Fraction(0)
    utility: Fraction = Fraction(0)
    optimum: Fraction = Fraction(0)
    active: list[Fraction] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.told = self.clock.now
        self.active = [Fraction(0)] * len(self.fleet.classes)

    def totals(self) -> tuple[int, int, int, list[int]]:
        columns = [list(column) for column in self.fleet.integers.marginals]
        pools = [sum(c == i and on for c, _, on in self.pools.values()) for i in range(len(columns))]
        sessions = sum(x for _, x, on in self.pools.values() if on)
        utility = sum(sum(columns[i][:x]) for i, x, on in self.pools.values() if on)
        return sessions, utility, best_utility(columns, pools, sessions), pools

    def call(self) -> None:
        """The store is called now: what held since the last call is added up."""
        elapsed = max(0, min(self.clock.now - self.told, MAX_STEP))
        if not -MAX_BACK < self.clock.now - self.told < 0:
            self.told = self.clock.now
        self.time += elapsed
        sessions, utility, optimum, pools = self.totals()
        self.sessions += sessions * elapsed
        self.utility += utility * elapsed
        self.optimum += optimum * elapsed
        self.active = [total + count * elapsed for total, count in zip(self.active, pools, strict=True)]

    def compare(self, seen: Integrals, tolerance: Fraction) -> None:
        assert seen.time == self.time
        assert exact(seen.sessions) == self.sessions, "N times microseconds are integers below 2^53: exact"
        assert [exact(pair) for pair in seen.pools] == self.active
        for stored, expected in ((exact(seen.utility), self.utility), (exact(seen.optimum), self.optimum)):
            assert abs(stored - expected) <= tolerance * abs(expected)


class History:
    """A random life of a fleet, told to the store and to its twin."""

    def __init__(self, store: Store, clock: Clock, fleet: FleetSpec, seed: int) -> None:
        self.store, self.clock, self.fleet, self.rng = store, clock, fleet, random.Random(seed)
        self.twin = Twin(fleet, clock)
        self.where: dict[str, str] = {}
        self.serial = 0

    async def begin(self) -> None:
        await self.store.fleets.configure(FLEET, self.fleet, "{}")
        for c in self.fleet.class_names():
            for k in range(4):
                await self.add(f"{c}-{k}", c)

    async def add(self, name: str, pool_class_name: str) -> None:
        self.twin.call()
        await self.store.pools.add(FLEET, [PoolSpec(name, pool_class_name)])
        self.twin.pools[name] = (list(self.fleet.class_names()).index(pool_class_name), 0, True)

    async def assign(self) -> None:
        self.serial += 1
        self.twin.call()
        try:
            pool = (await self.store.sessions.assign(FLEET, f"s{self.serial}", None)).pool_id
        except (errors.NoCapacityError, errors.NoActivePoolError):
            return
        self.where[f"s{self.serial}"] = pool
        i, x, on = self.twin.pools[pool]
        self.twin.pools[pool] = (i, x + 1, on)

    async def complete(self) -> None:
        if self.where:
            id_ = self.rng.choice(list(self.where))
            self.twin.call()
            await self.store.sessions.complete(FLEET, id_)
            pool = self.where.pop(id_)
            i, x, on = self.twin.pools[pool]
            self.twin.pools[pool] = (i, x - 1, on)

    async def switch(self) -> None:
        name = self.rng.choice(list(self.twin.pools))
        i, x, on = self.twin.pools[name]
        self.twin.call()
        await self.store.pools.set_status(FLEET, name, "draining" if on else "active")
        self.twin.pools[name] = (i, x, not on)

    async def refused(self) -> None:
        self.twin.call()
        with pytest.raises(errors.UnknownSessionError):
            await self.store.sessions.complete(FLEET, f"never{self.rng.random()}")

    async def tick(self) -> None:
        self.twin.call()
        await tick(self.store, FLEET)

    async def live(self, steps: int, step_microseconds: list[int]) -> None:
        acts = [self.assign] * 6 + [self.complete] * 4 + [self.switch, self.refused, self.tick]
        for _ in range(steps):
            self.clock.now += self.rng.choice(step_microseconds)
            await self.rng.choice(acts)()

    async def integrals(self) -> Integrals:
        self.twin.call()
        return (await self.store.fleets.snapshot(FLEET)).integrals


def three_classes(policy: str) -> FleetSpec:
    classes = (pool_class("a", SMALL, 9), pool_class("b", LARGE, 12), pool_class("c", STEPS, 7))
    return spec(*classes, policy=policy)


JUMPS = [1, 999_999, 4_999_999, -999_999, 5_000_001, 17, -HOUR * SECOND, YEAR * SECOND, -YEAR * SECOND]
"""Clock steps that count as nothing, or as five seconds."""


@EACH_POLICY
@pytest.mark.parametrize(
    ("seed", "clock_steps", "digits"),
    [*((seed, [0, 1, 16_384, 333_333, 2_000_000], 15) for seed in range(3)), (9, JUMPS, 14)],
)
async def test_integrals_equal_those_in_fractions(
    store: Store, clock: Clock, policy: str, seed: int, clock_steps: list[int], digits: int
) -> None:
    history = History(store, clock, three_classes(policy), seed)
    await history.begin()
    await history.live(150, clock_steps)
    history.twin.compare(await history.integrals(), Fraction(1, 10**digits))


async def test_dyadic_steps_of_linear_utilities_leave_no_rounding_at_all(store: Store, clock: Clock) -> None:
    """u = x/2 in integers is a power of ten times x; steps of 2^20 µs."""
    fleet = spec(pool_class("flat", FLAT, 8))
    history = History(store, clock, fleet, 5)
    await history.begin()
    await history.live(150, [2**20, 2**21])
    history.twin.compare(await history.integrals(), Fraction(0))


async def test_a_read_counts_the_time_until_now_and_changes_nothing(store: Store, clock: Clock, redis: Redis) -> None:
    await create(store, spec(pool_class("flat", FLAT, 8)), {"flat": 3})
    await place(store, 5)
    with unchanged(redis):
        clock.advance(2)
        for _ in range(2):
            seen = (await store.fleets.snapshot(FLEET)).integrals
            assert (exact(seen.sessions), exact(seen.pools[0]), seen.time) == (10 * SECOND, 6 * SECOND, 2 * SECOND)


@pytest.fixture
def not_audited(redis: Redis) -> Iterator[None]:
    """65,536 pools are too many to audit one by one in passing."""
    yield
    redis.flushall()


@pytest.mark.slow
async def test_after_ten_years_at_65536_pools_a_minute_is_still_measured_to_1e_9(
    store: Store, clock: Clock, redis: Redis, not_audited: None
) -> None:
    """The sums of ten years are planted, as exact pairs; then a minute of arrivals is added to them."""
    await create(store, spec(pool_class("small", SMALL, 40)), {"small": 65_536})
    per_pool = sum(spec(pool_class("small", SMALL, 40)).integers.marginals[0][:20])
    microseconds = 10 * YEAR * SECOND
    sums = [total * microseconds for total in (65_536 * 20, 65_536 * per_pool, 65_536 * per_pool)]
    pairs = [(float(total), float(Fraction(total) - Fraction(float(total)))) for total in sums]
    pool_sum = 65_536 * microseconds
    names = [f"{name}_{part}" for name in ("sessions", "utility", "optimum") for part in ("high", "low")]
    numbers = [f"{number:.17g}" for pair in pairs for number in pair]
    rawstate.poke(
        redis,
        FLEET,
        **dict(zip(names, numbers, strict=True)),
        pools_high=f"{float(pool_sum):.17g}",
        pools_low=f"{float(Fraction(pool_sum) - Fraction(float(pool_sum))):.17g}",
        time=microseconds,
        pools_since=microseconds,
        next_due=10 * YEAR,
    )
    older = (await store.fleets.snapshot(FLEET)).integrals
    expected_sessions = expected_utility = 0
    marginal = spec(pool_class("small", SMALL, 40)).integers.marginals[0][0]
    rng = random.Random(6)
    for sessions in range(200):
        step = rng.randrange(600_000)
        clock.now += step
        expected_sessions += sessions * step
        expected_utility += sessions * marginal * step
        await store.sessions.assign(FLEET, f"s{sessions}", None)
    newer = (await store.fleets.snapshot(FLEET)).integrals
    assert newer.time - older.time < 200 * SECOND
    assert exact(newer.sessions) - exact(older.sessions) == expected_sessions
    assert exact(newer.pools[0]) - exact(older.pools[0]) == 65_536 * (newer.time - older.time)
    measured = exact(newer.utility) - exact(older.utility)
    assert abs(measured - expected_utility) <= Fraction(expected_utility, 10**9)
    assert exact(newer.optimum) - exact(older.optimum) == measured, (
        "200 sessions on 65,536 pools: each alone on its own"
    )


# The last minute, five minutes, hour


async def test_the_past_reaches_as_far_as_each_window_and_no_further_than_it_needs(store: Store, clock: Clock) -> None:
    await create(store, spec(pool_class("flat", FLAT, 8)), {"flat": 3})
    await place(store, 5)
    for _ in range(1300):
        await jump(store, clock, 3)
    snapshot = await store.fleets.snapshot(FLEET)
    for window, grain in ((60, 3), (300, 6), (3600, 60)):
        age = (snapshot.time - snapshot.past[window].time) / SECOND
        assert window <= age <= window + grain
        covered = exact(snapshot.integrals.sessions) - exact(snapshot.past[window].sessions)
        assert covered == 5 * round(age * SECOND)


async def test_before_a_window_is_over_it_reaches_to_the_beginning(store: Store, clock: Clock, redis: Redis) -> None:
    await create(store, spec(pool_class("flat", FLAT, 8)), {"flat": 3})
    assert (await store.fleets.snapshot(FLEET)).past == {}, "no tick, no past"
    await tick(store, FLEET)
    for _ in range(30):
        await jump(store, clock, 1.5)
    snapshot = await store.fleets.snapshot(FLEET)
    assert {window: past.time for window, past in snapshot.past.items()} == {60: 0, 300: 0, 3600: 0}
    assert snapshot.time == 45 * SECOND


@pytest.mark.parametrize(("hold", "ids"), [(0, 0), (3600, 1)])
async def test_a_line_of_the_past_has_the_arrivals_and_refusals_up_to_it(
    store: Store, clock: Clock, hold: int, ids: int
) -> None:
    await create(store, with_scale(spec(pool_class("flat", FLAT, 2)), hold), {"flat": 1})
    await tick(store, FLEET)
    await place(store, 2)
    for _ in range(2):
        with pytest.raises(errors.NoCapacityError):
            await place(store, 3)
    await store.pools.set_status(FLEET, "flat-0", "draining")
    with pytest.raises(errors.NoActivePoolError):
        await place(store, 3)
    await pass_seconds(store, clock, 2)
    snapshot = await store.fleets.snapshot(FLEET)
    lines = await store.fleets.past(snapshot, 60)
    assert [line.arrivals for line in lines] == [(2, 2, 1, ids), (0, 0, 0, 0)]
