"""The gap that is to be expected, beside simulated ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slta.core.expected_gap import expected_placement_gap
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FIGURE_3_RIGHT, SIX_CAPPED, SIX_QUADRATIC, TABLE_1, FleetShape
from slta_experiments.workload import generator, stationary

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
