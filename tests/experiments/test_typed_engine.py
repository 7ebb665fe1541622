"""The engine for session types is the specification, faster: placement, integral and bound."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest

from slta.core.fleet import RESERVE
from slta.core.policies import Jlmu, Occupancies
from slta.core.policies.choice import NOTHING
from slta.core.session_types.bound import bound
from slta.core.session_types.market import Load, market_of
from slta.core.session_types.prices import choose
from slta.core.session_types.sets import TypeSets, everywhere
from slta.core.utility import PoolClass, TableUtility
from slta_experiments.engine import simulate as engine
from slta_experiments.engine.loop import event_loop
from slta_experiments.engine.simulate import POLICIES, PRICED, Outcome, Run
from slta_experiments.engine.state import state_of
from slta_experiments.engine.tables import dispatch_order, memory_of
from slta_experiments.engine.type_bounds import bounds
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import Workload, generator, stationary, typed

CASES, SESSIONS = 25, 80
RULES = {"JLMU": ("JLMU", 0.0), "no reserve": (PRICED, 0.0), "price": (PRICED, RESERVE)}
"""Policy and ρ."""


@dataclass
class Case:
    """A random fleet of flat pieces, with ties and worthless levels, and random types beside one that may use all."""

    seed: int
    scale: int = 1
    shape: FleetShape = field(init=False)
    sets: TypeSets = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        count = rng.randint(2, 5)
        worth = [Fraction(rng.randint(-5, 40), rng.choice((1, 3, 7))) for _ in range(6)]
        pieces = [sorted(rng.choices(worth, k=rng.randint(1, 3)), reverse=True) for _ in range(count)]
        curves = [[value for value in curve for _ in range(rng.randint(1, 4))] for curve in pieces]
        classes = tuple(
            PoolClass(f"class {c}", TableUtility((Fraction(0), *accumulate(curve))), len(curve))
            for c, curve in enumerate(curves)
        )
        self.shape = FleetShape(f"case {self.seed}", classes, tuple(self.scale * rng.randint(1, 3) for _ in classes))
        subsets = [tuple(sorted(rng.sample(range(count), rng.randint(1, count)))) for _ in range(rng.randint(1, 4))]
        self.sets = TypeSets((*subsets, tuple(range(count))))

    @property
    def n(self) -> int:
        return sum(self.shape.shares)

    def workload(self, sessions: int) -> Workload:
        """About so many, at a load near all places."""
        places = sum(c * a for c, a in zip(self.shape.capacities, self.shape.shares, strict=True))
        share = [random.Random(self.seed + t).uniform(0.3, 1.3) for t in range(len(self.sets.classes))]
        loads = [places * s / len(share) for s in share]
        horizon = sessions / sum(loads)
        return typed(
            generator(1, self.seed), [stationary(generator(2, self.seed, t), r, horizon) for t, r in enumerate(loads)]
        )


class Replay:
    """The same workload by the specification, session by session."""

    def __init__(self, case: Case, policy: str, run: Run) -> None:
        self.shape, self.sets, self.policy, self.run = case.shape, case.sets, policy, run
        pools = case.shape.pools(case.n)
        self.columns: list[list[int]] = [[0] * count for count in pools]
        none = [[0] * len(pools) for _ in case.sets.classes]
        self.load = Load(pools, [0] * len(none), [0] * len(pools), none)
        self.utility, self.time, self.area = 0.0, run.warm_up, 0.0
        self.arrived, self.refused = [0] * len(self.load.sessions), [0] * len(self.load.sessions)

    def advance(self, now: float) -> None:
        if now > self.time:
            self.area += self.utility * (now - self.time)
            self.time = now

    def chosen(self, kind: int) -> int:
        ranking, marginals = self.shape.ranking, self.shape.integers.marginals
        if self.policy == "JLMU":
            inside = [list(column) if c in self.sets.members[kind] else [] for c, column in enumerate(self.columns)]
            decision = Jlmu(Occupancies(ranking, inside)).choice(0.5)
            return decision.pool_class if decision else NOTHING
        lowest, reserve = list(map(min, self.columns)), RULES[self.policy][1]
        return choose(market_of(self.sets, ranking.ranks, lowest, marginals, self.load, reserve), kind)[0]

    def arrive(self, kind: int, pool: int, now: float) -> None:
        """A session that the engine placed on this pool, numbered over all classes."""
        self.advance(now)
        c = self.chosen(kind)
        if now >= self.run.warm_up:
            self.arrived[kind] += 1
            self.refused[kind] += c == NOTHING
        place = self.place(pool)
        assert place[0] == c
        if c != NOTHING:
            assert self.columns[c][place[1]] == min(self.columns[c])
            self.count(kind, place, 1)

    def leave(self, kind: int, pool: int, now: float) -> None:
        self.advance(now)
        if pool != NOTHING:
            self.count(kind, self.place(pool), -1)

    def place(self, pool: int) -> tuple[int, int]:
        for c, column in enumerate(self.columns):
            if pool < len(column):
                return (c, pool) if pool >= 0 else (NOTHING, 0)
            pool -= len(column)
        raise AssertionError(pool)

    def count(self, kind: int, place: tuple[int, int], sign: int) -> None:
        c, k = place
        level = self.columns[c][k] + (sign - 1) // 2
        self.utility += sign * self.shape.ranking.marginals[c][level]
        self.columns[c][k] += sign
        self.load.sessions[kind] += sign  # type: ignore[index]
        self.load.held[c] += sign  # type: ignore[index]
        self.load.inside[kind][c] += sign  # type: ignore[index]


def replay(case: Case, policy: str, workload: Workload, run: Run, found: Outcome) -> Replay:
    """Every event of a run of the engine, in its order."""
    at = Replay(case, policy, run)
    events = [(float(now), 0, s) for s, now in enumerate(workload.arrivals)]
    events += [(float(now), 1, int(s)) for s, now in zip(workload.departing, workload.departures, strict=True)]
    for now, departing, s in sorted(events):
        if now < run.horizon:
            (at.leave if departing else at.arrive)(int(workload.kinds[s]), int(found.pools[s]), now)
    at.advance(run.horizon)
    return at


def agrees(found: Outcome, at: Replay) -> None:
    """To the last bit."""
    assert found.gaps.utility_mean == at.area / at.run.span / sum(at.shape.shares)
    assert (list(found.arrived), list(found.refused)) == (at.arrived, at.refused)


def run_of(case: Case, policy: str, workload: Workload, warm_up: float = 0.2) -> Run:
    horizon = float(workload.arrivals[-1]) + 0.1
    return Run(horizon=horizon, warm_up=warm_up, sets=case.sets, reserve=RULES[policy][1])


def simulated(case: Case, policy: str, workload: Workload, run: Run) -> Outcome:
    return engine.simulate(case.shape, case.n, RULES[policy][0], workload, run)


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "loop_of", lambda name: event_loop(POLICIES[name]))


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("policy", RULES)
def test_every_decision_and_every_integral_is_the_specifications(policy: str) -> None:
    refused = 0
    for seed in range(CASES):
        case = Case(seed)
        workload = case.workload(SESSIONS)
        run = run_of(case, policy, workload)
        found = simulated(case, policy, workload, run)
        agrees(found, replay(case, policy, workload, run, found))
        refused += sum(found.refused)
    assert refused > 50


@pytest.mark.slow
@pytest.mark.parametrize("policy", RULES)
def test_a_hundred_thousand_decisions_of_compiled_code_are_the_specifications(policy: str) -> None:
    decisions = 0
    for seed in range(100, 125):
        case = Case(seed, scale=1 + seed % 5)
        workload = case.workload(4_100)
        run = run_of(case, policy, workload)
        found = simulated(case, policy, workload, run)
        agrees(found, replay(case, policy, workload, run, found))
        decisions += len(workload.kinds)
    assert decisions >= 100_000
    assert engine.loop_of(RULES[policy][0]).signatures  # type: ignore[attr-defined]


@pytest.mark.usefixtures("uncompiled")
def test_prices_and_classes_are_met_that_differ() -> None:
    different = 0
    for seed in range(CASES):
        case = Case(seed)
        workload = case.workload(SESSIONS)
        pools = [simulated(case, policy, workload, run_of(case, policy, workload)).pools.tolist() for policy in RULES]
        different += len(set(map(tuple, pools))) == len(RULES)
    assert different >= 2


@pytest.mark.usefixtures("uncompiled")
def test_with_one_type_all_place_alike() -> None:
    case = Case(4)
    case.sets = everywhere(len(case.shape.classes))
    workload = case.workload(300)
    runs = (simulated(case, policy, workload, run_of(case, policy, workload, 0.0)) for policy in RULES)
    first, *others = (found.pools.tolist() for found in runs)
    assert others == [first, first]


def test_a_session_goes_to_one_of_the_frontiers_pools_by_its_draw() -> None:
    shape = FleetShape("flat", (PoolClass("one", TableUtility((Fraction(0), Fraction(1))), 1),), (1,))
    state = state_of([[0] * 4], shape.capacities)
    order, memory = dispatch_order(shape, shape.ranking, state), memory_of(shape, shape.ranking, 1, 1)
    assert [POLICIES[PRICED](state, order, memory, 0, draw) for draw in (0.99, 0.0, 0.5)] == [3, 0, 1]


def test_sessions_of_all_types_arrive_in_order_and_keep_their_ends() -> None:
    parts = [stationary(generator(3, t), 20.0, 5.0) for t in range(3)]
    workload = typed(generator(4), parts)
    assert workload.initial == 0
    assert (np.diff(workload.arrivals) >= 0).all()
    for t, part in enumerate(parts):
        own_ends = part.ends
        own_arrivals = [*[0.0] * part.initial, *part.arrivals]
        found = zip(workload.arrivals[workload.kinds == t], workload.ends[workload.kinds == t], strict=True)
        assert sorted(found) == sorted(zip(own_arrivals, own_ends, strict=True))
        assert (workload.arrivals[workload.kinds == t] == 0).sum() == part.initial
        assert workload.means(1.0, 3.0)[t] == pytest.approx(
            np.clip(np.minimum(own_ends, 3) - np.maximum(own_arrivals, 1), 0, None).sum() / 2
        )
    at_first = workload.kinds[workload.arrivals == 0]
    assert list(at_first) != sorted(at_first)


def test_the_bound_at_means_is_the_specifications() -> None:
    rng = np.random.default_rng(5)
    for seed in range(CASES):
        case = Case(seed)
        pools = case.shape.pools(case.n)
        present = rng.uniform(0, 6, (20, len(case.sets.classes))) * case.n / len(case.sets.classes)
        expected = [bound(case.sets, case.shape.ranking, pools, row).utility for row in present]
        assert bounds(case.sets, case.shape.ranking, pools, present) == pytest.approx(expected, rel=1e-9, abs=1e-9)
