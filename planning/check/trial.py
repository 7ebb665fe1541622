"""Which policy suits a fleet and its loads: each of them on the same arrivals, by the experiments' engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from experiments.engine.simulate import Run, simulate
from experiments.fleets import FleetShape
from experiments.workload import WARM_UP, generator, stationary
from planning.check.facts import Facts
from service.core.fleet import FleetSpec
from service.core.policies import POLICIES

TRIED = tuple(sorted(POLICIES, key=lambda name: not POLICIES[name].has_thresholds))
"""The policies: first those that need two bits of each pool, last those that need its occupancy."""
SEEDS = 4
MOST_SESSIONS = 20_000
"""Sessions at once in a run: a larger fleet is played by a part of it."""
SESSION_TIMES = 200_000
"""Sessions times mean durations that a run measures, within 20 and 1,000 mean durations."""
NO_DIFFERENCE = 0.0005
"""Less than this share of the bound is not worth a policy that must know more."""


class Lost(NamedTuple):
    """The placement gap as a fraction of the bound, over the seeds: its mean and the mean's standard error."""

    mean: float
    error: float


@dataclass(frozen=True)
class Trial:
    """What each policy lost at each load on `pools` pools; `choice` is the one to take."""

    pools: int
    loads: tuple[float, ...]
    lost: Mapping[str, tuple[Lost, ...]]
    choice: str

    def mean(self, policy: str) -> float:
        """Over the loads."""
        return float(np.mean([lost.mean for lost in self.lost[policy]]))


def trial_of(spec: FleetSpec, facts: Facts, ran: Callable[[int, int], None]) -> Trial:
    """Poisson arrivals and exponential durations at each load that the fleet can hold; `ran` hears of each run."""
    loads = [at.sessions for at in facts.loads if 0 < at.sessions <= facts.capacity]
    shape, part = _shape(spec, facts, max(loads, default=0.0))
    lost: dict[str, list[Lost]] = {name: [] for name in TRIED}
    for k, load in enumerate(loads):
        for j, name in enumerate(TRIED):
            lost[name].append(_lost(shape, spec, POLICIES[name].title, load * part))
            ran(k * len(TRIED) + j + 1, len(loads) * len(TRIED))
    found = {name: tuple(rows) for name, rows in lost.items()}
    return Trial(sum(shape.shares), tuple(loads), found, _choice(found) if loads else spec.policy.name)


def _shape(spec: FleetSpec, facts: Facts, most: float) -> tuple[FleetShape, float]:
    """The classes with pools, and the part of the fleet that is played."""
    part = min(1.0, MOST_SESSIONS / most) if most else 1.0
    present = [(c, max(1, round(p * part))) for c, p in zip(spec.classes, facts.pools, strict=True) if p]
    shape = FleetShape("fleet", tuple(c for c, _ in present), tuple(count for _, count in present))
    return shape, sum(shape.shares) / sum(facts.pools)


def _lost(shape: FleetShape, spec: FleetSpec, title: str, load: float) -> Lost:
    end = WARM_UP + min(max(SESSION_TIMES / load, 20.0), 1000.0)
    found = []
    for seed in range(SEEDS):
        workload = stationary(generator(13, seed, round(1000 * load)), load, end)
        gaps = simulate(shape, sum(shape.shares), title, workload, Run(horizon=end, beta=spec.beta)).gaps
        found.append(gaps.relative(gaps.placement_gap) or 0.0)
    return Lost(float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(SEEDS)))


def _choice(lost: Mapping[str, Sequence[Lost]]) -> str:
    """The first policy of the table that loses no more than the best but for noise and what is no difference."""
    means = {name: float(np.mean([one.mean for one in rows])) for name, rows in lost.items()}
    errors = {name: float(np.sqrt(sum(one.error**2 for one in rows)) / len(rows)) for name, rows in lost.items()}
    best = min(means, key=lambda name: means[name])
    return next(
        name
        for name, mean in means.items()
        if mean - means[best] <= max(NO_DIFFERENCE, 2 * (errors[name] + errors[best]))
    )
