"""The gap that is to be expected, beside simulated ones."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from slta.core.utility import LogShareUtility, PoolClass
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FIGURE_3_RIGHT, SIX_CAPPED, SIX_QUADRATIC, TABLE_1, FleetShape
from slta_experiments.workload import generator, stationary
from slta_planning.expected_gap import expected_placement_gap, offered_load
from tests.core.curves import falling

SEEDS, HORIZON = 8, 130.0


@pytest.mark.parametrize(
    ("shape", "n", "load", "within"),
    [
        (TABLE_1, 50, 9.75, 0.03),
        (FIGURE_3_RIGHT, 100, 8.0, 0.07),
        (SIX_CAPPED, 24, 6.0, 0.03),
        (SIX_QUADRATIC, 24, 6.0, 0.03),
    ],
)
def test_it_is_near_the_simulated_gap(shape: FleetShape, n: int, load: float, within: float) -> None:
    """Within the error that docs/paper.md states of such fleets, and three standard errors of the simulation."""
    workloads = [stationary(generator(71, seed, n), n * load, HORIZON) for seed in range(SEEDS)]
    seen = [simulate(shape, n, "JLMU", workload, Run(horizon=HORIZON)).gaps.placement_gap for workload in workloads]
    expected = expected_placement_gap(shape.ranking, shape.pools(n), n * load)
    error = float(np.std(seen, ddof=1)) / math.sqrt(SEEDS)
    assert abs(expected - np.mean(seen)) < within * np.mean(seen) + 3 * error


def full_of(*capacities: int) -> FleetShape:
    """Two classes with logarithmic curves and these capacities."""
    classes = (PoolClass(f"{r}", LogShareUtility(Fraction(r)), c) for r, c in zip((20, 30), capacities, strict=True))
    return FleetShape("full", tuple(classes), (1, 1))


KINKS = (PoolClass("a", falling([3] * 4 + [1] * 4), 8), PoolClass("b", falling([2] * 5 + [0] * 5), 10))
KINKED = FleetShape("kinked", (*KINKS, PoolClass("c", falling([5, 3, 2, 1]), 4)), (1, 1, 1))


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.85, 0.95, 1.0, 1.05, 1.1])
@pytest.mark.parametrize(
    ("shape", "n"), [(full_of(8, 12), 20), (full_of(8, 12), 60), (full_of(4, 15), 100), (KINKED, 24)]
)
def test_it_is_near_for_a_nearly_full_fleet_at_its_offered_load(shape: FleetShape, n: int, part: float) -> None:
    """Up to 12 % are refused; the mean number of sessions present is all that is known."""
    places = sum(count * c.capacity for count, c in zip(shape.pools(n), shape.classes, strict=True))
    workloads = [stationary(generator(72, seed, n), part * places, HORIZON) for seed in range(SEEDS)]
    runs = [simulate(shape, n, "JLMU", workload, Run(horizon=HORIZON)).gaps for workload in workloads]
    seen = [run.placement_gap for run in runs]
    load = offered_load(n * float(np.mean([run.mean_sessions_per_pool for run in runs])), places)
    assert load == pytest.approx(part * places, rel=0.01)
    expected = expected_placement_gap(shape.ranking, shape.pools(n), load)
    error = float(np.std(seen, ddof=1)) / math.sqrt(SEEDS)
    assert abs(expected - np.mean(seen)) < 0.04 * np.mean(seen) + 3 * error
