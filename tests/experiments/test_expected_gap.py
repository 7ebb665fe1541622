"""The gap that is to be expected, beside simulated ones: of fleets that are known, and of the drawn ones' table."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lab.studies.expected_gap import FLEETS, GROUPS, LINES, draw_cell, row_of, summary_of
from slta.core.expected_gap import expected_placement_gap
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FIGURE_3_RIGHT, SIX_CAPPED, SIX_QUADRATIC, TABLE_1, FleetShape
from slta_experiments.workload import generator, stationary
from tests.docs.pages import ROOT

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


def test_fleets_are_drawn_within_their_group() -> None:
    for group, (least, most) in GROUPS.items():
        cells = [draw_cell(group, number) for number in range(FLEETS)]
        assert all(least - 9 <= cell.n <= most + 9 and 2 <= cell.load <= 12 for cell in cells)
        assert len({cell.shape.classes for cell in cells}) == FLEETS


@pytest.mark.slow
def test_a_fleet_counts_if_its_gap_is_known() -> None:
    cell = draw_cell("50 to 300 pools", 0)
    known = [dict.fromkeys(LINES, (cell.expected * share, 1.0)) for share in (0.79, 0.81)]
    row = row_of(cell.group, cell.number, known)
    assert row["error"] == pytest.approx(0.25)
    assert [row[line] for line in LINES] == pytest.approx([0.8] * 3)
    unknown = row_of(cell.group, cell.number, [dict.fromkeys(LINES, (gap, 1.0)) for gap in (0.0, 2.0)])
    assert unknown["error"] is None
    found = summary_of([row, unknown], cell.group)
    assert (found["fleets"], found["within_10"], found["within_20"]) == (1, 0, 0)
    assert found["worst"] == found["mean"] == pytest.approx(0.25)


def test_the_committed_table_is_of_the_fleets_that_are_drawn() -> None:
    data = json.loads((ROOT / "docs/results/expected_gap.json").read_text(encoding="utf-8"))
    assert len(data["rows"]) == FLEETS * len(GROUPS)
    row = data["rows"][0]
    assert row["expected"] == pytest.approx(draw_cell(row["group"], 0).expected, rel=1e-5)
    assert [found["group"] for found in data["summary"]] == list(GROUPS)
