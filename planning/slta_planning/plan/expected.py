"""Expected utility of a fleet at a load: the bound less the swing and placement gaps; and worth of one more pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, floor, isclose
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.stats import poisson

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum, pool_worth
from slta.core.policies import Policy
from slta.core.session_types.bound import gains
from slta_experiments.engine.tables import optimum_table
from slta_experiments.fleets import FleetShape
from slta_planning.expected_gap import (
    NotByMarginalError,
    TooLargeError,
    blocking,
    expected_placement_gap,
    slots_of,
    steps_of,
)
from slta_planning.simulation import Measured, measured, part_of, shape_of, simulated_runs


class Lost(NamedTuple):
    """Placement gap of the whole fleet: `predicted` from curves, pools and load, or else simulated.

    `steps` measures the work, in states of a prediction.
    """

    gap: float
    predicted: bool
    steps: int = 0


PlacementGap = Callable[[Sequence[int], float], Lost]
"""Placement gap by pools and sessions."""
ROUNDING = 1e-12
"""Relative rounding of utilities."""
SIMULATION_STEPS = 5_000_000
"""Work of a simulated gap, which takes some seconds."""


def no_loss(_pools: Sequence[int], _sessions: float) -> Lost:
    """Placement gap of the best placement."""
    return Lost(0.0, predicted=True)


class ExpectedFigures(NamedTuple):
    """Expected figures of a fleet at a load: time averages of the whole fleet.

    `bound` is U*(N, A) at the mean, `swing_gap` the cost of Poisson fluctuation under any placement, `refused` the
    fraction of refused sessions, `price` the marginal utility of one more session.
    """

    bound: float
    swing_gap: float
    lost: Lost
    refused: float
    price: float

    @property
    def placement_gap(self) -> float:
        """Placement gap."""
        return self.lost.gap

    @property
    def gap(self) -> float:
        """Both gaps."""
        return self.swing_gap + self.placement_gap

    @property
    def utility(self) -> float:
        """Bound less both gaps."""
        return self.bound - self.swing_gap - self.placement_gap

    @property
    def prices(self) -> tuple[float, ...]:
        """Utility of one session more."""
        return (self.price,)

    @property
    def steps(self) -> int:
        """Work of finding the placement gap."""
        return self.lost.steps


NOTHING = ExpectedFigures(0.0, 0.0, Lost(0.0, predicted=True), 0.0, 0.0)
"""Figures without sessions."""


def expected(spec: FleetSpec, pools: Sequence[int], sessions: float, lost: PlacementGap) -> ExpectedFigures:
    """Figures at a load within the capacity."""
    if not sessions:
        return NOTHING
    best = optimum(spec.optimal_ranking, pools, sessions)
    assert best is not None  # noqa: S101 - it has places, so it has pools
    shape = shape_of(spec.classes, pools)
    places = spec.places(pools)
    swing_gap = difference(best.utility, mean_optimum(shape, places, sessions))
    return ExpectedFigures(best.utility, swing_gap, lost(pools, sessions), blocking(sessions, places), best.price)


@dataclass(frozen=True)
class Expectation:
    """Source of figures for fleets without session types. At `places` few enough are refused at every load."""

    spec: FleetSpec
    lost: PlacementGap
    places: int
    max_rounds: ClassVar = 5
    check_steps: ClassVar = 2_000

    def figures(self, pools: Sequence[int], loads: Sequence[float], _floor: float | None) -> ExpectedFigures:
        """Figures of a fleet."""
        return expected(self.spec, pools, loads[0], self.lost)

    def may_earn(self, pools: Sequence[int], loads: Sequence[float], floor: float) -> bool:
        """Whether there is room, and the bound less the swing gap reaches the floor."""
        return self.spec.places(pools) >= self.places and expected(self.spec, pools, loads[0], no_loss).utility >= floor


def mean_optimum(shape: FleetShape, places: int, sessions: float) -> float:
    """E U*(N), N Poisson, truncated at `places`: the bound of any placement. O(sessions + ranks).

    Poisson arrivals with any durations have this distribution if sessions are refused only by a full fleet.
    """
    spread = 10 * sessions**0.5 + 30
    counts = np.arange(max(0, floor(sessions - spread)), min(places, ceil(sessions + spread)) + 1)
    weights = poisson.pmf(counts, sessions)
    table = optimum_table(shape, sum(shape.shares), int(counts[-1]))
    return float(weights @ table[counts] / weights.sum())


def placement_gap(spec: FleetSpec, policy: Policy) -> PlacementGap:
    """JLMU's predicted gap if it applies to this policy, else the simulated one."""

    def lost(pools: Sequence[int], sessions: float) -> Lost:
        if sum(count > 0 for count in pools) <= policy.predicted_classes:
            with suppress(NotByMarginalError, TooLargeError):
                gap = expected_placement_gap(spec.ranking, pools, sessions) * sum(pools)
                steps = steps_of(slots_of(spec.ranking, pools), sessions)
                return Lost(gap, predicted=True, steps=steps)
        shape, part = part_of(spec, pools, sessions)
        gaps = [run.placement_gap for run in simulated_runs(shape, spec, policy.title, sessions * part)]
        return Lost(float(np.mean(gaps)) * sum(pools), predicted=False, steps=SIMULATION_STEPS)

    return lost


def simulated_utility(
    spec: FleetSpec, policy: Policy, pools: Sequence[int], sessions: float, seen: ExpectedFigures
) -> Measured:
    """Simulated utility, corrected by `price` for the runs' own numbers of sessions."""
    shape = shape_of(spec.classes, pools)
    runs = list(simulated_runs(shape, spec, policy.title, sessions))
    n, arrived = sum(pools), sessions * (1 - seen.refused)
    return measured([n * run.utility_mean - seen.price * (n * run.mean_sessions_per_pool - arrived) for run in runs])


def difference(then: float, now: float) -> float:
    """What `then` is more than `now`; 0 if that is less than their rounding."""
    return 0.0 if isclose(then, now, rel_tol=ROUNDING) else then - now


class Worth(NamedTuple):
    """Means over the loads. `adds`: to the bound. `metric`: as in `slta_pool_worth`, at least that; None with types."""

    adds: float
    metric: float | None = None


def worths_of(spec: FleetSpec, pools: Sequence[int], loads: Sequence[Sequence[float]]) -> list[Worth]:
    """Worth of one more pool of each class, in utility of the whole fleet; `loads` are by session type."""
    adds = np.mean([gains(spec.type_sets, spec.optimal_ranking, pools, load)[1] for load in loads], axis=0).tolist()
    if spec.session_types:
        return list(map(Worth, adds))
    bests = [best for load in loads if (best := optimum(spec.optimal_ranking, pools, load[0]))]
    metrics = [float(np.mean([pool_worth(spec.ranking, i, best) for best in bests])) for i in range(len(pools))]
    return list(map(Worth, adds, metrics))
