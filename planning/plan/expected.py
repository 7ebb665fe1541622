"""What a fleet is expected to earn at a load: the bound, less what swings and placement lose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import ceil, floor
from typing import NamedTuple

import numpy as np
from scipy.stats import poisson

from experiments.engine.simulate import optimum_table
from experiments.fleets import FleetShape
from planning.plan.market import blocking
from planning.playing import Measured, measured, part_of, play, shape_of
from service.core.fleet import FleetSpec
from service.core.optimum import optimum
from service.core.policies import Policy
from service.core.prediction import NotByMarginal, TooLarge, expected_placement_gap


class Lost(NamedTuple):
    """What placement loses, of the whole fleet; `predicted` from curves, pools and load, else as the engine has it."""

    gap: float
    predicted: bool


PlacementGap = Callable[[Sequence[int], float], Lost]
"""By a fleet's pools and its sessions."""


class Expected(NamedTuple):
    """A fleet at a load: utilities of the whole fleet, on average over time.

    `bound` is U*(N, A) at the mean, `swing_gap` what the swings of Poisson arrivals cost any placement, `refused` the
    share of sessions that find all places taken, `price` what one more session would add.
    """

    bound: float
    swing_gap: float
    lost: Lost
    refused: float
    price: float

    @property
    def placement_gap(self) -> float:
        """What placement loses."""
        return self.lost.gap

    @property
    def utility(self) -> float:
        """The bound less both gaps."""
        return self.bound - self.swing_gap - self.placement_gap


NOTHING = Expected(0.0, 0.0, Lost(0.0, predicted=True), 0.0, 0.0)
"""Without sessions."""


def expected(spec: FleetSpec, pools: Sequence[int], sessions: float, lost: PlacementGap) -> Expected:
    """At a load that the fleet has places for."""
    if not sessions:
        return NOTHING
    best = optimum(spec.ranking, pools, sessions)
    assert best is not None  # noqa: S101 - it has places, so it has pools
    shape = shape_of(spec.classes, pools)
    places = sum(count * c.capacity for count, c in zip(pools, spec.classes, strict=True))
    swing_gap = best.utility - mean_optimum(shape, places, sessions)
    return Expected(best.utility, swing_gap, lost(pools, sessions), blocking(sessions, places), best.price)


def mean_optimum(shape: FleetShape, places: int, sessions: float) -> float:
    """E U*(N) where N is Poisson, but never above `places`: what no placement exceeds. O(sessions + ranks).

    For Poisson arrivals and any durations the sessions of a fleet that only refuses when it is full are so.
    """
    spread = 10 * sessions**0.5 + 30
    counts = np.arange(max(0, floor(sessions - spread)), min(places, ceil(sessions + spread)) + 1)
    weights = poisson.pmf(counts, sessions)
    table = optimum_table(shape, sum(shape.shares), int(counts[-1]))
    return float(weights @ table[counts] / weights.sum())


def placement_gap(spec: FleetSpec, policy: Policy) -> PlacementGap:
    """JLMU's expected gap where it is offered as this policy's own, else what the experiments' engine measures."""

    def lost(pools: Sequence[int], sessions: float) -> Lost:
        if sum(count > 0 for count in pools) <= policy.predicted_classes:
            with suppress(NotByMarginal, TooLarge):
                return Lost(expected_placement_gap(spec.ranking, pools, sessions) * sum(pools), predicted=True)
        shape, part = part_of(spec, pools, sessions)
        gaps = [run.placement_gap for run in play(shape, spec, policy.title, sessions * part)]
        return Lost(float(np.mean(gaps)) * sum(pools), predicted=False)

    return lost


def played_utility(spec: FleetSpec, policy: Policy, pools: Sequence[int], sessions: float, seen: Expected) -> Measured:
    """What the fleet earns in virtual time, corrected for the runs' own numbers of sessions by the price of one."""
    shape = shape_of(spec.classes, pools)
    runs = list(play(shape, spec, policy.title, sessions))
    n, arrived = sum(pools), sessions * (1 - seen.refused)
    return measured([n * run.utility_mean - seen.price * (n * run.mean_sessions_per_pool - arrived) for run in runs])
