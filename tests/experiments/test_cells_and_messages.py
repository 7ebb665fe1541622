"""Splitting a fleet, other assumptions, and what pools report."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from lab.studies import assumptions, state
from lab.studies.cells import BUCKETS, buckets_of, cell_of_bucket, part_of, pools_of_cells
from lab.studies.policies import tuned_weights
from slta_experiments.fleets import TABLE_1
from slta_experiments.workload import generator, stationary
from slta_loadgen.holding import Lognormal, Pareto


def test_cells_share_out_every_session_and_keep_their_order() -> None:
    workload = stationary(generator(1), 200.0, 5.0)
    cell = cell_of_bucket(2_000, 4)[buckets_of(workload.sessions, 0)]
    parts = [part_of(workload, cell == c) for c in range(4)]
    assert sum(p.sessions for p in parts) == workload.sessions
    assert sum(p.initial for p in parts) == workload.initial
    for part in parts:
        assert (np.diff(part.arrivals) >= 0).all()
        assert (np.diff(part.departures) >= 0).all()
        assert sorted(part.departing) == list(range(part.sessions))


def test_buckets_are_as_good_as_drawn_at_random() -> None:
    # 1,024 buckets of 100 expected: χ² has mean 1,023 and standard deviation √2046 ≈ 45.
    counts = np.bincount(buckets_of(100 * BUCKETS, 3), minlength=BUCKETS)
    assert abs(((counts - 100) ** 2 / 100).sum() - 1_023) < 5 * 45


@pytest.mark.parametrize("cells", [1, 3, 64])
def test_pools_are_dealt_evenly_and_buckets_in_proportion(cells: int) -> None:
    pools = np.array(pools_of_cells(2_000, cells))
    assert pools.sum() == 2_000
    assert pools.max() - pools.min() <= 2
    buckets = np.bincount(cell_of_bucket(2_000, cells), minlength=cells)
    assert np.abs(buckets - BUCKETS * pools / 2_000).max() < 1


@pytest.mark.parametrize("case", assumptions.CASES)
def test_every_case_has_the_arrivals_and_holding_times_of_its_name(case: str) -> None:
    arrivals, holding = assumptions.parts_of(case)
    assert case.startswith("a day") == (arrivals is assumptions.ARRIVALS["a day"])
    assert isinstance(holding, Lognormal) == ("lognormal" in case)
    assert isinstance(holding, Pareto) == ("Pareto" in case)
    assert holding.mean_seconds == 1.0


def test_batches_arrive_together_at_the_mean_rate() -> None:
    moments = [m for m, _ in zip(assumptions.batches(100.0, 20, random.Random(1)), range(20_000), strict=False)]
    assert len(set(moments)) == 1_000
    assert moments[-1] == pytest.approx(200, rel=0.15)


def test_the_bound_holds_with_heavy_tails_and_a_day() -> None:
    for case in (
        "Pareto, a = 2.2 holding times",
        "a day, lognormal holding times, CV 3",
        "batches of 20, exponential holding times",
    ):
        for bound, gap, placement, swings in assumptions.trial_gaps(assumptions.Trial(case, 20, 0)).values():
            assert bound > 0
            assert min(gap, placement, swings) >= -1e-9


def test_a_trace_is_played_at_its_own_pace(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    rng = random.Random(2)
    starts = sorted(rng.uniform(0, 1_000) for _ in range(4_000))
    trace.write_text("start_s,duration_s\n" + "".join(f"{s:.3f},{rng.expovariate(0.2):.3f}\n" for s in starts))
    # 4 sessions a second of 5 s each: 20 at once, so 2 pools of 9.75.
    n, measured = assumptions.trace_gaps(trace, 0)
    assert n == 2
    assert measured["JLMU"][1] > 0


def test_slta_hears_about_one_report_an_arrival_and_stores_two_bits_a_pool() -> None:
    row = state.measure(state.Trial("table 1, ρ = 9.75", 20))
    assert 0.8 < row["departure_reports"] + row["step_reports"] < 1.2
    assert row["slta_bits"] < row["jlmu_bits"] / 2
    # Every token that is gained is lost again: by a session that joins, or as r steps.
    assert row["join_reports"] == pytest.approx(row["departure_reports"], abs=0.1)


def test_weights_tuned_on_table_1_are_its_occupancies() -> None:
    light, heavy = tuned_weights(TABLE_1.name)
    assert heavy / light == pytest.approx(11.5 / 8, rel=0.1)
