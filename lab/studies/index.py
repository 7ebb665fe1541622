"""Index study: JLMU's rule on the order of indifference prices for small fleets (`slta.core.orders.index`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.studies.small import SMALL_FLEETS, reversed_ties
from slta.core.orders import Index
from slta.core.ranking import Ranking
from slta_experiments import study_report
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.optimal_control import best_and_ordered, chain_of
from slta_experiments.parallel import each
from slta_experiments.workload import WARM_UP, generator, stationary

SIZES = (2, 4, 10, 20, 50, 100)
EXACT_SIZES = (2, 4)
LOAD_FACTORS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Multiples of a shape's load in the exact sweep of two pools."""
POOL_TIME = 40_000.0
"""n times the horizon of a simulated run."""
ORDERS = ("JLMU", "ties reversed", "index")


def orders(shape: FleetShape, n: int, load: float) -> dict[str, Ranking]:
    """Orders compared: ▷, ▷ with ties between classes reversed, and W."""
    return {"JLMU": shape.ranking, "ties reversed": reversed_ties(shape), "index": shape.arranged(Index(n * load))}


def exact(job: tuple[str, int, float]) -> dict[str, Any]:
    """Loss of each order to the optimum in percent, for one small fleet and load."""
    name, n, factor = job
    shape, nominal, capacity = SMALL_FLEETS[name]
    load = nominal * factor
    capacity = 14 if n > 2 else min(48, max(capacity, int(n * load + 6 * np.sqrt(n * load)) + 8))
    chain = chain_of(shape.ranking, shape.pools(n), capacity)
    best, values = best_and_ordered(chain, n * load, orders(shape, n, load))
    lost = {order: 100 * (best - value) / abs(best) for order, value in values.items()}
    return {"fleet": name, "n": n, "load": load, "optimum": best / n, "lost_percent": lost}


def exact_jobs() -> list[tuple[str, int, float]]:
    """Two pools at all loads, four at the nominal one if the state space is small enough."""
    jobs = []
    for name, (_, load, _) in SMALL_FLEETS.items():
        factors = LOAD_FACTORS if load < 5 else tuple(f for f in LOAD_FACTORS if f <= 1)
        jobs += [(name, 2, factor) for factor in factors]
        jobs += [(name, n, 1.0) for n in EXACT_SIZES if n > 2 and load < 5]
    return jobs


@dataclass(frozen=True)
class Trial:
    """A run of all orders on one workload."""

    fleet: str
    n: int
    seed: int


def simulated(trial: Trial) -> dict[str, float]:
    """Mean utility per pool under each order, on one workload."""
    shape, load, _ = SMALL_FLEETS[trial.fleet]
    end = WARM_UP + POOL_TIME / trial.n
    number = list(SMALL_FLEETS).index(trial.fleet)
    workload = stationary(generator(10, trial.seed, trial.n, number), trial.n * load, end)
    return {
        name: simulate(shape, trial.n, "JLMU", workload, Run(horizon=end, order=order)).gaps.utility_mean
        for name, order in orders(shape, trial.n, load).items()
    }


def simulated_row(fleet: str, n: int, runs: list[dict[str, float]]) -> dict[str, Any]:
    """Gain of each order over JLMU, in percent of JLMU's utility."""
    row: dict[str, Any] = {"fleet": fleet, "n": n, "load": SMALL_FLEETS[fleet][1], "seeds": len(runs)}
    for order in ORDERS[1:]:
        mean, error, _ = study_report.mean_and_error([100 * (r[order] / r["JLMU"] - 1) for r in runs])
        row[order] = {"gain_percent": mean, "gain_se": error}
    return row


def study(seeds: int, processes: int) -> study_report.Report:
    """Exact losses for two and four pools, simulated gains up to a hundred."""
    started = study_report.processor_seconds()
    exact_rows = each(exact, exact_jobs(), "exact", processes)
    trials = [Trial(name, n, seed) for name in SMALL_FLEETS for n in SIZES for seed in range(seeds)]
    runs = each(simulated, trials, "index", processes)
    rows = [
        simulated_row(name, n, [r for t, r in zip(trials, runs, strict=True) if (t.fleet, t.n) == (name, n)])
        for name in SMALL_FLEETS
        for n in SIZES
    ]
    data: dict[str, Any] = {"exact": exact_rows, "simulated": rows}
    data["run"] = {
        "seeds": seeds,
        "pool_time": POOL_TIME,
        "seconds": round(study_report.processor_seconds() - started, 1),
    }
    return study_report.Report("index", data, markdown(data), {"index": index_figure(data)})


def markdown(data: dict[str, Any]) -> str:
    """Exact and simulated tables."""
    run = data["run"]
    return study_report.page(
        "An index beyond greedy",
        "`JLMU` ranks coordinates by Δ, `index` by the indifference price W at Λ = nρ, `ties reversed` by Δ with ties "
        "between classes the other way round. The rule is JLMU's in all three. "
        f"{run['seeds']} seeds, n times the horizon {run['pool_time']:g}. Processor time {run['seconds']:g} s.",
        f"## Against the true optimum (exact)\n\n{lost_table(data['exact'])}",
        f"## Against JLMU on the same workload (simulated)\n\n{gains_table(data['simulated'])}",
    )


def lost_table(rows: list[dict[str, Any]]) -> str:
    """Loss of each order to the optimum."""
    return study_report.markdown_table(
        ["fleet", "n", "ρ", "optimum per pool", *(f"{order} loses %" for order in ORDERS)],
        [
            (
                r["fleet"],
                r["n"],
                f"{r['load']:g}",
                f"{r['optimum']:.5f}",
                *(f"{max(r['lost_percent'][order], 0):.4f}" for order in ORDERS),
            )
            for r in rows
        ],
    )


def gains_table(rows: list[dict[str, Any]]) -> str:
    """Gain of the other orders over JLMU's."""
    return study_report.markdown_table(
        ["fleet", "n", "ρ", "index: gain in %", "ties reversed: gain in %"],
        [
            (
                r["fleet"],
                r["n"],
                f"{r['load']:g}",
                study_report.with_error(r["index"]["gain_percent"], r["index"]["gain_se"], 4),
                study_report.with_error(r["ties reversed"]["gain_percent"], r["ties reversed"]["gain_se"], 4),
            )
            for r in rows
        ],
    )


def index_figure(data: dict[str, Any]) -> Any:
    """Above exact losses of two pools by load; below the index's gain by n."""
    names = list(SMALL_FLEETS)
    canvas, axes = study_report.figure(13.0, 6.0, nrows=2, ncols=len(names))
    colors = dict(
        zip(
            ORDERS,
            (study_report.COLORS["JLMU"], study_report.COLORS["accent"], study_report.COLORS["SLTA"]),
            strict=True,
        )
    )
    for k, name in enumerate(names):
        rows = [r for r in data["exact"] if (r["fleet"], r["n"]) == (name, 2)]
        for order in ("ties reversed", "JLMU", "index"):
            losses = [max(r["lost_percent"][order], 1e-5) for r in rows]
            style = "--" if order == "ties reversed" else "-"
            axes[0][k].plot([r["load"] for r in rows], losses, style, marker="o", color=colors[order], label=order)
        axes[0][k].set(yscale="log", ylim=(0.8e-5, 100), xlabel="ρ per pool")
        axes[0][k].set_title(name, fontsize=9)
        mine = [r for r in data["simulated"] if r["fleet"] == name]
        for order in ORDERS[1:]:
            gains = [r[order]["gain_percent"] for r in mine]
            errors = [2 * (r[order]["gain_se"] or 0.0) for r in mine]
            axes[1][k].errorbar([r["n"] for r in mine], gains, errors, marker="o", color=colors[order], capsize=2)
        axes[1][k].axhline(0, color=study_report.COLORS["JLMU"])
        axes[1][k].set(xscale="log", xlabel="pools n")
    axes[0][0].set_ylabel("two pools: % lost to the optimum")
    axes[1][0].set_ylabel("% gained over JLMU")
    axes[0][0].legend(fontsize=8)
    return canvas
