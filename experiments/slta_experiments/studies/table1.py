"""Table 1: gap u*(⟨s⟩) − ⟨u⟩ of both policies, and detection of planted misreadings of SLTA (paper section 3.4.1)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slta.core.gaps import Gaps
from slta_experiments import study_report
from slta_experiments.engine.compiling import has_numba
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.engine.tables import optimum_table
from slta_experiments.fleets import TABLE_1
from slta_experiments.misreadings import MISREADINGS
from slta_experiments.parallel import each
from slta_experiments.studies import UnsuitableError
from slta_experiments.studies.printed import printed_bound, printed_gap
from slta_experiments.studies.table1_report import gap_figure, markdown
from slta_experiments.workload import WARM_UP, generator, stationary

MAX_LOAD = 60.0
"""Above it pools of capacity 96 might fill and reject sessions."""
POLICIES = ("JLMU", "SLTA")
PLANTED = (50, 9.75)
"""n and ρ of the planted misreadings."""


@dataclass(frozen=True)
class Cell:
    """A coupled run: all policies have the same arrivals and holding times."""

    n: int
    load: float
    seed: int
    horizon: float

    @property
    def policies(self) -> tuple[str, ...]:
        """Both policies, and the misreadings in their cell."""
        return (*POLICIES, *MISREADINGS) if (self.n, self.load) == PLANTED else POLICIES


Measured = dict[str, Gaps]
"""By policy."""


def measure_cell(cell: Cell) -> tuple[Cell, Measured]:
    """Simulate one workload under each policy, from equilibrium."""
    rng = generator(1, cell.seed, cell.n, round(1000 * cell.load))
    end = WARM_UP + cell.horizon
    workload = stationary(rng, cell.n * cell.load, end)
    run = Run(horizon=end)
    return cell, {policy: simulate(TABLE_1, cell.n, policy, workload, run).gaps for policy in cell.policies}


def expected_swing(n: int, load: float) -> float:
    """u*(ρ) − E u*(N/n) with N Poisson(nρ): loss of every policy, since u ≤ u*(s) at every moment."""
    from scipy.stats import poisson  # noqa: PLC0415 - slow to import

    mean = n * load
    most = int(mean + 12 * np.sqrt(mean)) + 10
    weights = poisson.pmf(np.arange(most + 1), mean)
    return TABLE_1.bound(load) - float(weights @ optimum_table(TABLE_1, n, most)) / n


def study(
    sizes: Sequence[int], loads: Sequence[float], seeds: int, horizon: float, processes: int
) -> study_report.Report:
    """Table 1 over `seeds` independent runs per cell; times in mean holding times."""
    if any(size % 2 or size < 4 for size in sizes):
        raise UnsuitableError("--n: the two classes are of equal size, so every n must be even and at least 4")
    if max(loads) > MAX_LOAD:
        raise UnsuitableError(
            f"--load-per-pool: must be at most {MAX_LOAD:g}, as pools hold {TABLE_1.capacities[0]} sessions here"
        )
    started, processor_started = time.perf_counter(), study_report.processor_seconds()
    cells = [
        Cell(n, load, seed, horizon) for seed in range(seeds) for n in sorted(sizes, reverse=True) for load in loads
    ]
    results = each(measure_cell, cells, "table 1", processes)
    runs = {
        (n, load): [m for cell, m in results if (cell.n, cell.load) == (n, load)]
        for load in loads
        for n in sorted(sizes)
    }
    data = {
        "rows": [row(policy, *key, measured) for policy in POLICIES for key, measured in runs.items()],
        "paired": [paired("SLTA", *key, measured) for key, measured in runs.items()],
        "misreadings": [misreading(name, runs[PLANTED]) for name in MISREADINGS] if PLANTED in runs else [],
        "run": {
            "horizon": horizon,
            "warm_up": WARM_UP,
            "seeds": seeds,
            "seconds": round(time.perf_counter() - started, 1),
            "processor_seconds": round(study_report.processor_seconds() - processor_started, 1),
            "processes": processes,
            "compiled": has_numba(),
        },
    }
    return study_report.Report("table1", data, markdown(data), {"table1": gap_figure(data)})


def row(policy: str, n: int, load: float, measured: list[Measured]) -> dict[str, Any]:
    """One policy's gap in one cell beside the paper's."""
    gaps = [m[policy].utility_gap for m in measured]
    mean, error, deviation = study_report.mean_and_error(gaps)
    paper = printed_gap(policy, n, load)
    return {
        "policy": policy,
        "n": n,
        "load": load,
        "seeds": len(measured),
        "gap_mean": mean,
        "gap_se": error,
        "gap_paper": paper,
        "z": (paper - mean) / deviation if paper is not None and deviation else None,
        "z_at_its_load": z_at_its_load(n, load, paper, gaps, [m[policy].mean_sessions_per_pool for m in measured]),
        "placement_gap_mean": float(np.mean([m[policy].placement_gap for m in measured])),
        "swing_gap_expected": expected_swing(n, load),
    }


def z_at_its_load(n: int, load: float, paper: float | None, gaps: list[float], sessions: list[float]) -> float | None:
    """z given the number of sessions in the paper's run, which affects its gap.

    A run whose ⟨s⟩ differs from ρ has another swing gap: u*'s slope changes more at 10 than at 9.5. Our gaps are
    regressed on the expected swing gap at their own ⟨s⟩, and the paper's is compared with the line at its ⟨s⟩.
    """
    bound = printed_bound(n, load)
    if paper is None or bound is None or len(gaps) < 3:
        return None
    swings = [expected_swing(n, s) for s in sessions]
    slope, level = np.polyfit(swings, gaps, 1)
    deviation = float(np.std(np.array(gaps) - level - slope * np.array(swings), ddof=2))
    return float(paper - level - slope * expected_swing(n, load_with(bound))) / deviation


def load_with(bound: float) -> float:
    """Load with u* = `bound`, on the decreasing side, as both loads of table 1."""
    low, high = 9.3, 11.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if TABLE_1.bound(middle) > bound else (low, middle)
    return low


def paired(policy: str, n: int, load: float, measured: list[Measured]) -> dict[str, Any]:
    """Difference of the gaps on the same workloads, policy − JLMU."""
    mean, error, _ = study_report.mean_and_error([m[policy].utility_gap - m["JLMU"].utility_gap for m in measured])
    return {"n": n, "load": load, "difference_mean": mean, "difference_se": error}


def misreading(name: str, measured: list[Measured]) -> dict[str, Any]:
    """Shift of the paired difference by a misreading, in combined standard errors."""
    n, load = PLANTED
    planted, right = paired(name, n, load, measured), paired("SLTA", n, load, measured)
    moved = planted["difference_mean"] - right["difference_mean"]
    errors = planted["difference_se"], right["difference_se"]
    moved_se = moved / float(np.hypot(*errors)) if len(measured) > 1 else None
    return {"misreading": name, **planted, "seeds": len(measured), "moved": moved, "moved_in_se": moved_se}
