"""Policy trial: simulate each policy on the same arrivals, choose one for the fleet and its loads, and explain it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta_experiments.fleets import FleetShape
from slta_planning.check.facts import Facts
from slta_planning.simulation import SEEDS, SIMULATED, Measured, measured, part_of, simulated_runs
from slta_planning.text import amount, columns, percent, wrapped

TRIED = tuple(sorted(SIMULATED, key=lambda name: not SIMULATED[name].has_thresholds))
"""Policies by the state they need: first two bits per pool, then its occupancy."""
NO_DIFFERENCE = 0.0005
"""Losses closer than this fraction of the bound count as equal."""


@dataclass(frozen=True)
class Trial:
    """Loss of each policy at each load on `pools` pools, as a fraction of the bound; `choice` is recommended."""

    pools: int
    loads: tuple[float, ...]
    lost: Mapping[str, tuple[Measured, ...]]
    choice: str

    def mean(self, policy: str) -> float:
        """Mean over the loads."""
        return float(np.mean([lost.mean for lost in self.lost[policy]]))


def trial_of(spec: FleetSpec, facts: Facts, ran: Callable[[int, int], None]) -> Trial:
    """Simulate Poisson arrivals and exponential durations at each feasible load; `ran` is called after each run."""
    loads = [at.sessions for at in facts.loads if 0 < at.sessions <= facts.capacity]
    shape, part = part_of(spec, facts.pools, max(loads, default=0.0))
    lost: dict[str, list[Measured]] = {name: [] for name in TRIED}
    for k, load in enumerate(loads):
        for j, name in enumerate(TRIED):
            lost[name].append(_lost(shape, spec, SIMULATED[name].title, load * part))
            ran(k * len(TRIED) + j + 1, len(loads) * len(TRIED))
    found = {name: tuple(rows) for name, rows in lost.items()}
    return Trial(
        sum(shape.shares), tuple(loads), found, _choice(found, spec.policy.name) if loads else spec.policy.name
    )


def _lost(shape: FleetShape, spec: FleetSpec, title: str, load: float) -> Measured:
    return measured([gaps.relative(gaps.placement_gap) or 0.0 for gaps in simulated_runs(shape, spec, title, load)])


def _choice(lost: Mapping[str, Sequence[Measured]], stated: str) -> str:
    """Stated policy, else the first of the table, whose loss equals the least up to noise and NO_DIFFERENCE."""
    means = {name: float(np.mean([one.mean for one in rows])) for name, rows in lost.items()}
    errors = {name: float(np.sqrt(sum(one.error**2 for one in rows)) / len(rows)) for name, rows in lost.items()}
    best = min(means, key=lambda name: means[name])
    good = [
        name
        for name, mean in means.items()
        if mean - means[best] <= max(NO_DIFFERENCE, 2 * (errors[name] + errors[best]))
    ]
    return stated if stated in good else good[0]


def advice(spec: FleetSpec, trial: Trial, pools: int) -> str:
    """A table of each policy's loss, and a recommendation."""
    if not trial.loads:
        return "no policy was tried: every load is 0 or above the fleet's capacity"
    part = "" if trial.pools == pools else f", on {trial.pools:,} of {pools:,} pools"
    rows = [["placement gap, % of the bound, at", *(f"{amount(load)} sessions" for load in trial.loads)]]
    rows += [[POLICIES[name].title, *(percent(one.mean) for one in lost)] for name, lost in trial.lost.items()]
    title = f"tried with Poisson arrivals and exponential durations, {SEEDS} runs each{part}"
    return "\n".join([*wrapped([title]), *columns(rows), *wrapped([_why(spec, trial)])])


def _why(spec: FleetSpec, trial: Trial) -> str:
    chosen = POLICIES[trial.choice].title
    means = ", ".join(f"{POLICIES[name].title} {percent(trial.mean(name))}" for name in trial.lost)
    said = (
        "as the file says"
        if trial.choice == spec.policy.name
        else f"the file says {spec.stated_policy or spec.policy.name}"
    )
    return f"take {chosen} ({said}), in the order of {spec.order.title}: on average {means}, and {_reason(trial)}"


def _reason(trial: Trial) -> str:
    best = min(trial.lost, key=trial.mean)
    if percent(max(map(trial.mean, trial.lost))) == percent(0.0):
        return "none loses anything"
    if best == trial.choice:
        return "it loses least"
    return f"what {POLICIES[best].title} would win is within {percent(NO_DIFFERENCE)} or the noise of these runs"
