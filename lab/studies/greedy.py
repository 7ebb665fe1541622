"""Greedy study: loss of SLTA and SLTA-greedy to JLMU on two, three and six classes, under steady and moving loads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from slta_experiments import study_report
from slta_experiments.engine.dispatch import DOWN, UP
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FIGURE_3_RIGHT, SIX_CAPPED, SIX_LOG, SIX_QUADRATIC, TABLE_1, FleetShape
from slta_experiments.misreadings import GREEDY_MISREADINGS
from slta_experiments.parallel import each
from slta_experiments.workload import WARM_UP, Floats, Workload, generator, varying

HORIZON = 120.0
"""Measured mean holding times; full periods of every load."""
MEAN, SWING = 8.5, 3.5
"""Moving loads of figure 3's right fleet, sessions per pool, around its kinks at 6.25 and 7.5."""


@dataclass(frozen=True)
class Load:
    """ρ(t): steady, a sine, or steps between the two extremes every half period."""

    kind: str
    mean: float
    swing: float = 0.0
    period: float = 1.0

    @property
    def name(self) -> str:
        """Name in tables."""
        if self.kind == "steady":
            return f"{self.mean:g}"
        return f"{self.mean:g} ± {self.swing:g}, {self.kind} of {self.period:g}"

    def at(self, times: Floats) -> Floats:
        """ρ at these times."""
        wave: Floats = np.sin(2 * np.pi * times / self.period)
        return self.mean + self.swing * (np.where(wave < 0, 1.0, -1.0) if self.kind == "step" else wave)


def steady(*means: float) -> tuple[Load, ...]:
    """Steady loads."""
    return tuple(Load("steady", mean) for mean in means)


MOVING = (
    *(Load("sine", MEAN, SWING, period) for period in (12.0, 24.0, 60.0)),
    *(Load("step", MEAN, SWING, period) for period in (12.0, 30.0)),
)
CELLS: tuple[tuple[FleetShape, tuple[int, ...], tuple[Load, ...]], ...] = (
    (TABLE_1, (50, 100), steady(9.75, 10.0)),
    (FIGURE_3_RIGHT, (20, 100), (*steady(7.5, 8.0), *MOVING)),
    (SIX_LOG, (24,), (*steady(3.0, 6.0, 10.0), Load("sine", 6.0, 3.0, 24.0))),
    (SIX_CAPPED, (24,), (*steady(3.0, 6.0, 8.0), Load("sine", 6.0, 3.0, 24.0))),
    (SIX_QUADRATIC, (24,), (*steady(6.0, 10.0), Load("sine", 6.0, 3.0, 24.0))),
)
SHAPES: Mapping[str, FleetShape] = {shape.name: shape for shape, _, _ in CELLS}
MISREAD_AT = ((FIGURE_3_RIGHT.name, 20, MOVING[0]), (SIX_CAPPED.name, 24, steady(6.0)[0]))
"""Cells with planted misreadings."""
LINES = ("SLTA", "SLTA-greedy")


@dataclass(frozen=True)
class Trial:
    """A workload, the same for every policy."""

    fleet: str
    n: int
    load: Load
    seed: int
    misread: bool = False
    horizon: float = HORIZON

    def workload(self) -> Workload:
        """Sessions, the same for all policies."""
        load = self.load
        key = (
            11,
            self.seed,
            self.n,
            list(SHAPES).index(self.fleet),
            *(round(100 * x) for x in (load.mean, load.period)),
        )
        rate: Callable[[Floats], Floats] = lambda times: self.n * load.at(times)  # noqa: E731 - a load of the fleet
        most, end = self.n * (load.mean + load.swing), WARM_UP + self.horizon
        return varying(generator(*key, load.kind == "step"), rate, most, end)


def measure(trial: Trial) -> dict[str, tuple[float, float]]:
    """By policy: placement gap in percent of the bound ⟨u*(s)⟩, and steps of r per arrival."""
    workload, run = trial.workload(), Run(horizon=WARM_UP + HORIZON)
    found = {}
    for line in ("JLMU", *LINES, *(GREEDY_MISREADINGS if trial.misread else ())):
        outcome = simulate(SHAPES[trial.fleet], trial.n, line, workload, run)
        bound = outcome.gaps.utility_mean + outcome.gaps.placement_gap
        moves = (outcome.counters[UP] + outcome.counters[DOWN]) / outcome.arrivals
        found[line] = (100 * outcome.gaps.placement_gap / bound, moves)
    return found


def row_of(trial: Trial, results: list[dict[str, tuple[float, float]]]) -> dict[str, Any]:
    """A cell: JLMU's gap, and the paired loss of each policy to it."""
    gap, error, _ = study_report.mean_and_error([r["JLMU"][0] for r in results])
    row: dict[str, Any] = {
        "fleet": trial.fleet,
        "n": trial.n,
        "load": trial.load.name,
        "seeds": len(results),
        "jlmu": gap,
        "jlmu_se": error,
    }
    for line in results[0].keys() - {"JLMU"}:
        loss, loss_error, _ = study_report.mean_and_error([r[line][0] - r["JLMU"][0] for r in results])
        row[line] = {"loss": loss, "loss_se": loss_error, "moves": float(np.mean([r[line][1] for r in results]))}
    return row


def study(seeds: int, processes: int) -> study_report.Report:
    """Run every cell, and the misreadings of SLTA-greedy in two of them."""
    started = study_report.processor_seconds()
    cells = [(shape.name, n, load) for shape, sizes, loads in CELLS for n in sizes for load in loads]
    trials = [Trial(*cell, seed, cell in MISREAD_AT) for cell in cells for seed in range(seeds)]
    results = each(measure, trials, "greedy", processes)
    rows = [row_of(trials[at], results[at : at + seeds]) for at in range(0, len(trials), seeds)]
    data: dict[str, Any] = {"rows": rows}
    data["run"] = {"seeds": seeds, "horizon": HORIZON, "seconds": round(study_report.processor_seconds() - started, 1)}
    return study_report.Report("greedy", data, markdown(data), {"greedy": figure_of(rows)})


def markdown(data: dict[str, Any]) -> str:
    """Tables of the cells and of the misreadings."""
    run = data["run"]
    return study_report.page(
        "What is lost to JLMU",
        "Placement gap in percent of the bound ⟨u*(s)⟩: JLMU's, and what SLTA and SLTA-greedy lose on the same "
        "sessions, paired, ± one standard error. Moves: steps of r per arrival. Loads in sessions per pool, periods "
        f"in mean holding times. {run['seeds']} seeds, horizon {run['horizon']:g} after {WARM_UP:g} of warm-up. "
        f"Processor time {run['seconds']:g} s.",
        table_of(data["rows"]),
        "## Misreadings\n\nSLTA-greedy misread, the same way of measuring.\n\n" + misread_table(data["rows"]),
    )


def table_of(rows: list[dict[str, Any]]) -> str:
    """A row per cell."""
    header = [
        "fleet",
        "n",
        "load",
        "JLMU",
        *(f"{line} − JLMU" for line in LINES),
        *(f"moves, {line}" for line in LINES),
    ]
    return study_report.markdown_table(header, [cells_of(row) for row in rows])


def cells_of(row: dict[str, Any]) -> list[str]:
    """A row as text."""
    with_error = partial(study_report.with_error, digits=4)
    losses = [with_error(row[line]["loss"], row[line]["loss_se"]) for line in LINES]
    moves = [f"{row[line]['moves']:.4f}" for line in LINES]
    return [row["fleet"], str(row["n"]), row["load"], with_error(row["jlmu"], row["jlmu_se"]), *losses, *moves]


def misread_table(rows: list[dict[str, Any]]) -> str:
    """Loss of each misreading to JLMU, beside the correct rule."""
    cells = [row for row in rows if (row["fleet"], row["n"], row["load"]) in misread_names()]
    header = ["misreading", *(f"{row['fleet']}, n = {row['n']}, {row['load']}" for row in cells)]
    lines = {"none": "SLTA-greedy", **{name: name for name in GREEDY_MISREADINGS}}
    return study_report.markdown_table(
        header,
        [
            (name, *(study_report.with_error(row[line]["loss"], row[line]["loss_se"], 4) for row in cells))
            for name, line in lines.items()
        ],
    )


def misread_names() -> set[tuple[str, int, str]]:
    """Keys of the cells with misreadings."""
    return {(fleet, n, load.name) for fleet, n, load in MISREAD_AT}


def figure_of(rows: list[dict[str, Any]]) -> Any:
    """Losses of both policies, side by side."""
    canvas, ax = study_report.figure(8.0, 7.0)
    shown = rows[::-1]
    for shift, line, color in (
        (0.2, "SLTA", study_report.COLORS["SLTA"]),
        (-0.2, "SLTA-greedy", study_report.COLORS["accent"]),
    ):
        places = [at + shift for at in range(len(shown))]
        errors = [row[line]["loss_se"] or 0.0 for row in shown]
        ax.barh(places, [row[line]["loss"] for row in shown], 0.4, xerr=errors, color=color, label=line)
    ax.set_yticks(range(len(shown)), [f"{row['fleet']}, n = {row['n']}, {row['load']}" for row in shown], fontsize=8)
    ax.set(xlabel="lost to JLMU, % of the bound")
    ax.set_title("What SLTA and SLTA-greedy lose to JLMU")
    ax.legend(loc="lower right")
    return canvas
