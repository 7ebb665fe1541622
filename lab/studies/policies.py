"""Policy comparison on the same arrivals, fleet by fleet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from slta_experiments import study_report
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FIGURE_3_RIGHT, STRONG, TABLE_1, FleetShape
from slta_experiments.parallel import each
from slta_experiments.weights import Search, best_weights
from slta_experiments.workload import WARM_UP, generator, stationary

SIZES = (20, 100, 500)
FLEETS: dict[str, tuple[FleetShape, float, tuple[float, ...]]] = {
    shape.name: (shape, nominal, loads)
    for shape, nominal, loads in (
        (TABLE_1, 9.75, (4.0, 9.75, 18.0)),
        (FIGURE_3_RIGHT, 5.0, (2.0, 5.0, 8.0, 12.0)),
        (STRONG, 15.0, (5.0, 15.0, 30.0)),
    )
}
"""By name: shape, load that the weights are tuned for, and loads of the runs."""
HORIZON = 40.0
SWEEP = tuple(float(k) for k in range(1, 15))
SWEEP_SIZE = 100
LEAST = 0.001
"""Minimum weight: the class is used when all others are a thousand times as full."""
LINES = ("random", "round robin", "two choices", "least connections", "tuned weights", "JLMU", "SLTA", "SLTA-greedy")


@cache
def tuned_weights(fleet: str) -> tuple[float, ...]:
    """Best weights of weighted least connections for one workload at the nominal load, n = 100.

    The search starts at the optimal occupancies.
    """
    shape, load, _ = FLEETS[fleet]
    end = WARM_UP + HORIZON
    workload = stationary(generator(60, list(FLEETS).index(fleet)), 100 * load, end)
    search = Search([shape.mean_occupancies(load)], least=LEAST)
    return best_weights(shape, 100, workload, Run(horizon=end), search)


@dataclass(frozen=True)
class Trial:
    """A workload, the same for every policy."""

    fleet: str
    n: int
    load: float
    seed: int


def trial_gaps(trial: Trial) -> dict[str, tuple[float, float, float]]:
    """By policy: the gap, its placement part, and the bound u*(⟨s⟩)."""
    shape, _, _ = FLEETS[trial.fleet]
    end = WARM_UP + HORIZON
    number = list(FLEETS).index(trial.fleet)
    key = (6, trial.seed, trial.n, number, round(1000 * trial.load))
    workload = stationary(generator(*key), trial.n * trial.load, end)
    orders = {
        "least connections": shape.weighted((1.0,) * len(shape.classes)),
        "tuned weights": shape.weighted(tuned_weights(trial.fleet)),
    }
    found = {}
    for line in LINES:
        run = Run(horizon=end, order=orders.get(line))
        gaps = simulate(shape, trial.n, "JLMU" if line in orders else line, workload, run).gaps
        found[line] = (gaps.utility_gap, gaps.placement_gap, gaps.utility_bound)
    return found


def rows_of(trials: list[Trial], results: list[dict[str, tuple[float, float, float]]]) -> list[dict[str, Any]]:
    """Means over the seeds of each cell."""
    cells = dict.fromkeys((t.fleet, t.n, t.load) for t in trials)
    rows = []
    for fleet, n, load in cells:
        mine = [r for t, r in zip(trials, results, strict=True) if (t.fleet, t.n, t.load) == (fleet, n, load)]
        for line in LINES:
            gap, error, _ = study_report.mean_and_error([r[line][0] for r in mine])
            placement, placement_error, _ = study_report.mean_and_error([r[line][1] for r in mine])
            bound, _, _ = study_report.mean_and_error([r[line][2] for r in mine])
            rows.append(
                {
                    "fleet": fleet,
                    "n": n,
                    "load": load,
                    "policy": line,
                    "seeds": len(mine),
                    "bound": bound,
                    "gap_mean": gap,
                    "gap_se": error,
                    "placement_gap_mean": placement,
                    "placement_gap_se": placement_error,
                }
            )
    return rows


def study(seeds: int, processes: int) -> study_report.Report:
    """Every policy on every fleet, and figure 3's right fleet over a sweep of loads."""
    started = study_report.processor_seconds()
    trials = [
        Trial(fleet, n, load, seed)
        for n in reversed(SIZES)
        for fleet, (_, _, loads) in FLEETS.items()
        for load in loads
        for seed in range(seeds)
    ]
    sweep = [Trial(FIGURE_3_RIGHT.name, SWEEP_SIZE, load, seed) for load in SWEEP for seed in range(seeds)]
    results = each(trial_gaps, [*trials, *sweep], "policies", processes)
    data: dict[str, Any] = {
        "weights": {name: {"tuned_at": load, "weights": tuned_weights(name)} for name, (_, load, _) in FLEETS.items()},
        "rows": sorted(rows_of(trials, results[: len(trials)]), key=lambda r: (r["fleet"], r["load"], r["n"])),
        "sweep": rows_of(sweep, results[len(trials) :]),
    }
    data["run"] = {"seeds": seeds, "horizon": HORIZON, "seconds": round(study_report.processor_seconds() - started, 1)}
    return study_report.Report("policies", data, markdown(data), {"policies": sweep_figure(data)})


def markdown(data: dict[str, Any]) -> str:
    """A table per fleet: placement gap of each policy, the only part that a policy can change."""
    run = data["run"]
    intro = (
        "Placement gap ⟨u*(s)⟩ − ⟨u⟩ per pool: what better placement could win. All policies meet the same sessions. "
        "Least connections and join the shortest queue are one policy here: a pool's queue is its sessions. Tuned "
        "weights: weighted least connections with the best weights found at one load. "
        f"{run['seeds']} seeds, horizon {run['horizon']:g} after {WARM_UP:g} of warm-up. "
        f"Processor time {run['seconds']:g} s."
    )
    parts = [intro]
    for fleet, tuned in data["weights"].items():
        rows = [r for r in data["rows"] if r["fleet"] == fleet]
        cells = dict.fromkeys((r["load"], r["n"]) for r in rows)
        table = study_report.markdown_table(
            ["ρ", "n", "u*(⟨s⟩)", *LINES],
            [(f"{load:g}", n, *line_of([r for r in rows if (r["load"], r["n"]) == (load, n)])) for load, n in cells],
        )
        weights = ", ".join(f"{w:g}" for w in tuned["weights"])
        parts.append(f"## {fleet.capitalize()}\n\nWeights {weights}, tuned at ρ = {tuned['tuned_at']:g}.\n\n{table}")
    return study_report.page("Policies side by side", *parts)


def line_of(rows: list[dict[str, Any]]) -> list[str]:
    """The bound, then each policy's gap with its error."""
    by_policy = {r["policy"]: r for r in rows}
    gaps = [
        study_report.with_error(by_policy[p]["placement_gap_mean"], by_policy[p]["placement_gap_se"], 4) for p in LINES
    ]
    return [f"{rows[0]['bound']:.3f}", *gaps]


def sweep_figure(data: dict[str, Any]) -> Any:
    """Utility of each policy in percent of the bound, by load."""
    canvas, ax = study_report.figure(8.0, 4.5)
    styles = {
        "random": ("#b8b8b8", "random"),
        "least connections": ("#3d5a80", "least connections"),
        "tuned weights": (study_report.COLORS["JLMU"], "weights tuned at load 5"),
        "SLTA": (study_report.COLORS["SLTA"], "SLTA, nothing to tune"),
    }
    for line, (color, label) in styles.items():
        rows = [r for r in data["sweep"] if r["policy"] == line]
        share = [100 * (1 - r["gap_mean"] / r["bound"]) for r in rows]
        ax.plot([r["load"] for r in rows], share, color=color, lw=3 if line == "SLTA" else 2, label=label)
    ax.set(xlabel="load: sessions per pool", ylabel="% of the best possible utility", ylim=(50, 102))
    ax.set_title(f"Weights fit one load. SLTA follows the load.   ({FIGURE_3_RIGHT.name}, {SWEEP_SIZE} pools)")
    ax.legend(loc="lower right")
    return canvas
