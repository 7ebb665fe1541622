"""Eq. (10): total sessions, convergence, and simulated paths beside it."""

from __future__ import annotations

import numpy as np
import pytest

from slta_experiments.fleets import log_share
from slta_experiments.studies.fluid import admissible, columns_of, integrate, optimal, right_side
from slta_experiments.workload import Floats

KIND = log_share("small", (4, 6), (1, 1), 12)
TIMES = np.linspace(0, 12, 25).tolist()
LOAD = 2.25


@pytest.fixture(scope="module", params=[(0, 0), (6, 0), (0, 9)], ids=["empty", "all on class 1", "all on class 2"])
def path(request: pytest.FixtureRequest) -> Floats:
    return integrate(KIND, request.param, LOAD, TIMES)


def test_total_sessions_follow_proposition_4(path: Floats) -> None:
    start = path[0].sum()
    expected = LOAD + (start - LOAD) * np.exp(-np.array(TIMES))
    assert np.abs(path.sum(axis=1) - expected).max() < 1e-5


def test_the_fluid_limit_converges_to_the_optimum(path: Floats) -> None:
    # Total sessions alone are 7·e^−12 < 5e-5 from ρ at the end; levels drain at rate j ≥ 1.
    assert np.abs(path[-1] - optimal(KIND, LOAD)).sum() < 1e-3


def test_the_fluid_limit_stays_an_occupancy_state(path: Floats) -> None:
    # To the integrator's accuracy where a level fills or begins to empty.
    assert path.min() > -1e-6
    levels = path.reshape(len(TIMES), 2, 12)
    assert np.diff(levels, axis=2).max() < 1e-6
    assert levels.max() < 0.5 + 1e-6


def test_levels_that_arrivals_cannot_keep_full_begin_to_empty() -> None:
    # Both classes at 3: keeping 3 levels full takes 3 sessions a holding time, but only 1 arrives (10b).
    full = np.array([0.5] * 3 + [0.0] * 9 + [0.5] * 3 + [0.0] * 9)
    change = right_side(0.0, full, KIND, 1.0)
    assert change.sum() == pytest.approx(1.0 - 3.0, abs=1e-6)
    assert change.max() <= 1e-9
    assert admissible(KIND, columns_of(KIND, full), 1.0)[0][1] == 0.5
