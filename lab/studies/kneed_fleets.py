"""Typed fleets of classes with a knee, as JSON: random and adversarial ones, and those of `searched_fleets.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lab.studies.typed_fleets import Case, Demand
from slta.core.session_types.sets import TypeSets
from slta.core.utility import PoolClass, TableUtility
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import generator

SEARCHED = Path(__file__).with_name("searched_fleets.json")
BEYOND = Fraction(1, 20)
"""Part of the slope that a session adds beyond the knee."""
FEW, ADVERSARIAL = range(8, 24), 30


class Kneed(NamedTuple):
    """A class: u rises by slope · (1 − bend · (x − ½) / capacity) with session x up to the knee."""

    pools: int
    capacity: int
    slope: float
    knee: int
    bend: float

    def pool_class(self, name: str) -> PoolClass:
        """The class with its curve as a table."""
        slope, bend = Fraction(str(self.slope)), Fraction(str(self.bend))
        turn = [slope * (1 - bend * Fraction(2 * x - 1, 2 * self.capacity)) for x in range(1, self.knee + 1)]
        marginals = turn + [slope * BEYOND] * (self.capacity - self.knee)
        return PoolClass(name, TableUtility((Fraction(0), *accumulate(marginals))), self.capacity)


class KneedFleet(NamedTuple):
    """Classes, the classes of each type, and its offered sessions per pool of the fleet."""

    name: str
    classes: tuple[Kneed, ...]
    sets: tuple[tuple[int, ...], ...]
    loads: tuple[float, ...]

    @property
    def pools(self) -> int:
        """n."""
        return sum(c.pools for c in self.classes)

    def case(self, fleet: str, times: int = 1, key: tuple[int, ...] = (15,)) -> Case:
        """The case with so many times the pools."""
        classes = tuple(c.pool_class(str(number)) for number, c in enumerate(self.classes))
        shape = FleetShape(self.name, classes, tuple(c.pools for c in self.classes))
        sets, demand = TypeSets(self.sets), Demand(self.loads, swinging=False)
        return Case(fleet, self.name, shape, sets, demand, times * self.pools, is_full=True, key=key)


def searched_fleets() -> list[KneedFleet]:
    """The fleets that searches found, and the readable one; the last is that of the reserve."""
    return [
        KneedFleet(name, tuple(Kneed(*c) for c in classes), tuple(map(tuple, sets)), tuple(loads))
        for name, classes, sets, loads in json.loads(SEARCHED.read_text(encoding="utf-8"))
    ]


def drawn(rng: np.random.Generator, name: str, n: int, sets: Sequence[Sequence[int]] | None = None) -> KneedFleet:
    """A random fleet of about n pools at .3 to 1.1 times its places, or with these sets of classes."""
    m = int(rng.integers(2, 5)) if sets is None else 1 + max(map(max, sets))
    shares = rng.dirichlet(np.full(m, 2.0))
    classes = tuple(kneed(rng, max(1, round(n * share))) for share in shares)
    count = int(rng.integers(2, 5)) if sets is None else len(sets)
    own = sets or [sorted(rng.choice(m, int(rng.integers(1, m + 1)), replace=False).tolist()) for _ in range(count)]
    places, pools = sum(c.pools * c.capacity for c in classes), sum(c.pools for c in classes)
    fraction = rng.uniform(0.3, 1.1) if sets is None else rng.uniform(0.75, 1.1)
    loads = fraction * places / pools * rng.dirichlet(np.ones(count))
    return KneedFleet(name, classes, tuple(map(tuple, own)), tuple(round(float(load), 4) for load in loads))


def kneed(rng: np.random.Generator, pools: int) -> Kneed:
    """A random class."""
    capacity = int(rng.integers(3, 21))
    bend = float(rng.choice([0.0, 0.0, 0.3, 0.7]))
    return Kneed(pools, capacity, round(float(rng.uniform(0.2, 3.0)), 4), int(rng.integers(1, capacity + 1)), bend)


def small_fleets(count: int) -> Iterator[Case]:
    """Random fleets with fewer than 24 pools."""
    number = 0
    while count > 0:
        fleet = drawn(generator(16, number), f"small.{number}", 16)
        number += 1
        if fleet.pools in FEW and len(set(fleet.sets)) > 1:
            count -= 1
            yield fleet.case("small", key=(17, number))


def adversarial(number: int, n: int) -> Case:
    """One of thirty mixes that are hard for a rule, six of each kind; linear classes, 75 to 110 % of the places."""
    rng = generator(18, number)
    every = range(int(rng.integers(3, 6)))
    mixes: list[tuple[str, Sequence[Sequence[int]]]] = [
        ("nested", [every[: c + 1] for c in every]),
        ("chain", [every[c : c + 2] for c in every[:-1]]),
        ("all but one", [[c for c in every if c != left_out] for left_out in every]),
        ("disjoint", [[c] for c in every]),
        ("rare", [[0], every]),
    ]
    kind, sets = mixes[number % len(mixes)]
    fleet = drawn(rng, f"{kind}.{number // len(mixes)}", n, sets)
    classes = tuple(sorted((c._replace(knee=c.capacity, bend=0.0) for c in fleet.classes), key=lambda c: -c.slope))
    loads = (0.01 * sum(fleet.loads), 0.99 * sum(fleet.loads)) if kind == "rare" else fleet.loads
    return fleet._replace(classes=classes, loads=loads).case("adversarial", key=(19, number))
