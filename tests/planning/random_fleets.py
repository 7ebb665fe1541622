"""Random small fleets for `slta plan`, the same for a seed, all of whose mixes can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import PoolClass, Utility
from tests.core.curves import alpha_fair, capped, linear, log_share, quadratic, table


@dataclass(frozen=True)
class Drawn:
    """A fleet, and what is asked of it: `floor` is a share of the most that a session can add."""

    spec: FleetSpec
    costs: tuple[float, ...]
    loads: tuple[float, ...]
    floor: float
    refused: float


def drawn(seed: int, *, typed: bool) -> Drawn:
    """1 to 3 classes of 2 to 8 places; with types `default` without load, and two types on some of the classes."""
    draws = np.random.default_rng([seed, typed])
    count = int(draws.integers(1 + typed, 4))
    sizes = [int(size) for size in draws.integers(2, 9, count)]
    classes = tuple(PoolClass(f"c{i}", _curve(draws, size), size) for i, size in enumerate(sizes))
    spec = FleetSpec(classes, policy=POLICIES["jlmu"])
    load = float(draws.uniform(1.5, 18))
    loads: tuple[float, ...] = (round(load, 2),)
    if typed:
        share = draws.uniform(0.1, 0.9)
        loads = (0.0, round(share * load, 2), round((1 - share) * load, 2))
        spec = replace(spec, session_types={f"t{k}": _some(draws, spec.class_names()) for k in range(2)})
    costs = tuple(float(cost) for cost in draws.uniform(1, 9, count).round(2))
    return Drawn(spec, costs, loads, float(draws.uniform(0.3, 0.9)), float(10 ** draws.uniform(-3, np.log10(0.5))))


def _some(draws: np.random.Generator, names: Sequence[str]) -> list[str]:
    inside = draws.random(len(names)) < 0.6
    inside[draws.integers(len(names))] = True
    return [name for name, use in zip(names, inside, strict=True) if use]


def _curve(draws: np.random.Generator, size: int) -> Utility:
    """A table, which may fall in the end, half of the time; else another curve."""
    top = round(float(draws.uniform(1, 9)), 2)
    if draws.random() < 0.5:
        marginals = np.sort(draws.uniform(-0.3 * top, top, size))[::-1]
        sums = accumulate(Fraction(round(1000 * value), 1000) for value in marginals)
        return table(0, *sums)
    curves = (
        lambda: linear(f"{top}"),
        lambda: quadratic(f"{top}", f"{-round(top / size * float(draws.uniform(0.2, 0.7)), 3)}"),
        lambda: capped(f"{top}", int(draws.integers(1, size + 1))),
        lambda: log_share(f"{round(size * float(draws.uniform(0.8, 4)), 2)}"),
        lambda: alpha_fair(f"{top}", "0.5"),
    )
    return curves[int(draws.integers(len(curves)))]()
