"""Fleets, session types and loads of the study `session-types`: three designed fleets, and random ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from slta.core.session_types.bound import bound
from slta.core.session_types.sets import TypeSets
from slta.core.utility import CappedLinearUtility, LinearUtility, LogShareUtility, PoolClass, QuadraticUtility, Utility
from slta_experiments.engine.simulate import Outcome, Run, simulate
from slta_experiments.fleets import FleetShape, log_share
from slta_experiments.workload import Floats, Workload, generator, typed, varying

PERIOD = 12.0
"""Of a swinging load, in mean holding times."""
SWING = 0.5
SWINGING_SHARE = 0.8
"""A swinging load is around this part of the steady one."""


class Rule(NamedTuple):
    """A policy of the engine that obeys types, and ρ."""

    policy: str
    reserve: float = 0.0


@dataclass(frozen=True)
class Demand:
    """Offered sessions of each type per pool of the fleet, steady or swinging in turn."""

    loads: tuple[float, ...]
    swinging: bool

    def phase(self, kind: int, times: Floats) -> Floats:
        """The sine's argument for a type."""
        return 2 * np.pi * (times / PERIOD + kind / len(self.loads))

    def rate(self, kind: int, times: Floats) -> Floats:
        """Arrivals of a type per pool and mean holding time."""
        load = self.loads[kind]
        if not self.swinging:
            return np.full(len(times), load)
        return SWINGING_SHARE * load * (1 + SWING * np.sin(self.phase(kind, times)))

    def most(self, kind: int) -> float:
        """Largest rate of a type."""
        return self.loads[kind] * (SWINGING_SHARE * (1 + SWING) if self.swinging else 1.0)


@dataclass(frozen=True)
class Case:
    """A fleet of n pools with session types and a load. `key` distinguishes its draws from those of others."""

    fleet: str
    graph: str
    shape: FleetShape
    sets: TypeSets
    demand: Demand
    n: int
    is_full: bool
    key: tuple[int, ...]

    def workload(self, seed: int, horizon: float) -> Workload:
        """The sessions of one run."""
        parts = [self.sessions(kind, seed, horizon) for kind in range(len(self.demand.loads))]
        return typed(generator(*self.key, self.n, seed, len(parts)), parts)

    def sessions(self, kind: int, seed: int, horizon: float) -> Workload:
        """Those of one type."""
        rng, demand = generator(*self.key, self.n, seed, kind), self.demand

        def load_at(times: Floats) -> Floats:
            return self.n * demand.rate(kind, times)

        return varying(rng, load_at, self.n * demand.most(kind), horizon)

    def simulated(self, rule: Rule, workload: Workload, warm_up: float, horizon: float) -> Outcome:
        """A run of the engine."""
        run = Run(horizon=horizon, warm_up=warm_up, sets=self.sets, reserve=rule.reserve)
        return simulate(self.shape, self.n, rule.policy, workload, run)

    def bound_at(self, sessions: Sequence[float]) -> float:
        """U* per pool at these sessions of each type in the whole fleet; those without room are left out."""
        return bound(self.sets, self.shape.ranking, self.shape.pools(self.n), sessions).utility / self.n


def linear(slope: str, capacity: int = 60) -> PoolClass:
    return PoolClass(f"{slope} x", LinearUtility(Fraction(slope)), capacity)


def capped(slope: str, cap: int) -> PoolClass:
    return PoolClass(f"{slope} min(x, {cap})", CappedLinearUtility(Fraction(slope), Fraction(cap)), 60)


FULL = (
    linear("1.5", 12),
    linear("1", 14),
    PoolClass("2 x − x²/20", QuadraticUtility(Fraction(2), Fraction(-1, 20)), 10),
    linear("0.5", 20),
)
SHAPES = (
    log_share("log", (20, 30, 15, 25), (1,) * 4, 60),
    FleetShape("capped", (capped("1.5", 12), capped("1", 16), capped("2", 8), linear("0.5")), (1,) * 4),
    FleetShape("full", FULL, (1,) * 4),
)
GRAPHS: Mapping[str, TypeSets] = {
    "nested": TypeSets(((0,), (0, 1), (0, 1, 2, 3))),
    "crossing": TypeSets(((0, 1), (1, 2), (2, 3))),
    "N": TypeSets(((0,), (3,), (0, 1, 2, 3))),
}
KINKED_LOADS = ((1.5, 2.0, 4.0), (2.5, 2.5, 3.0), (2.9, 3.5, 2.0))
LOADS: Mapping[str, tuple[tuple[float, ...], ...]] = {
    "log": ((2.0, 3.0, 5.0), (3.0, 3.0, 3.0), (4.5, 3.5, 1.5)),
    "capped": KINKED_LOADS,
    "full": KINKED_LOADS,
}


def designed(n: int) -> Iterator[Case]:
    """The 54 cells with n pools: three fleets, steady and swinging, three graphs, three loads."""
    for f, shape in enumerate(SHAPES):
        for swinging in (False, True):
            for g, (graph, sets) in enumerate(GRAPHS.items()):
                for k, loads in enumerate(LOADS[shape.name]):
                    key = (12, f, g, k, int(swinging))
                    yield Case(shape.name, graph, shape, sets, Demand(loads, swinging), n, shape.name == "full", key)


RANDOM_FLEETS = 48
LEAST_POOLS, MOST_POOLS = 23, 300


def random_case(number: int) -> Case:
    """Random fleet; every third is full, every second one's load swings."""
    rng = generator(13, number)
    is_full = number % 3 == 2
    m = int(rng.integers(3, 7))
    n = math.exp(rng.uniform(math.log(LEAST_POOLS), math.log(MOST_POOLS)))
    weights = rng.uniform(0.5, 2.0, m)
    pools = tuple(max(1, round(n * float(w / weights.sum()))) for w in weights)
    classes, usual = zip(*(full_class(rng) if is_full else open_class(rng) for _ in pools), strict=True)
    sets = random_sets(rng, m)
    worth = [a * u for a, u in zip(pools, usual, strict=True)]
    total = sum(worth[c] for c in frozenset().union(*sets.members)) / sum(pools)
    shares = [rng.uniform(0.5, 1.5) * sum(worth[c] for c in own) for own in sets.classes]
    fraction = rng.uniform(0.8, 1.1) if is_full else rng.uniform(0.5, 1.0)
    loads = tuple(round(float(fraction * total * share / sum(shares)), 3) for share in shares)
    shape = FleetShape(f"random {number}", classes, pools)
    return Case("random", str(number), shape, sets, Demand(loads, number % 2 == 1), sum(pools), is_full, (14, number))


def random_sets(rng: np.random.Generator, m: int) -> TypeSets:
    """Two to five random sets of classes, not all equal."""
    while True:
        drawn = [np.flatnonzero(rng.random(m) < 0.5) for _ in range(int(rng.integers(2, 6)))]
        sets = [tuple(int(c) for c in own) for own in drawn]
        if all(sets) and len(set(sets)) > 1:
            return TypeSets(tuple(sets))


def open_class(rng: np.random.Generator) -> tuple[PoolClass, float]:
    """A class that never fills, and the sessions of a pool at a usual load."""
    slope = Fraction(int(rng.integers(5, 31)), 10)
    kind, turn = rng.choice(["log", "capped", "quadratic", "linear"]), int(rng.integers(6, 25))
    curves: Mapping[str, tuple[Utility, float]] = {
        "log": (LogShareUtility(Fraction(2 * turn)), 2 * turn / math.e),
        "capped": (CappedLinearUtility(slope, Fraction(turn)), turn),
        "quadratic": (QuadraticUtility(slope, -slope / (4 * turn)), turn),
        "linear": (LinearUtility(slope / 3), 8.0),
    }
    utility, usual = curves[str(kind)]
    return PoolClass(str(kind), utility, 60), usual


def full_class(rng: np.random.Generator) -> tuple[PoolClass, float]:
    """A class whose pools fill, worth something up to the last place, and its capacity."""
    slope = Fraction(int(rng.integers(5, 31)), 10)
    kind, capacity = rng.choice(["log", "quadratic", "linear"]), int(rng.integers(6, 21))
    curves: Mapping[str, Utility] = {
        "log": LogShareUtility(Fraction(4 * capacity)),
        "quadratic": QuadraticUtility(slope, -slope / (4 * capacity)),
        "linear": LinearUtility(slope),
    }
    return PoolClass(str(kind), curves[str(kind)], capacity), float(capacity)
