"""Simulated figures of a fleet at the loads of its session types: Poisson arrivals, exponential durations, JLMU.

Runs are added until every figure that is held against a limit is two standard errors from it, or known so well that the
difference does not matter, or enough sessions are simulated. The seeds are 0, 1, 2, … for every fleet, so fleets are
compared on the same sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.policies.choice import NOTHING
from slta.core.session_types.bound import ROUNDING, bound
from slta.core.session_types.sets import everywhere
from slta_experiments.engine.simulate import PRICED, simulate
from slta_experiments.engine.simulate import Run as EngineRun
from slta_experiments.engine.tables import Ids
from slta_experiments.workload import WARM_UP, Floats, Workload, generator, stationary, typed
from slta_planning.plan.expected import difference
from slta_planning.simulation import Measured, measured, order_of, sets_of, shape_of

LEAST_RUNS, MOST_RUNS = 8, 64
KEPT = 16
"""Workloads in memory, some 10 MB each at most."""
RUN_SESSIONS = 25_000
"""Sessions measured in a run, within 10 and 10,000 mean durations."""
MOST_SESSIONS = 2_000_000
"""No further run is added beyond so many sessions."""
FAR = 2.0
"""Standard errors from a limit at which a figure is decided."""
FINE_UTILITY, FINE_REFUSED = 1e-4, 0.1
"""Standard errors relative to the limit that need no further runs."""
STEP = 1e-3
"""Relative change of a load by which its price is found."""


class TypeFigures(NamedTuple):
    """Of one type: offered sessions, share of them refused, mean sessions by class, utility of one session more."""

    offered: float
    refused: Measured
    sessions: tuple[float, ...]
    price: float


class SimulatedFigures(NamedTuple):
    """Figures of a fleet at one load of each type: time averages of the whole fleet.

    `bound` is U*(N_1 … N_T, A) at the offered loads, `compatibility_gap` how much more U*(N, A) is; `measured` the
    simulated utility in `runs` runs with `sessions` sessions in all.
    """

    bound: float
    compatibility_gap: float
    measured: Measured
    types: tuple[TypeFigures, ...]
    runs: int
    sessions: int

    @property
    def steps(self) -> int:
        """Work of the simulation, in events."""
        return 2 * self.sessions

    @property
    def utility(self) -> float:
        """Simulated utility."""
        return self.measured.mean

    @property
    def gap(self) -> float:
        """What swings, placement and refusals cost."""
        return self.bound - self.utility

    @property
    def prices(self) -> tuple[float, ...]:
        """Utility of one session more of each type."""
        return tuple(found.price for found in self.types)

    @property
    def refused(self) -> float:
        """Largest share of refused sessions of a type."""
        return max((found.refused.mean for found in self.types), default=0.0)


NO_FIGURES = SimulatedFigures(0.0, 0.0, Measured(0.0, 0.0), (), 0, 0)
"""Figures without sessions."""


@dataclass(frozen=True)
class Limits:
    """What figures are held against: least utility, None without a floor, and largest share refused of each type.

    After `runs` runs the means decide.
    """

    floor: float | None
    refused: float
    runs: int = MOST_RUNS


@dataclass(frozen=True)
class Run:
    """One run: utility at the offered loads, share refused of each type, and mean sessions `held[t, c]`."""

    utility: float
    refused: Floats
    held: Floats
    sessions: int


def simulated(spec: FleetSpec, pools: Sequence[int], loads: Sequence[float], limits: Limits) -> SimulatedFigures:
    """Simulate a fleet that has room for these loads, one or more sessions in all."""
    best, prices = bounds_of(spec, pools, loads)
    free = bound(everywhere(len(pools)), spec.bound_ranking, pools, [sum(loads)]).utility
    times = min(max(RUN_SESSIONS / sum(loads), 10.0), 10_000.0)
    shape = shape_of(spec.classes, pools)
    order = order_of(shape, spec, PRICED)
    setting = EngineRun(horizon=WARM_UP + times, order=order, sets=sets_of(spec, shape), reserve=spec.reserve)
    runs = list[Run]()
    for run in _runs(spec, pools, loads, setting):
        runs.append(run)
        if len(runs) >= LEAST_RUNS and _is_enough(runs, loads, times, limits):
            break
    shares = refused_of(runs)
    held = np.mean([run.held for run in runs], axis=0)
    found = zip(loads, shares, held, prices, strict=True)
    types = tuple(TypeFigures(n, share, tuple(map(float, row)), price) for n, share, row, price in found)
    utility = measured([run.utility for run in runs])
    return SimulatedFigures(best, difference(free, best), utility, types, len(runs), sum(run.sessions for run in runs))


@dataclass(frozen=True)
class Simulation:
    """Source of figures for fleets with session types. `refused` is the largest share of each that may be refused."""

    spec: FleetSpec
    refused: float
    max_rounds: ClassVar = 12
    """Most searches take two to five."""
    check_steps: ClassVar = 1_000

    def figures(
        self, pools: Sequence[int], loads: Sequence[float], floor: float | None, runs: int = MOST_RUNS
    ) -> SimulatedFigures:
        """Figures of a fleet."""
        return simulated(self.spec, pools, loads, Limits(floor, self.refused, runs)) if any(loads) else NO_FIGURES

    def may_earn(self, pools: Sequence[int], loads: Sequence[float], floor: float) -> bool:
        """Whether the fleet has room for the loads, and its bound reaches the floor."""
        best = bound(self.spec.type_sets, self.spec.bound_ranking, pools, loads)
        return best.refused <= ROUNDING * sum(loads) and best.utility >= floor


def bounds_of(spec: FleetSpec, pools: Sequence[int], loads: Sequence[float]) -> tuple[float, list[float]]:
    """U*(N_1 … N_T, A), and what one session more of each type adds to it."""

    def best(sessions: Sequence[float]) -> float:
        return bound(spec.type_sets, spec.bound_ranking, pools, sessions).utility

    now, prices = best(loads), []
    for kind, load in enumerate(loads):
        step = STEP * load or STEP
        prices.append((best([n + step * (k == kind) for k, n in enumerate(loads)]) - now) / step)
    return now, prices


def refused_of(runs: Sequence[Run]) -> list[Measured]:
    """Share refused of each type."""
    return [measured([float(share) for share in column]) for column in np.array([run.refused for run in runs]).T]


def _is_enough(runs: Sequence[Run], loads: Sequence[float], span: float, limits: Limits) -> bool:
    """Whether every figure is decided, or the work done."""
    if len(runs) >= limits.runs or sum(run.sessions for run in runs) >= MOST_SESSIONS:
        return True
    utility = measured([run.utility for run in runs])
    if limits.floor is not None and not _is_decided(utility, limits.floor, FINE_UTILITY * abs(limits.floor)):
        return False
    seconds = len(runs) * span
    return all(
        _is_decided(_cautious(share, limits.refused, load * seconds), limits.refused, FINE_REFUSED * limits.refused)
        for share, load in zip(refused_of(runs), loads, strict=True)
        if load
    )


def _is_decided(seen: Measured, limit: float, fine: float) -> bool:
    return abs(seen.mean - limit) >= FAR * seen.error or seen.error <= fine


def _cautious(share: Measured, limit: float, sessions: float) -> Measured:
    """A share with at least the error of a share at the limit whose refusals are independent."""
    return Measured(share.mean, max(share.error, (limit / sessions) ** 0.5))


def _runs(spec: FleetSpec, pools: Sequence[int], loads: Sequence[float], run: EngineRun) -> Iterator[Run]:
    """One run per seed, corrected by the prices for its own numbers of sessions, whose expectations are the loads."""
    shape, at, (_, prices) = shape_of(spec.classes, pools), np.array(loads), bounds_of(spec, pools, loads)
    for seed in range(MOST_RUNS):
        workload = workload_of(tuple(loads), run.horizon, seed)
        found = simulate(shape, sum(pools), PRICED, workload, run)
        offered = np.array(workload.means(run.warm_up, run.horizon), dtype=float)
        offered.resize(len(at))
        utility = found.gaps.utility_mean * sum(pools) - float(np.dot(prices, offered - at))
        refused = np.array(found.refused) / np.where(at, at * run.span, 1.0)
        held = _held(workload, found.pools, np.repeat(np.arange(len(pools)), pools), run, (len(at), len(pools)))
        yield Run(utility, refused, held, len(workload.kinds))


def _held(workload: Workload, pools: Ids, classes: Ids, run: EngineRun, shape: tuple[int, int]) -> Floats:
    """Mean sessions by type and class of the fleet file; `classes` are of the pools."""
    times = np.minimum(workload.ends, run.horizon) - np.maximum(workload.arrivals, run.warm_up)
    there = (pools != NOTHING) & (times > 0)
    cells = np.ravel_multi_index((workload.kinds[there], classes[pools[there]]), shape)
    return np.bincount(cells, weights=times[there], minlength=shape[0] * shape[1]).reshape(shape) / run.span


@lru_cache(maxsize=KEPT)
def workload_of(loads: tuple[float, ...], horizon: float, seed: int) -> Workload:
    """The sessions of one run, the same for every fleet."""
    keys = [round(1000 * load) for load in loads]
    parts = [
        stationary(generator(15, seed, kind, key), load, horizon)
        for kind, (load, key) in enumerate(zip(loads, keys, strict=True))
    ]
    return typed(generator(15, seed, len(loads), *keys), parts)
