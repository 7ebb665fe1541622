"""Session types: JLMU among the classes of the session's type, without and with prices, on the same sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.studies.session_types_page import markdown
from lab.studies.typed_fleets import PERIOD, RANDOM_FLEETS, Case, designed, random_case
from slta_experiments import study_report
from slta_experiments.engine.session_types.simulate import PLACEMENTS, Averages, Span, simulate
from slta_experiments.resuming import each_kept
from slta_experiments.studies import UnsuitableError

WARM_UP = 12.0
POOL_TIME = 12_000.0
"""Pools times measured mean holding times of a run: equal for small and large fleets."""
LEAST_PERIODS = 4
FEW_SEEDS_FROM = 1000
"""Pools; from here on half of the seeds suffices."""
LINES = tuple(PLACEMENTS)


@dataclass(frozen=True)
class Trial:
    """One run of each line on the same sessions."""

    case: Case
    seed: int
    pool_time: float = POOL_TIME

    @property
    def span(self) -> Span:
        """Whole periods."""
        periods = max(LEAST_PERIODS, round(self.pool_time / self.case.n / PERIOD))
        return Span(WARM_UP, WARM_UP + periods * PERIOD)


Measured = Mapping[str, Any]
"""By line: ⟨U⟩ and ⟨U*⟩ per pool, and the refused share of each type. `fluid` is the fluid bound per pool.

`own` is U* at the run's own mean sessions if none were refused; no utility of the run exceeds it.
"""


def measure(trial: Trial) -> Measured:
    """Simulate one workload under each line."""
    case, span = trial.case, trial.span
    workload = case.workload(trial.seed, span.horizon)
    found = {line: simulate(case.shape, case.n, case.sets, line, workload, span) for line in LINES}
    bounds = {
        "fluid": case.fluid_bound(),
        "own": case.bound_at(workload.means(span.warm_up, span.horizon)),
    }
    return {**bounds, **{line: summary(case.n, averages) for line, averages in found.items()}}


def summary(n: int, averages: Averages) -> dict[str, Any]:
    """One line's figures."""
    shares = [r / max(1, a) for r, a in zip(averages.refused, averages.arrived, strict=True)]
    return {"utility": averages.utility / n, "optimum": averages.optimum / n, "refused": shares}


def gap(measured: Measured, line: str) -> float:
    """Placement gap in percent of the bound at the sessions present."""
    return 100 * (1 - float(measured[line]["utility"]) / float(measured[line]["optimum"]))


def loss(measured: Measured, line: str, to: str = "fluid") -> float:
    """Loss to the fluid bound at the offered loads, or to the bound at the run's own loads, in percent of it."""
    return 100 * (1 - float(measured[line]["utility"]) / float(measured[to]))


def gain(measured: Measured) -> float:
    """Utility with prices above JLMU's, in percent."""
    return 100 * (float(measured["price"]["utility"]) / float(measured["JLMU"]["utility"]) - 1)


def row_of(case: Case, results: Sequence[Measured]) -> dict[str, Any]:
    """A cell: means and standard errors, and the paired difference; of full fleets that of the loss."""
    judged = loss if case.is_full else gap
    return {
        "fleet": case.fleet,
        "graph": case.graph,
        "classes": len(case.shape.classes),
        "sets": case.sets.classes,
        "loads": case.demand.loads,
        "swinging": case.demand.swinging,
        "full": case.is_full,
        "n": case.n,
        "seeds": len(results),
        **{line: line_of(line, results) for line in LINES},
        "points": with_error([judged(r, "price") - judged(r, "JLMU") for r in results]),
        "gain": with_error([gain(r) for r in results]),
    }


def line_of(line: str, results: Sequence[Measured]) -> dict[str, Any]:
    """Gap, loss and refusals of one line."""
    kinds = range(len(results[0][line]["refused"]))
    return {
        "gap": with_error([gap(r, line) for r in results]),
        "loss": with_error([loss(r, line) for r in results]),
        "own_loss": with_error([loss(r, line, "own") for r in results]),
        "refused": [100 * sum(r[line]["refused"][k] for r in results) / len(results) for k in kinds],
    }


def with_error(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard error."""
    mean, error, _ = study_report.mean_and_error(values)
    return mean, error


def trials_of(case: Case, seeds: int, pool_time: float = POOL_TIME) -> list[Trial]:
    """Runs of a cell."""
    some = max(1, seeds // 2) if case.n >= FEW_SEEDS_FROM else seeds
    return [Trial(case, seed, pool_time) for seed in range(some)]


def data_of(cells: Sequence[Sequence[Trial]], results: Sequence[Measured]) -> dict[str, Any]:
    """Rows of the designed and of the random fleets, from the results of all trials in order."""
    left = iter(results)
    rows = [row_of(cell[0].case, [next(left) for _ in cell]) for cell in cells]
    return {
        "rows": [row for row in rows if row["fleet"] != "random"],
        "random": [row for row in rows if row["fleet"] == "random"],
    }


def study(sizes: Sequence[int], seeds: int, processes: int, kept: Path) -> study_report.Report:
    """Every cell of the designed fleets, and the random fleets."""
    if any(n % 4 for n in sizes):
        raise UnsuitableError("--n: the designed fleets have four classes of equal size, so n must be a multiple of 4")
    cases = [case for n in sizes for case in designed(n)] + [random_case(number) for number in range(RANDOM_FLEETS)]
    cells = [trials_of(case, seeds) for case in cases]
    trials = [trial for cell in cells for trial in cell]
    data = data_of(cells, each_kept(measure, trials, "session types", processes, kept))
    data["run"] = {"seeds": seeds, "warm_up": WARM_UP, "pool_time": POOL_TIME}
    data = study_report.plain(data)
    return study_report.Report("session-types", data, markdown(data), {})
