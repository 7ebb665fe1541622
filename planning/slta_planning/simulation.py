"""Simulation of a fleet: each policy on the same arrivals, by the experiments' engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.gaps import Gaps
from slta.core.orders import PAPER
from slta.core.policies import POLICIES
from slta.core.ranking import Ranking
from slta.core.session_types.sets import TypeSets
from slta.core.utility import PoolClass
from slta_experiments.engine.simulate import POLICIES as ENGINE_POLICIES
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.workload import WARM_UP, generator, stationary

SIMULATED = {name: policy for name, policy in POLICIES.items() if policy.title in ENGINE_POLICIES}
"""Policies of fleet files that place sessions."""
SEEDS = 16
"""Runs; with so many the standard error of their mean is known to a fifth."""
MAX_SESSIONS = 20_000
"""Maximum of concurrent sessions in a run; a larger fleet is simulated in part."""
SESSION_TIMES = 100_000
"""Sessions times mean durations measured in a run, within 10 and 1,000 mean durations."""


class Measured(NamedTuple):
    """Mean over the seeds, and its standard error."""

    mean: float
    error: float


def measured(values: Sequence[float]) -> Measured:
    """Mean of two or more runs."""
    return Measured(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))))


def shape_of(classes: Sequence[PoolClass], pools: Sequence[int]) -> FleetShape:
    """Classes with pools."""
    present = [(c, count) for c, count in zip(classes, pools, strict=True) if count]
    return FleetShape("fleet", tuple(c for c, _ in present), tuple(count for _, count in present))


def sets_of(spec: FleetSpec, shape: FleetShape) -> TypeSets:
    """The session types of a fleet on some of its classes; without types there is one."""
    at = {c.name: i for i, c in enumerate(shape.classes)}
    names = spec.class_names()
    return TypeSets(tuple(tuple(at[names[c]] for c in own if names[c] in at) for own in spec.type_sets.classes))


def part_of(spec: FleetSpec, pools: Sequence[int], most: float) -> tuple[FleetShape, float]:
    """Classes with pools, and the simulated part of the fleet for at most `most` sessions."""
    part = min(1.0, MAX_SESSIONS / most) if most else 1.0
    shape = shape_of(spec.classes, [max(1, round(count * part)) if count else 0 for count in pools])
    return shape, sum(shape.shares) / sum(pools)


def simulated_runs(shape: FleetShape, spec: FleetSpec, title: str, load: float) -> Iterator[Gaps]:
    """A run per seed with Poisson arrivals, exponential durations and `load` sessions of the whole fleet."""
    order = order_of(shape, spec, title)
    end = WARM_UP + min(max(SESSION_TIMES / load, 10.0), 1000.0)
    for seed in range(SEEDS):
        workload = stationary(generator(13, seed, round(1000 * load)), load, end)
        yield simulate(shape, sum(shape.shares), title, workload, Run(horizon=end, beta=spec.beta, order=order)).gaps


def order_of(shape: FleetShape, spec: FleetSpec, title: str) -> Ranking:
    """The file's order of these classes, or the paper's if the policy does not accept it."""
    learns = any(policy.has_thresholds for policy in POLICIES.values() if policy.title == title)
    return shape.arranged(PAPER if learns and not spec.order.by_marginal else spec.order)
