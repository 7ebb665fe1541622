"""Prediction study: predicted placement gaps beside simulated ones, on random fleets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from slta.core.expected_gap import expected_placement_gap
from slta.core.utility import (
    AlphaFairUtility,
    CappedLinearUtility,
    LinearUtility,
    LogShareUtility,
    PoolClass,
    QuadraticUtility,
    Utility,
)
from slta_experiments import study_report
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.parallel import each
from slta_experiments.workload import WARM_UP, generator, stationary

KEY = 13
"""Key of the draws, unique among the studies."""
FLEETS = 20
"""Fleets per group."""
HORIZON = 180.0
"""Measured mean holding times."""
CAPACITY = 64
GROUPS = {"50 to 300 pools": (50, 300), "10 to 50 pools": (10, 50)}
"""Groups of random fleets, with minimum and maximum pools."""
LINES = ("JLMU", "SLTA-greedy", "SLTA")
SMALLEST_GAP, MAX_ERROR = 1e-5, 0.15
"""A fleet counts in the summary if its gap exceeds this fraction of the bound, with at most this relative error."""

Rng = np.random.Generator


def _tenths(rng: Rng, least: float, most: float) -> Fraction:
    return Fraction(int(rng.integers(round(10 * least), round(10 * most) + 1)), 10)


FAMILIES: Sequence[Callable[[Rng], Utility]] = (
    lambda rng: LogShareUtility(_tenths(rng, 5, 40)),
    lambda rng: QuadraticUtility(_tenths(rng, 1, 3), -_tenths(rng, 0.1, 1) / 10),
    lambda rng: CappedLinearUtility(_tenths(rng, 0.5, 2), Fraction(int(rng.integers(2, 16)))),
    lambda rng: LinearUtility(_tenths(rng, 0.1, 0.6)),
    lambda rng: AlphaFairUtility(_tenths(rng, 1, 10), Fraction(1, 2)),
)


@dataclass(frozen=True)
class Cell:
    """Fleet `number` of a group, and its load per pool."""

    group: str
    number: int
    shape: FleetShape
    n: int
    load: float

    @property
    def key(self) -> tuple[int, int, int]:
        """Key of its draws."""
        return KEY, list(GROUPS).index(self.group), self.number

    @property
    def expected(self) -> float:
        """Predicted gap per pool."""
        return expected_placement_gap(self.shape.ranking, self.shape.pools(self.n), self.n * self.load)


def draw_cell(group: str, number: int) -> Cell:
    """2 to 6 classes of any family with shares 1 to 3, and 2 to 12 sessions per pool."""
    rng = generator(KEY, list(GROUPS).index(group), number)
    count = int(rng.integers(2, 7))
    classes = tuple(PoolClass(f"c{i}", FAMILIES[int(rng.integers(len(FAMILIES)))](rng), CAPACITY) for i in range(count))
    shares = tuple(int(share) for share in rng.integers(1, 4, size=count))
    pools = float(np.exp(rng.uniform(*np.log(GROUPS[group]))))
    n = max(1, round(pools / sum(shares))) * sum(shares)
    return Cell(group, number, FleetShape("drawn", classes, shares), n, round(float(rng.uniform(2, 12)), 2))


def measure(trial: tuple[str, int, int]) -> dict[str, tuple[float, float]]:
    """By policy: placement gap and |u*| per pool of one seed on one fleet."""
    group, number, seed = trial
    cell = draw_cell(group, number)
    workload = stationary(generator(*cell.key, 1 + seed), cell.n * cell.load, WARM_UP + HORIZON)
    run = Run(horizon=WARM_UP + HORIZON)
    found = {line: simulate(cell.shape, cell.n, line, workload, run).gaps for line in LINES}
    return {line: (gaps.placement_gap, abs(gaps.utility_bound)) for line, gaps in found.items()}


def row_of(group: str, number: int, results: list[dict[str, tuple[float, float]]]) -> dict[str, Any]:
    """A fleet: predicted and measured gap, and the relative error."""
    cell = draw_cell(group, number)
    gaps = {line: study_report.mean_and_error([r[line][0] for r in results]) for line in LINES}
    mean, error, _ = gaps["JLMU"]
    bound = float(np.mean([r["JLMU"][1] for r in results]))
    counts = mean > SMALLEST_GAP * bound and (error or 0.0) < MAX_ERROR * mean
    return {
        "group": group,
        "classes": len(cell.shape.classes),
        "n": cell.n,
        "load": cell.load,
        "jlmu": mean,
        "jlmu_se": error,
        "relative": mean / bound,
        "expected": cell.expected,
        "error": cell.expected / mean - 1 if counts else None,
        **{line: gaps[line][0] / cell.expected if counts else None for line in LINES},
    }


def summary_of(rows: list[dict[str, Any]], group: str) -> dict[str, Any]:
    """Errors of a group: |expected / measured − 1|."""
    errors = [abs(row["error"]) for row in rows if row["group"] == group and row["error"] is not None]
    return {
        "group": group,
        "fleets": len(errors),
        "mean": float(np.mean(errors)),
        "median": float(np.median(errors)),
        "worst": max(errors),
        "within_10": sum(error <= 0.1 for error in errors),
        "within_20": sum(error <= 0.2 for error in errors),
    }


def study(seeds: int, processes: int) -> study_report.Report:
    """All fleets of all groups."""
    started = study_report.processor_seconds()
    cells = [(group, number) for group in GROUPS for number in range(FLEETS)]
    trials = [(*cell, seed) for cell in cells for seed in range(seeds)]
    results = each(measure, trials, "expected_gap", processes)
    rows = [row_of(*cell, results[at * seeds : (at + 1) * seeds]) for at, cell in enumerate(cells)]
    data: dict[str, Any] = {"summary": [summary_of(rows, group) for group in GROUPS], "rows": rows}
    data["run"] = {"seeds": seeds, "horizon": HORIZON, "seconds": round(study_report.processor_seconds() - started, 1)}
    return study_report.Report("expected_gap", data, markdown(data), {"expected_gap": figure_of(rows)})


def markdown(data: dict[str, Any]) -> str:
    """The summary, then a row per fleet."""
    run = data["run"]
    return study_report.page(
        "The gap to be expected, and the gap that was simulated",
        "Fleets were drawn at random: 2 to 6 classes with logarithmic, quadratic, capped, linear or square-root "
        "curves, and 2 to 12 sessions per pool. `error` is expected / JLMU − 1; the last three columns are measured "
        "/ expected. "
        f"{run['seeds']} seeds, horizon {run['horizon']:g} mean holding times after {WARM_UP:g} of warm-up. "
        f"The load is steady. A fleet counts if its gap is above {100 * SMALLEST_GAP:g} % of the bound and its "
        f"standard error below {100 * MAX_ERROR:g} % of it. Processor time {run['seconds']:g} s.",
        summary_table(data["summary"]),
        fleet_table(data["rows"]),
    )


def summary_table(summary: list[dict[str, Any]]) -> str:
    """A row per group."""
    header = ["fleets", "that count", "mean error", "median", "worst", "within 10 %", "within 20 %"]
    return study_report.markdown_table(
        header,
        [
            [
                s["group"],
                str(s["fleets"]),
                *(percent(s[name]) for name in ("mean", "median", "worst")),
                str(s["within_10"]),
                str(s["within_20"]),
            ]
            for s in summary
        ],
    )


def fleet_table(rows: list[dict[str, Any]]) -> str:
    """A row per fleet."""
    header = ["classes", "n", "load", "JLMU", "of the bound", "expected", "error", *(f"{line} /" for line in LINES)]
    return study_report.markdown_table(
        header,
        [
            [
                str(row["classes"]),
                str(row["n"]),
                f"{row['load']:g}",
                study_report.with_error(row["jlmu"], row["jlmu_se"], 6),
                f"{100 * row['relative']:.4f} %",
                f"{row['expected']:.6f}",
                percent(row["error"]),
                *(None if row[line] is None else f"{row[line]:.2f}" for line in LINES),
            ]
            for row in rows
        ],
    )


def percent(part: float | None) -> str | None:
    """`1.3 %`."""
    return None if part is None else f"{100 * part:.1f} %"


def figure_of(rows: list[dict[str, Any]]) -> Any:
    """Measured against predicted gaps, as fractions of the bound."""
    canvas, ax = study_report.figure(6.0, 5.0)
    for group, color in zip(GROUPS, (study_report.COLORS["SLTA"], study_report.COLORS["accent"]), strict=True):
        shown = [row for row in rows if row["group"] == group and row["error"] is not None]
        measured = [100 * row["relative"] for row in shown]
        expected = [100 * row["relative"] * row["expected"] / row["jlmu"] for row in shown]
        ax.loglog(expected, measured, "o", color=color, label=group)
    ends = ax.get_xlim()
    ax.plot(ends, ends, color=study_report.COLORS["paper"], linewidth=1)
    ax.set(xlabel="expected, % of the bound", ylabel="JLMU simulated, % of the bound")
    ax.set_title("The gap to be expected")
    ax.legend()
    return canvas
