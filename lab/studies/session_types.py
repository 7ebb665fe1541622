"""Session types: JLMU among the classes of the session's type, without and with prices, on the same sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.studies.kneed_fleets import ADVERSARIAL, adversarial, searched_fleets, small_fleets
from lab.studies.session_types_page import markdown
from lab.studies.typed_fleets import PERIOD, RANDOM_FLEETS, Case, Rule, designed, random_case
from lab.studies.typed_search import LOOKS, RULES
from slta_experiments import study_report
from slta_experiments.engine.simulate import PRICED, Outcome
from slta_experiments.engine.type_bounds import bounds
from slta_experiments.resuming import each_kept
from slta_experiments.studies import UnsuitableError
from slta_experiments.workload import Workload

WARM_UP = 12.0
POOL_TIME = 12_000.0
"""Pools times measured mean holding times of a run: equal for small and large fleets."""
LEAST_PERIODS = 4
FEW_SEEDS_FROM = 1000
"""Pools; from here on half of the seeds suffices."""
INTERVALS = 16
"""Of the bound, in a mean holding time."""
SMALL_FLEETS = 48
Lines = tuple[tuple[str, Rule], ...]
LINES: Lines = (("JLMU", Rule("JLMU")), *RULES.items())
RESERVES: Lines = (("JLMU", Rule("JLMU")), *((f"ρ = {r:g}", Rule(PRICED, r)) for r in (0.0, 0.5, 1.0, 1.5)))


@dataclass(frozen=True)
class Trial:
    """One run of each line on the same sessions."""

    case: Case
    seed: int
    pool_time: float = POOL_TIME
    lines: Lines = LINES

    @property
    def horizon(self) -> float:
        """The end of whole periods."""
        return WARM_UP + max(LEAST_PERIODS, round(self.pool_time / self.case.n / PERIOD)) * PERIOD


Measured = Mapping[str, Any]
"""By line: ⟨U⟩ and the mean of U* per pool, and the refused share of each type.

`own` is U* at the run's own mean sessions if none were refused; no utility of the run exceeds it.
"""


def measure(trial: Trial) -> Measured:
    """Simulate one workload under each line."""
    case, horizon = trial.case, trial.horizon
    workload = case.workload(trial.seed, horizon)
    found = {line: case.simulated(rule, workload, WARM_UP, horizon) for line, rule in trial.lines}
    own = case.bound_at(workload.means(WARM_UP, horizon))
    return {"own": own, **{line: summary(trial, workload, outcome) for line, outcome in found.items()}}


def summary(trial: Trial, workload: Workload, outcome: Outcome) -> dict[str, Any]:
    """One line's figures."""
    case = trial.case
    edges = np.linspace(WARM_UP, trial.horizon, 1 + round(INTERVALS * (trial.horizon - WARM_UP)))
    present = workload.means_between(edges, outcome.pools >= 0)
    best = bounds(case.sets, case.shape.ranking, case.shape.pools(case.n), present).mean()
    shares = [r / max(1, a) for r, a in zip(outcome.refused, outcome.arrived, strict=True)]
    return {"utility": outcome.gaps.utility_mean, "bound": float(best) / case.n, "refused": shares}


def below(measured: Measured, line: str, to: float) -> float:
    """Utility below a bound, in percent of it."""
    return 100 * (1 - float(measured[line]["utility"]) / to)


def gain(measured: Measured, line: str) -> float:
    """Utility above JLMU's, in percent."""
    return 100 * (float(measured[line]["utility"]) / float(measured["JLMU"]["utility"]) - 1)


def row_of(case: Case, results: Sequence[Measured]) -> dict[str, Any]:
    """A cell: means and standard errors of each line."""
    return {
        "fleet": case.fleet,
        "graph": case.graph,
        "group": case.graph.split(".")[0],
        "times": case.n // sum(case.shape.shares),
        "sets": case.sets.classes,
        "loads": case.demand.loads,
        "swinging": case.demand.swinging,
        "n": case.n,
        "seeds": len(results),
        "lines": {line: line_of(line, results) for line in results[0] if line != "own"},
    }


def line_of(line: str, results: Sequence[Measured]) -> dict[str, Any]:
    """Utility per pool, gap, own loss, gain of utility against JLMU, and refusals of one line."""
    return {
        "utility": round(sum(r[line]["utility"] for r in results) / len(results), 4),
        "gap": with_error([below(r, line, r[line]["bound"]) for r in results]),
        "own_loss": with_error([below(r, line, r["own"]) for r in results]),
        "gain": with_error([gain(r, line) for r in results]),
        "refused": [round(100 * float(r), 3) for r in np.mean([r[line]["refused"] for r in results], axis=0)],
    }


def with_error(values: Sequence[float]) -> list[float | None]:
    """Mean and standard error."""
    return [None if value is None else round(value, 4) for value in study_report.mean_and_error(values)[:2]]


def trials_of(case: Case, seeds: int, pool_time: float = POOL_TIME) -> list[Trial]:
    """Runs of a cell."""
    some = max(1, seeds // 2) if case.n >= FEW_SEEDS_FROM else seeds
    lines = RESERVES if case.fleet == "planned" else LINES
    return [Trial(case, seed, pool_time, lines) for seed in range(some)]


def data_of(cells: Sequence[Sequence[Trial]], results: Sequence[Measured]) -> dict[str, Any]:
    """Rows from the results of all trials in order."""
    left = iter(results)
    return {"rows": [row_of(cell[0].case, [next(left) for _ in cell]) for cell in cells]}


def cases_of(sizes: Sequence[int]) -> list[Case]:
    """Designed, random and searched fleets, these with 1, 5 and 25 times the pools, and adversarial ones."""
    *searched, planned = searched_fleets()
    return [
        *(case for n in sizes for case in designed(n)),
        *(random_case(number) for number in range(RANDOM_FLEETS)),
        *small_fleets(SMALL_FLEETS),
        *(fleet.case("searched", times) for times in (1, 5, 25) for fleet in searched),
        *(adversarial(number, n) for n in (24, 200) for number in range(ADVERSARIAL)),
        planned.case("planned"),
    ]


def study(sizes: Sequence[int], seeds: int, processes: int, kept: Path) -> study_report.Report:
    """Every fleet."""
    if any(n % 4 for n in sizes):
        raise UnsuitableError("--n: the designed fleets have four classes of equal size, so n must be a multiple of 4")
    cells = [trials_of(case, seeds) for case in cases_of(sizes)]
    trials = [trial for cell in cells for trial in cell]
    data = data_of(cells, each_kept(measure, trials, "session types", processes, kept))
    data["run"] = {"seeds": seeds, "warm_up": WARM_UP, "pool_time": POOL_TIME, "looks": LOOKS}
    data = study_report.plain(data)
    return study_report.Report("session-types", data, markdown(data), {})
