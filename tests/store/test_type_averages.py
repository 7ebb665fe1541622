"""Averages of fleets with session types: what the snapshot has of the types, and the bound on every window."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import combinations
from random import Random
from typing import Any, NamedTuple

import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.session_types.bound import bound
from slta.core.utility import PoolClass
from slta.models import Integrals, Snapshot, Ticked, errors
from slta.store import Store
from slta.store._fleet_replies import parse_interval
from slta.store.fleets import Excess
from slta.store.sessions import report_option
from slta.views.averages import averages
from tests.core.curves import capped, linear, log_share, quadratic
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, create, repair

CLASSES = (
    PoolClass("a", capped("3/2", 2), 3),
    PoolClass("b", log_share(20), 4),
    PoolClass("c", quadratic(2, "-1/20"), 2),
    PoolClass("d", linear("1/2"), 4),
)
TYPES = {"narrow": ["a"], "middle": ["a", "b"], "wide": ["b", "c", "d"]}
SPEC = FleetSpec(CLASSES, policy=POLICIES["jlmu"], lease_seconds=0, session_types=TYPES)
POOLS = {"a": 2, "b": 2, "c": 1, "d": 1}
SECOND = 1_000_000


class Mark(NamedTuple):
    """Integrals at one moment, with that of U*(N_1 … N_T, A) at each moment up to then."""

    integrals: Integrals
    optimum: float


@dataclass
class Course:
    """A fleet whose sessions and pools change at random moments, with the integrals of N_t and U* added up beside.

    Now and then a dispatcher ticks it, and computes the interval that waits: at once, or later, twice, or never.
    """

    store: Store
    clock: Clock
    rng: Random
    number: int = 0
    sessions: list[int] = field(default_factory=lambda: [0] * len(SPEC.type_names))
    optimum: float = 0
    now: Snapshot | None = None
    answers: list[Excess] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    async def step(self) -> Mark:
        """Time passes, then something happens."""
        seconds = self.rng.randint(1, 4)
        self.clock.advance(seconds)
        if self.now and self.now.types:
            counts = [one.sessions for one in self.now.types]
            self.optimum += seconds * SECOND * best(self.now, counts)
            for t, count in enumerate(counts):
                self.sessions[t] += seconds * SECOND * count
        acts = [self.arrive] * 3 + [self.leave, self.switch, self.fail, self.adopt, self.tick, self.tick]
        with suppress(errors.DispatchError):  # no room, or not allowed there
            await self.rng.choice(acts)()
        self.now = await self.store.fleets.snapshot(FLEET)
        return Mark(self.now.integrals, self.optimum)

    async def tick(self) -> None:
        """Of two dispatchers' answers, and those to intervals that are over, each interval takes the first."""
        given = {FLEET: self.rng.choice(self.answers[-2:])} if self.answers else {}
        ticked = (await self.store.fleets.tick([FLEET], given))[FLEET]
        assert isinstance(ticked, Ticked)
        if ticked.interval and self.rng.random() < 0.7:  # else the dispatcher was killed
            name, numbers = ticked.interval.split(" ", 1)
            self.names.add(name)
            self.answers.append((name, repr(SPEC.excess(parse_interval(numbers, len(CLASSES))))))

    async def arrive(self) -> None:
        self.number += 1
        kind = self.rng.choice(SPEC.type_names)
        await self.store.sessions.assign(FLEET, f"s{self.number}", None, session_type=kind)

    async def leave(self) -> None:
        await self.store.sessions.complete(FLEET, f"s{self.rng.randint(1, max(1, self.number))}")

    def pool(self) -> str:
        name = self.rng.choice(list(POOLS))
        return f"{name}-{self.rng.randrange(POOLS[name])}"

    async def switch(self) -> None:
        await self.store.pools.set_status(FLEET, self.pool(), self.rng.choice(["draining", "active"]))

    async def fail(self) -> None:
        pool = self.pool()
        await self.store.pools.fail(FLEET, pool)
        await self.store.pools.set_status(FLEET, pool, "active")

    async def adopt(self) -> None:
        self.number += 1
        option = report_option(self.pool(), session_type=self.rng.choice(SPEC.type_names))
        await self.store.sessions.report(FLEET, f"s{self.number}", option, None)


async def begin(store: Store) -> None:
    await create(store, SPEC, POOLS)


def best(at: Snapshot, sessions: Sequence[int]) -> float:
    """U*(N_1 … N_T, A) in the store's integers."""
    return bound(SPEC.type_sets, SPEC.integers.totals, [c.counts[0] for c in at.classes], sessions).utility


def check(newer: Mark, older: Mark) -> None:
    """⟨U⟩ ≤ ⟨U*(N_1 … N_T, A)⟩ ≤ the bound by intervals ≤ U*(⟨N_1⟩ … ⟨N_T⟩, ⟨A⟩), and restrictions gain nothing."""
    found = averages(newer.integrals, older.integrals, SPEC)
    if found:
        small = 1e-9 * (1 + abs(found.utility_bound))
        elapsed = newer.integrals.time - older.integrals.time
        exact = SPEC.integers.to_utility((newer.optimum - older.optimum) / elapsed) / found.mean_pools
        assert found.placement_gap >= -small
        assert found.utility_optimum_mean >= exact - small
        assert found.swing_gap >= -small
        assert found.compatibility_gap is not None
        assert found.compatibility_gap >= -small


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(n, marks=pytest.mark.campaign) for n in range(3, 200))])
async def test_all_gaps_are_theorems_on_every_window(store: Store, clock: Clock, seed: int) -> None:
    """Drains, failures, returns, adoptions, ticks and answers inside, of which dispatchers may have been killed."""
    await begin(store)
    course = Course(store, clock, Random(seed))
    marks = [Mark((await store.fleets.snapshot(FLEET)).integrals, 0)]
    marks += [await course.step() for _ in range(80)]
    for older, newer in combinations(marks, 2):
        check(newer, older)
    last = marks[-1].integrals.types
    assert last
    assert [sum(pair) for pair in last.sessions] == course.sessions
    assert len(course.names) > 2


async def begun(store: Store, clock: Clock) -> str:
    """A fleet in which an interval with two sessions of `narrow` waits: its words."""
    await begin(store)
    for number in range(2):
        await store.sessions.assign(FLEET, f"s{number}", None, session_type="narrow")
    clock.advance(4)
    ticked = (await store.fleets.tick([FLEET]))[FLEET]
    assert isinstance(ticked, Ticked)
    return ticked.interval


async def added(store: Store, clock: Clock, *excess: str) -> float:
    """The compatibility after a tick with this excess."""
    clock.advance(1)
    await store.fleets.tick([FLEET], {FLEET: (excess[0], excess[1])} if excess else {})
    types = (await store.fleets.snapshot(FLEET)).integrals.types
    assert types
    return sum(types.compatibility)


async def test_an_interval_waits_until_one_dispatcher_has_its_bound_and_counts_once(store: Store, clock: Clock) -> None:
    name, numbers = (await begun(store, clock)).split(" ", 1)
    interval = parse_interval(numbers, len(CLASSES))
    assert (interval.pools, interval.sessions) == ((8e6, 8e6, 4e6, 4e6), (0.0, 8e6, 0.0, 0.0))
    assert await added(store, clock) == 0, "a dispatcher that was killed"
    assert await added(store, clock, "1:1:1", "5") == 0
    for word in ("-1", "nan", "inf", "x"):
        assert await added(store, clock, name, word) == 0
    assert await added(store, clock, name, "7") == 7
    assert await added(store, clock, name, "7") == 7, "two dispatchers"


@pytest.mark.parametrize("change", ["types", "curves", "order of classes"])
async def test_an_interval_that_a_change_ends_counts_as_without_types(store: Store, clock: Clock, change: str) -> None:
    name, _ = (await begun(store, clock)).split(" ", 1)
    changed: dict[str, dict[str, Any]] = {
        "types": {"session_types": TYPES | {"middle": ["a", "b", "c"]}},
        "curves": {"classes": (replace(CLASSES[0], utility=linear(1)), *CLASSES[1:])},
        "order of classes": {"classes": CLASSES[::-1]},
    }
    await store.fleets.configure(FLEET, replace(SPEC, **changed[change]), "{}")
    assert await added(store, clock, name, "7") == 0
    now = (await store.fleets.snapshot(FLEET)).integrals.types
    assert now
    assert [sorted(interval.pools) for interval in now.intervals] == [[1e6, 1e6, 2e6, 2e6]]


async def test_a_snapshot_counts_assigned_and_refused_sessions_by_type(store: Store) -> None:
    await begin(store)
    for number in range(8):
        with suppress(errors.NoCapacityError):
            await store.sessions.assign(FLEET, f"s{number}", None, session_type="narrow")
    await store.sessions.assign(FLEET, "plain", None)
    with pytest.raises(errors.IncompatibleError):
        await store.sessions.report(FLEET, "elsewhere", report_option("d-0", session_type="narrow"), None)
    await store.pools.set_status(FLEET, "a-0", "draining")
    await store.pools.set_status(FLEET, "a-1", "draining")
    with pytest.raises(errors.NoActivePoolError):
        await store.sessions.assign(FLEET, "late", None, session_type="narrow")
    by_name = {one.name: one for one in (await store.fleets.snapshot(FLEET)).types}
    assert list(by_name) == ["default", "narrow", "middle", "wide"]
    narrow, plain = by_name["narrow"], by_name["default"]
    assert (narrow.sessions, narrow.other_sessions, narrow.assigned) == (0, 6, 6)
    assert narrow.refused == {"no_capacity": 2, "no_active_pool": 1, "incompatible": 1}
    assert (plain.sessions, plain.assigned, plain.refused["no_capacity"]) == (1, 1, 0)


async def test_the_integral_of_the_optimum_goes_on_when_a_fleet_gets_types(store: Store, clock: Clock) -> None:
    await create(store, replace(SPEC, session_types={}), POOLS)
    await store.sessions.assign(FLEET, "s", None)
    clock.advance(4)
    await store.fleets.configure(FLEET, SPEC, "{}")
    now = (await store.fleets.snapshot(FLEET)).integrals
    assert now.types
    assert now.types.compatibility == (0, 0) != now.optimum


async def test_assigned_sessions_by_type_survive_a_repair(store: Store) -> None:
    await begin(store)
    await store.sessions.assign(FLEET, "s", None, session_type="wide")
    await repair(store, SPEC)
    assert [one.assigned for one in (await store.fleets.snapshot(FLEET)).types] == [0, 0, 0, 1]
