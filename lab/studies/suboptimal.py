"""Suboptimality study of greedy placement: section 9.3's two pools, and the true optimum of small fleets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lab.studies.small import SMALL_FLEETS, section_9_3
from slta_experiments import study_report
from slta_experiments.engine.simulate import Run, optimum_table, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.optimal_control import best_and_ordered, chain_of, joined_by, mean_reward
from slta_experiments.parallel import each
from slta_experiments.workload import WARM_UP, generator, stationary

EPSILON = Fraction(1, 20)
LOADS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""ρ of the whole system, as in section 9.3."""
SIMULATED = (0.3, 1.0, 3.0)
HORIZON = 20_000.0
CAPACITY = 24
SIZES = (2, 4)
LARGEST = 15_000
"""Fleets with more states are skipped."""


def greedy(epsilon: float, load: float) -> float:
    """E[U] of JLMU with a = 1: P(Y = 1) = ρ/(1+ρ), and E[X] = ρ − E[Y]."""
    busy = load / (1 + load)
    return epsilon * (load - busy) + busy


def all_to_two(load: float) -> float:
    """E[V] with a = 1: the second pool is an M/M/∞ queue and earns while not empty."""
    return 1 - math.exp(-load)


@dataclass(frozen=True)
class Simulated:
    """A run of JLMU on the two pools."""

    load: float
    seed: int


def simulated(trial: Simulated) -> float:
    """Mean total utility of one run."""
    end = WARM_UP + HORIZON
    workload = stationary(generator(5, trial.seed, round(1000 * trial.load)), trial.load, end)
    return 2 * simulate(section_9_3(EPSILON), 2, "JLMU", workload, Run(horizon=end)).gaps.utility_mean


def momentary_bound(shape: FleetShape, n: int, load: float) -> float:
    """E U*(N), N Poisson(nρ): upper bound of the mean total utility of any policy."""
    from scipy.stats import poisson

    most = int(n * load + 12 * math.sqrt(n * load)) + 30
    return float(poisson.pmf(range(most + 1), n * load) @ optimum_table(shape, n, most))


def exact_row(load: float) -> dict[str, Any]:
    """Section 9.3 at one load, a = 1, in totals."""
    shape = section_9_3(EPSILON)
    chain = chain_of(shape.ranking, (1, 1), CAPACITY)
    best, exact = best_and_ordered(chain, load, {"JLMU": shape.ranking})
    return {
        "load": load,
        "jlmu_formula": greedy(float(EPSILON), load),
        "jlmu_process": exact["JLMU"],
        "all_to_two": all_to_two(load),
        "optimum": best,
        "momentary_bound": momentary_bound(shape, 2, load / 2),
        "bound": 2 * shape.bound(load / 2),
    }


def small_row(job: tuple[str, int]) -> dict[str, Any] | None:
    """JLMU against the optimum of one small fleet; None if there are too many states."""
    name, n = job
    shape, load, capacity = SMALL_FLEETS[name]
    capacity = capacity if n == 2 else min(capacity, 14)
    if math.comb(capacity + n // 2, n // 2) ** 2 > LARGEST or capacity < 2 * load:
        return None
    chain = chain_of(shape.ranking, shape.pools(n), capacity)
    best, exact = best_and_ordered(chain, n * load, {"JLMU": shape.ranking})
    return {
        "fleet": name,
        "n": n,
        "load": load,
        "optimum": best / n,
        "jlmu": exact["JLMU"] / n,
        "lost_percent": 100 * (best - exact["JLMU"]) / best,
        "momentary_bound": momentary_bound(shape, n, load) / n,
    }


def decisions(load: float, size: int = 6) -> list[str]:
    """Optimal decisions for section 9.3's two pools, a row per y: `1` or `2`, marked where JLMU differs."""
    shape = section_9_3(EPSILON)
    chain = chain_of(shape.ranking, (1, 1), CAPACITY)
    _, best = mean_reward(chain, load)
    greedy_joins = joined_by(chain, shape.ranking)
    at = {state: s for s, state in enumerate(chain.states)}
    rows = []
    for y in range(size):
        cells = []
        for x in range(size):
            s = at[((x,), (y,))]
            differs = chain.joins[s, best[s]] != greedy_joins[s]
            cells.append(f"{chain.actions[best[s]].pool_class + 1}{'*' if differs else ''}")
        rows.append(" ".join(f"{c:2}" for c in cells).rstrip())
    return rows


def study(seeds: int, processes: int) -> study_report.Report:
    """Exact values, simulated values, and the optimum."""
    started = study_report.processor_seconds()
    trials = [Simulated(load, seed) for load in SIMULATED for seed in range(seeds)]
    values = each(simulated, trials, "section 9.3", processes)
    runs = {
        load: study_report.mean_and_error([v for t, v in zip(trials, values, strict=True) if t.load == load])
        for load in SIMULATED
    }
    rows = each(exact_row, LOADS, "exact", processes)
    for row in rows:
        if row["load"] in runs:
            row["jlmu_simulated"], row["jlmu_simulated_se"], _ = runs[row["load"]]
    jobs = [(name, n) for name in SMALL_FLEETS for n in SIZES]
    small = [row for row in each(small_row, jobs, "small fleets", processes) if row]
    data: dict[str, Any] = {
        "epsilon": float(EPSILON),
        "section_9_3": rows,
        "small": small,
        "decisions": {"load": 3.0, "rows": decisions(3.0)},
    }
    data["run"] = {"seeds": seeds, "horizon": HORIZON, "seconds": round(study_report.processor_seconds() - started, 1)}
    return study_report.Report("suboptimal", data, markdown(data), {"suboptimal": loss_figure(data)})


def markdown(data: dict[str, Any]) -> str:
    """The tables."""
    run = data["run"]
    grid = "\n".join(f"y = {y}: {row}" for y, row in enumerate(data["decisions"]["rows"]))
    return study_report.page(
        "Where greedy loses",
        f"Section 9.3 with a = 1, ε = {data['epsilon']:g}; total utilities. JLMU's exact value is "
        "ε(ρ − ρ/(1+ρ)) + ρ/(1+ρ); the optimum is by value iteration on occupancies up to "
        f"{CAPACITY}. Simulated: {run['seeds']} seeds, horizon {run['horizon']:g}. "
        f"Processor time {run['seconds']:g} s.",
        exact_table(data["section_9_3"]),
        f"## The optimal decision\n\nρ = {data['decisions']['load']:g}; columns x = 0, 1, …: the pool that an "
        f"arrival should join; `*` marks where JLMU chooses the other.\n\n```\n{grid}\n```",
        f"## Small fleets\n\nUtilities per pool, exact.\n\n{small_table(data['small'])}",
    )


def exact_table(rows: list[dict[str, Any]]) -> str:
    """Section 9.3 by load."""
    return study_report.markdown_table(
        ["ρ (total)", "JLMU, formula", "JLMU, simulated", "all to two", "optimum", "E U*(N)", "2u*(ρ/2)"],
        [
            (
                f"{r['load']:g}",
                f"{r['jlmu_formula']:.4f}",
                study_report.with_error(r["jlmu_simulated"], r["jlmu_simulated_se"], 4)
                if "jlmu_simulated" in r
                else None,
                *(f"{r[key]:.4f}" for key in ("all_to_two", "optimum", "momentary_bound", "bound")),
            )
            for r in rows
        ],
    )


def small_table(rows: list[dict[str, Any]]) -> str:
    """JLMU beside the optimum, by fleet."""
    return study_report.markdown_table(
        ["fleet", "n", "ρ", "optimum", "JLMU", "lost in %", "E u*(N/n)"],
        [
            (
                r["fleet"],
                r["n"],
                f"{r['load']:g}",
                f"{r['optimum']:.5f}",
                f"{r['jlmu']:.5f}",
                f"{abs(r['lost_percent']):.3f}",
                f"{r['momentary_bound']:.5f}",
            )
            for r in rows
        ],
    )


def loss_figure(data: dict[str, Any]) -> Any:
    """Section 9.3: mean utility against the load."""
    canvas, ax = study_report.figure(7.0, 4.2)
    rows = data["section_9_3"]
    loads = [r["load"] for r in rows]
    ax.plot(
        loads, [r["momentary_bound"] for r in rows], ls=":", color=study_report.COLORS["bound"], label="bound E U*(N)"
    )
    ax.plot(loads, [r["optimum"] for r in rows], color=study_report.COLORS["SLTA"], label="optimum")
    ax.plot(loads, [r["all_to_two"] for r in rows], color=study_report.COLORS["accent"], label="all to pool two")
    ax.plot(loads, [r["jlmu_formula"] for r in rows], color=study_report.COLORS["JLMU"], label="JLMU, exact")
    marks = [r for r in rows if "jlmu_simulated" in r]
    ax.errorbar(
        [r["load"] for r in marks],
        [r["jlmu_simulated"] for r in marks],
        [2 * (r["jlmu_simulated_se"] or 0) for r in marks],
        ls="",
        marker="o",
        color=study_report.COLORS["JLMU"],
        label="JLMU, simulated",
    )
    ax.set(xscale="log", xlabel="offered load ρ of both pools", ylabel="mean total utility")
    ax.set_title(f"Section 9.3: {data['epsilon']:g} x and min(y, 1)")
    ax.legend(fontsize=8)
    return canvas
