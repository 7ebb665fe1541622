"""Averages of fleets with session types: what the snapshot has of the types, and the bound on every window."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import combinations
from random import Random

import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import PoolClass
from slta.models import Integrals, Snapshot, errors
from slta.store import Store
from slta.store.encoding import put_arguments
from slta.store.sessions import report_option
from slta.views.averages import averages
from tests.core.curves import capped, linear, log_share, quadratic
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, create

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


@dataclass
class Course:
    """A fleet whose sessions and pools change at random moments, with the integrals of N_t and U* added up beside."""

    store: Store
    clock: Clock
    rng: Random
    number: int = 0
    sessions: list[int] = field(default_factory=lambda: [0] * len(SPEC.type_names))
    optimum: int = 0
    now: Snapshot | None = None

    async def step(self) -> Integrals:
        """Time passes, then something happens."""
        seconds = self.rng.randint(1, 4)
        self.clock.advance(seconds)
        if self.now and self.now.types:
            self.optimum += seconds * SECOND * self.now.types.optimum
            for t, one in enumerate(self.now.types.types):
                self.sessions[t] += seconds * SECOND * one.sessions
        acts = [self.arrive] * 3 + [self.leave, self.switch, self.fail, self.adopt]
        with suppress(errors.DispatchError):  # no room, or not allowed there
            await self.rng.choice(acts)()
        self.now = await self.store.fleets.snapshot(FLEET)
        return self.now.integrals

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


def check(newer: Integrals, older: Integrals) -> None:
    """⟨U⟩ ≤ ⟨U*(N_1 … N_T, A)⟩ ≤ U*(⟨N_1⟩ … ⟨N_T⟩, ⟨A⟩), and the restrictions gain nothing."""
    found = averages(newer, older, SPEC)
    if found:
        small = 1e-9 * (1 + abs(found.utility_bound))
        assert found.placement_gap >= -small
        assert found.swing_gap >= -small
        assert found.compatibility_gap is not None
        assert found.compatibility_gap >= -small


@pytest.mark.parametrize("seed", range(4))
async def test_both_gaps_are_theorems_on_every_window(store: Store, clock: Clock, seed: int) -> None:
    """Drains, failures, returns and adoptions inside."""
    await begin(store)
    course = Course(store, clock, Random(seed))
    marks = [(await store.fleets.snapshot(FLEET)).integrals]
    marks += [await course.step() for _ in range(60)]
    for older, newer in combinations(marks, 2):
        check(newer, older)
    last = marks[-1].types
    assert last
    assert [sum(pair) for pair in last.sessions] == course.sessions
    assert sum(last.optimum) == pytest.approx(course.optimum, rel=1e-12)


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
    seen = (await store.fleets.snapshot(FLEET)).types
    assert seen
    by_name = {one.name: one for one in seen.types}
    assert list(by_name) == ["default", "narrow", "middle", "wide"]
    narrow, plain = by_name["narrow"], by_name["default"]
    assert (narrow.sessions, narrow.other_sessions, narrow.assigned) == (0, 6, 6)
    assert narrow.refused == {"no_capacity": 2, "no_active_pool": 1, "incompatible": 1}
    assert (plain.sessions, plain.assigned, plain.refused["no_capacity"]) == (1, 1, 0)


async def test_averages_across_a_change_of_sets_are_refused(store: Store, clock: Clock) -> None:
    await begin(store)
    older = (await store.fleets.snapshot(FLEET)).integrals
    clock.advance(2)
    wider = replace(SPEC, session_types=TYPES | {"middle": ["a", "b", "c"]})
    await store.fleets.configure(FLEET, wider, "{}")
    newer = (await store.fleets.snapshot(FLEET)).integrals
    with pytest.raises(errors.UtilitiesChangedError, match="session types or classes changed"):
        averages(newer, older, wider)


async def test_the_integral_of_the_optimum_goes_on_when_a_fleet_gets_types(store: Store, clock: Clock) -> None:
    await create(store, replace(SPEC, session_types={}), POOLS)
    await store.sessions.assign(FLEET, "s", None)
    clock.advance(4)
    await store.fleets.configure(FLEET, SPEC, "{}")
    now = (await store.fleets.snapshot(FLEET)).integrals
    assert now.types
    assert now.types.optimum == now.optimum != (0, 0)


async def test_assigned_sessions_by_type_survive_a_repair(store: Store) -> None:
    await begin(store)
    await store.sessions.assign(FLEET, "s", None, session_type="wide")
    await store.repairs.begin(FLEET, put_arguments(SPEC, "{}", None), requested=True)
    await store.repairs.finish(FLEET)
    seen = (await store.fleets.snapshot(FLEET)).types
    assert seen
    assert [one.assigned for one in seen.types] == [0, 0, 0, 1]


async def test_a_fleet_without_session_types_has_none_in_its_snapshot(store: Store) -> None:
    await create(store, replace(SPEC, session_types={}), POOLS)
    snapshot = await store.fleets.snapshot(FLEET)
    assert (snapshot.types, snapshot.integrals.types) == (None, None)
