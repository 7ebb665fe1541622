"""Policy and order comparison by fleet size, from a few pools to a thousand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from slta.core.orders import PAPER, Index, Kink, Order
from slta_experiments import study_report
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FIGURE_3_RIGHT, SIX_CAPPED, SIX_QUADRATIC, TABLE_1, FleetShape
from slta_experiments.parallel import each
from slta_experiments.workload import WARM_UP, Floats, Workload, generator, varying

POOL_TIME = 9600.0
"""Pools times mean holding times of a run: equal for small and large fleets."""
LEAST_HORIZON = 120.0
FEW_SEEDS_FROM = 1000
"""Pools; from here on a quarter of the seeds suffices, since runs have many sessions."""


@dataclass(frozen=True)
class Load:
    """ρ(t): steady, or a sine around `mean`."""

    mean: float
    swing: float = 0.0
    period: float = 1.0

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.mean:g} ± {self.swing:g}, sine of {self.period:g}" if self.swing else f"{self.mean:g}"

    def at(self, times: Floats) -> Floats:
        """ρ at these times."""
        return self.mean + self.swing * np.sin(2 * np.pi * times / self.period)


CELLS: tuple[tuple[FleetShape, tuple[int, ...], tuple[Load, ...]], ...] = (
    (TABLE_1, (4, 20, 100, 1000), (Load(9.75), Load(9.75, 4.0, 24.0))),
    (FIGURE_3_RIGHT, (4, 20, 100, 1000), (Load(8.0), Load(8.5, 3.5, 24.0))),
    (SIX_QUADRATIC, (6, 24, 102, 1002), (Load(6.0), Load(6.0, 3.0, 24.0))),
    (SIX_CAPPED, (6, 24, 102, 1002), (Load(6.0), Load(6.0, 3.0, 24.0))),
)
"""Two classes without ties; three, one with a kink; six without ties; six with ties at nearly all levels."""
SHAPES: Mapping[str, FleetShape] = {shape.name: shape for shape, _, _ in CELLS}
KEYS = {TABLE_1.name: 0, FIGURE_3_RIGHT.name: 1, SIX_CAPPED.name: 3, SIX_QUADRATIC.name: 4}
"""Parts of the draws' keys; with others the committed results cannot be repeated."""
LINES = ("SLTA", "SLTA-greedy", "SLTA-greedy, kink", "JLMU", "JLMU, kink", "JLMU, index")


@dataclass(frozen=True)
class Trial:
    """A workload, the same for every line."""

    fleet: str
    n: int
    load: Load
    seed: int
    horizon: float

    def workload(self) -> Workload:
        """Its sessions."""
        load = self.load
        key = (11, self.seed, self.n, KEYS[self.fleet], round(100 * load.mean), round(100 * load.period), 0)
        rate: Callable[[Floats], Floats] = lambda times: self.n * load.at(times)  # noqa: E731 - a load of the fleet
        return varying(generator(*key), rate, self.n * (load.mean + load.swing), WARM_UP + self.horizon)


def order_of(line: str, trial: Trial) -> Order:
    """Order of a line; `index` gets the mean load."""
    if line.endswith("kink"):
        return Kink()
    return Index(trial.n * trial.load.mean) if line.endswith("index") else PAPER


def measure(trial: Trial) -> Mapping[str, float]:
    """By line: placement gap in percent of the bound ⟨u*(s)⟩, all on the same sessions."""
    workload, shape, found = trial.workload(), SHAPES[trial.fleet], {}
    for line in LINES:
        run = Run(horizon=WARM_UP + trial.horizon, order=shape.arranged(order_of(line, trial)))
        gaps = simulate(shape, trial.n, line.partition(",")[0], workload, run).gaps
        found[line] = 100 * gaps.placement_gap / (gaps.utility_mean + gaps.placement_gap)
    return found


def trials_of(shape: FleetShape, n: int, load: Load, seeds: int) -> list[Trial]:
    """Runs of a cell."""
    periods = max(1, round(POOL_TIME / n / LEAST_HORIZON))
    some = max(1, seeds // 4) if n >= FEW_SEEDS_FROM else seeds
    return [Trial(shape.name, n, load, seed, periods * LEAST_HORIZON) for seed in range(some)]


def row_of(trials: list[Trial], results: list[Mapping[str, float]]) -> dict[str, Any]:
    """A cell: each line's gap, and its paired difference from SLTA's."""
    first = trials[0]
    row: dict[str, Any] = {"fleet": first.fleet, "n": first.n, "load": first.load.name, "seeds": len(trials)}
    for line in LINES:
        gap, error, _ = study_report.mean_and_error([r[line] for r in results])
        less, less_error, _ = study_report.mean_and_error([r[line] - r["SLTA"] for r in results])
        row[line] = {"gap": gap, "gap_se": error, "less": less, "less_se": less_error}
    return row


def study(seeds: int, processes: int) -> study_report.Report:
    """Every cell."""
    started = study_report.processor_seconds()
    cells = [trials_of(shape, n, load, seeds) for shape, sizes, loads in CELLS for n in sizes for load in loads]
    results = iter(each(measure, [trial for cell in cells for trial in cell], "which", processes))
    rows = [row_of(cell, [next(results) for _ in cell]) for cell in cells]
    data: dict[str, Any] = {"rows": rows}
    data["run"] = {"seeds": seeds, "seconds": round(study_report.processor_seconds() - started, 1)}
    return study_report.Report("which", data, markdown(data), {})


def markdown(data: dict[str, Any]) -> str:
    """The gaps, then the paired differences from SLTA."""
    run = data["run"]
    return study_report.page(
        "Which policy, which order",
        "Placement gap in percent of the bound ⟨u*(s)⟩, ± one standard error, all lines on the same sessions. Loads in "
        "sessions per pool, periods in mean holding times. The order is the paper's where none is named; index is "
        f"told the mean load. {run['seeds']} seeds, a quarter of them from {FEW_SEEDS_FROM:,} pools on. Processor time "
        f"{run['seconds']:g} s.",
        table_of(data["rows"], "gap"),
        "## Less than SLTA\n\nThe same, paired: negative is better than SLTA.\n\n" + table_of(data["rows"], "less"),
    )


def table_of(rows: list[dict[str, Any]], what: str) -> str:
    """A row per cell."""
    header = ["fleet", "n", "load", "seeds", *LINES]
    return study_report.markdown_table(
        header,
        [
            [
                *(str(row[name]) for name in ("fleet", "n", "load", "seeds")),
                *(study_report.with_error(row[line][what], row[line][f"{what}_se"], 3) for line in LINES),
            ]
            for row in rows
        ],
    )
