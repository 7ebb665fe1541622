"""State and messages study: storage and traffic of each policy if the pools keep their own occupancy (section 3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from slta_experiments import study_report
from slta_experiments.engine.dispatch import BROADCASTS, DEPARTURE_REPORTS, JOIN_REPORTS, STEP_REPORTS
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FIGURE_3_RIGHT, STRONG, TABLE_1, FleetShape
from slta_experiments.parallel import each
from slta_experiments.workload import WARM_UP, generator, stationary

CASES: dict[str, tuple[FleetShape, float]] = {
    "table 1, ρ = 9.75": (TABLE_1, 9.75),
    "table 1, ρ = 10": (TABLE_1, 10.0),
    "figure 3 right, ρ = 5": (FIGURE_3_RIGHT, 5.0),
    "figure 3 right, ρ = 12": (FIGURE_3_RIGHT, 12.0),
    "r = 5 and 80, ρ = 15": (STRONG, 15.0),
}
SIZES = (20, 100, 1_000, 10_000)
SESSIONS = 400_000
"""Measured arrivals of a run."""


@dataclass(frozen=True)
class Trial:
    """A run of SLTA."""

    case: str
    n: int


def measure(trial: Trial) -> dict[str, Any]:
    """Messages that SLTA's dispatcher receives and sends per arrival, and the bits it stores."""
    shape, load = CASES[trial.case]
    rate = trial.n * load
    end = WARM_UP + SESSIONS / rate
    workload = stationary(generator(9, trial.n, round(1000 * load), len(shape.classes)), rate, end)
    outcome = simulate(shape, trial.n, "SLTA", workload, Run(horizon=end))
    joins, departures, steps, broadcasts = (
        outcome.counters[k] / outcome.arrivals for k in (JOIN_REPORTS, DEPARTURE_REPORTS, STEP_REPORTS, BROADCASTS)
    )
    levels = max(shape.capacities) + 1
    return {
        "case": trial.case,
        "n": trial.n,
        "departure_reports": departures,
        "step_reports": steps,
        "join_reports": joins,
        "broadcasts": broadcasts,
        "slta_bits": 2 * trial.n + math.ceil(math.log2(len(shape.ranking))),
        "jlmu_bits": trial.n * math.ceil(math.log2(levels)),
    }


def study(processes: int) -> study_report.Report:
    """State and messages by fleet and size; one seed with many arrivals."""
    started = study_report.processor_seconds()
    trials = [Trial(case, n) for case in CASES for n in SIZES]
    data: dict[str, Any] = {"rows": each(measure, trials, "state", processes), "sessions": SESSIONS}
    data["run"] = {"seeds": 1, "seconds": round(study_report.processor_seconds() - started, 1)}
    return study_report.Report("state", data, markdown(data), {"state": message_figure(data)})


def markdown(data: dict[str, Any]) -> str:
    """Tables of stored state and messages."""
    return study_report.page(
        "State and messages",
        "If the pools keep their own occupancy, what must the dispatcher store and hear?",
        compared_table(),
        "## SLTA, counted\n\nReports per arrival: of pools that gain a token as a session leaves (`departures`), of "
        "pools that get a yellow token as r steps up (`steps`), and of pools that lose one as a session joins "
        "(`joins`: these can ride on the answer to the assignment, as JLMU's dispatcher counts its own). "
        "`broadcasts`: a new threshold to the pools of one class. "
        f"{data['sessions']:,} arrivals a run. Processor time {data['run']['seconds']:g} s.",
        counted_table(data["rows"]),
    )


def compared_table() -> str:
    """Requirements of each policy's dispatcher."""
    return study_report.markdown_table(
        ["policy", "the dispatcher stores", "per arrival it hears", "per arrival it sends besides the session"],
        [
            ("random", "nothing", "0", "0"),
            ("round robin", "a pointer", "0", "0"),
            ("two choices", "nothing", "2 answers", "2 questions"),
            ("least connections", "n counters", "1 departure", "0"),
            ("weighted least connections", "n counters, a weight a class", "1 departure", "0"),
            ("JLMU", "n counters, the utilities' order", "1 departure", "0"),
            ("SLTA", "2n bits and r, the utilities' order", "see below", "thresholds, when r moves"),
        ],
    )


def counted_table(rows: list[dict[str, Any]]) -> str:
    """State and messages of SLTA's dispatcher."""
    return study_report.markdown_table(
        ["fleet", "n", "bits, SLTA", "bits, JLMU", "departures", "steps", "hears", "joins", "all", "broadcasts"],
        [
            (
                r["case"],
                r["n"],
                f"{r['slta_bits']:,}",
                f"{r['jlmu_bits']:,}",
                f"{r['departure_reports']:.3f}",
                f"{r['step_reports']:.3f}",
                f"{r['departure_reports'] + r['step_reports']:.3f}",
                f"{r['join_reports']:.3f}",
                f"{r['departure_reports'] + r['step_reports'] + r['join_reports']:.3f}",
                f"{r['broadcasts']:.5f}",
            )
            for r in rows
        ],
    )


def message_figure(data: dict[str, Any]) -> Any:
    """Reports per arrival beside JLMU's, and bits per pool."""
    canvas, (left, right) = study_report.figure(10.0, 4.0, nrows=1, ncols=2)
    for case, color in zip(CASES, ("#0b6e4f", "#6db596", "#3d5a80", "#98c1d9", "#edae49"), strict=True):
        rows = [r for r in data["rows"] if r["case"] == case]
        heard = [r["departure_reports"] + r["step_reports"] for r in rows]
        left.plot([r["n"] for r in rows], heard, marker="o", color=color, label=case)
    left.axhline(1, color=study_report.COLORS["JLMU"], label="JLMU, one a departure")
    left.set(xscale="log", xlabel="pools n", ylabel="reports heard per arrival", ylim=(0, 1.25), title="Messages")
    left.legend(fontsize=8)
    rows = [r for r in data["rows"] if r["case"] == next(iter(CASES))]
    sizes = [r["n"] for r in rows]
    right.plot(sizes, [r["slta_bits"] for r in rows], marker="o", color=study_report.COLORS["SLTA"], label="SLTA")
    right.plot(sizes, [r["jlmu_bits"] for r in rows], marker="o", color=study_report.COLORS["JLMU"], label="JLMU")
    right.set(xscale="log", yscale="log", xlabel="pools n", ylabel="bits in the dispatcher", title="State")
    right.legend(fontsize=8)
    return canvas
