"""Orders study: gain of kinks on random fleets with many ties, and of the index beside the true optimum."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from lab.studies.small import SMALL_FLEETS
from slta.core.orders import Index, Kink
from slta.core.ranking import Ranking
from slta.core.utility import PoolClass, TableUtility
from slta_experiments import study_report
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FleetShape
from slta_experiments.optimal_control import best_and_ordered, chain_of
from slta_experiments.parallel import each
from slta_experiments.workload import WARM_UP, generator, stationary

FLEETS = 40
LARGEST = 100
"""Pools."""
CAPACITY = 16
POOL_TIME = 10_000.0
"""n times the horizon of a run, in mean holding times."""
POLICIES = ("JLMU", "SLTA-greedy")
NOTICEABLE = 0.02
"""Percent of the bound; smaller differences count as zero."""
SURE = 2.0
"""Standard errors that a difference must exceed as well."""
STEPS = (0, 1, 2, 4)
"""Marginal utilities of the random curves; few, so that classes tie at most levels."""
EXACT_LOADS = (1.0, 1.5)
"""Load assumed by the index, relative to the true one."""
EXACT_POOLS = (2, 4)
EXACT_CAPACITY = 14
"""Capacity in the exact sums of four pools."""
ORDERS = ("paper", "kink", *(f"index at {factor:g} ρ" for factor in EXACT_LOADS))


@cache
def tied_fleet(number: int) -> tuple[FleetShape, int, float]:
    """Random fleet `number`: 2 to 5 classes of decreasing steps, 6 to 100 pools, and a load per pool.

    The load fills between 1/5 and 4/5 of the levels with positive marginal utility.
    """
    chance = random.Random(f"orders {number}")
    classes = tuple(PoolClass(f"class {i + 1}", stepped(chance), CAPACITY) for i in range(chance.randint(2, 5)))
    shares = tuple(chance.randint(1, 3) for _ in classes)
    n = sum(shares) * max(1, round(math.exp(chance.uniform(math.log(6), math.log(LARGEST))) / sum(shares)))
    shape = FleetShape(f"fleet {number + 1}", classes, shares)
    useful = sum(
        float(part) * sum(m > 0 for m in column)
        for part, column in zip(shape.fractions, shape.ranking.marginals, strict=True)
    )
    return shape, n, round(chance.uniform(0.2, 0.8) * useful, 2)


def stepped(chance: random.Random) -> TableUtility:
    """Some levels at each of two or more of `STEPS`, descending; the rest at the last."""
    values = [Fraction(0)]
    for step in sorted(chance.sample(STEPS, chance.randint(2, len(STEPS))), reverse=True):
        values += [values[-1] + step * (k + 1) for k in range(chance.randint(1, 5))]
    rest = values[-1] - values[-2]
    while len(values) <= CAPACITY:
        values.append(values[-1] + rest)
    return TableUtility(tuple(values[: CAPACITY + 1]))


@dataclass(frozen=True)
class Trial:
    """A workload of one fleet, met in both orders by each policy."""

    fleet: int
    seed: int


def measure(trial: Trial) -> dict[str, float]:
    """Placement gap in percent of the bound, by policy and order."""
    shape, n, load = tied_fleet(trial.fleet)
    end = WARM_UP + POOL_TIME / n
    workload = stationary(generator(12, trial.seed, trial.fleet), n * load, end)
    found = {}
    for policy in POLICIES:
        for name, order in (("paper", shape.ranking), ("kink", shape.arranged(Kink()))):
            gaps = simulate(shape, n, policy, workload, Run(horizon=end, order=order)).gaps
            found[f"{policy}, {name}"] = 100 * gaps.placement_gap / (gaps.utility_mean + gaps.placement_gap)
    return found


def row_of(number: int, results: list[dict[str, float]]) -> dict[str, Any]:
    """A fleet: gap in the paper's order, and the paired change by kinks."""
    shape, n, load = tied_fleet(number)
    row: dict[str, Any] = {"fleet": number + 1, "classes": len(shape.classes), "n": n, "load": load}
    for policy in POLICIES:
        gap, gap_error, _ = study_report.mean_and_error([r[f"{policy}, paper"] for r in results])
        change, error, _ = study_report.mean_and_error([r[f"{policy}, kink"] - r[f"{policy}, paper"] for r in results])
        row[policy] = {"gap": gap, "gap_se": gap_error, "change": change, "change_se": error}
    return row


def count_of(rows: list[dict[str, Any]], policy: str) -> dict[str, Any]:
    """Number of fleets where kinks are better and worse, and by how much."""
    changes = [row[policy]["change"] for row in rows]
    sure = [c for c, row in zip(changes, rows, strict=True) if abs(c) > SURE * (row[policy]["change_se"] or 0.0)]
    return {
        "policy": policy,
        "better": sum(c < -NOTICEABLE for c in sure),
        "worse": sum(c > NOTICEABLE for c in sure),
        "same": sum(abs(c) <= NOTICEABLE for c in changes),
        "mean_gap": study_report.mean_and_error([row[policy]["gap"] for row in rows])[0],
        "mean_change": study_report.mean_and_error(changes)[0],
        "best_change": min(changes),
        "worst_change": max(changes),
    }


def exact(job: tuple[str, int]) -> dict[str, Any]:
    """Loss of each order to the optimum of one small fleet, in percent of it."""
    name, n = job
    shape, load, capacity = SMALL_FLEETS[name]
    chain = chain_of(shape.ranking, shape.pools(n), EXACT_CAPACITY if n > 2 else max(capacity, EXACT_CAPACITY))
    best, values = best_and_ordered(chain, n * load, small_orders(shape, n * load))
    lost = {order: 100 * (best - value) / abs(best) for order, value in values.items()}
    return {"fleet": name, "n": n, "load": load, "optimum": best / n, "lost_percent": lost}


def small_orders(shape: FleetShape, sessions: float) -> dict[str, Ranking]:
    """Orders by the names of `ORDERS`."""
    orders = [shape.ranking, shape.arranged(Kink()), *(shape.arranged(Index(f * sessions)) for f in EXACT_LOADS)]
    return dict(zip(ORDERS, orders, strict=True))


def exact_jobs() -> list[tuple[str, int]]:
    """Two pools, and four if the state space is small enough."""
    return [(name, n) for name, (_, load, _) in SMALL_FLEETS.items() for n in EXACT_POOLS if n == 2 or load < 5]


def study(seeds: int, processes: int) -> study_report.Report:
    """Random fleets in both orders, then small ones beside their optimum."""
    started = study_report.processor_seconds()
    trials = [Trial(fleet, seed) for fleet in range(FLEETS) for seed in range(seeds)]
    results = each(measure, trials, "orders", processes)
    rows = [row_of(fleet, results[fleet * seeds : (fleet + 1) * seeds]) for fleet in range(FLEETS)]
    data: dict[str, Any] = {"counts": [count_of(rows, policy) for policy in POLICIES], "fleets": rows}
    data["exact"] = each(exact, exact_jobs(), "exact", processes)
    data["run"] = {
        "seeds": seeds,
        "pool_time": POOL_TIME,
        "seconds": round(study_report.processor_seconds() - started, 1),
    }
    return study_report.Report("orders", data, markdown(data), {"orders": figure_of(rows)})


def markdown(data: dict[str, Any]) -> str:
    """Tables: counts, the optimum of small fleets, all fleets."""
    run = data["run"]
    return study_report.page(
        "The orders of the fleet file",
        f"{FLEETS} random fleets of 2 to 5 classes with marginal utilities of 0, 1, 2 and 4, 6 to {LARGEST} pools, at "
        "a steady load: placement gap in percent of the bound ⟨u*(s)⟩ in the paper's order, and what the order by "
        f"kinks changes on the same sessions. Better and worse: by more than {NOTICEABLE:g} % and more than {SURE:g} "
        f"standard errors. {run['seeds']} seeds, n times the horizon {run['pool_time']:g}. Processor time "
        f"{run['seconds']:g} s.",
        counts_table(data["counts"]),
        "## Beside the true optimum (exact)\n\nWhat JLMU loses to it in each order, in percent.\n\n"
        + lost_table(data["exact"]),
        f"## Fleet by fleet\n\n{fleets_table(data['fleets'])}",
    )


def counts_table(counts: list[dict[str, Any]]) -> str:
    """A row per policy."""
    header = ["policy", "better", "worse", "within 0.02 %", "mean gap", "mean change", "best change", "worst change"]
    keys = ("mean_gap", "mean_change", "best_change", "worst_change")
    return study_report.markdown_table(
        header, [(c["policy"], c["better"], c["worse"], c["same"], *(f"{c[key]:.3f}" for key in keys)) for c in counts]
    )


def lost_table(rows: list[dict[str, Any]]) -> str:
    """A row per small fleet."""
    header = ["fleet", "n", "ρ", "optimum per pool", *ORDERS]
    return study_report.markdown_table(
        header,
        [
            (
                r["fleet"],
                r["n"],
                f"{r['load']:g}",
                f"{r['optimum']:.5f}",
                *(f"{max(r['lost_percent'][order], 0):.3f}" for order in ORDERS),
            )
            for r in rows
        ],
    )


def fleets_table(rows: list[dict[str, Any]]) -> str:
    """A row per fleet."""
    header = ["fleet", "classes", "n", "ρ"]
    for policy in POLICIES:
        header += [f"{policy}, paper", f"{policy}, kink − paper"]
    return study_report.markdown_table(
        header,
        [
            (
                str(r["fleet"]),
                r["classes"],
                r["n"],
                f"{r['load']:g}",
                *(
                    study_report.with_error(r[policy][key], r[policy][f"{key}_se"], 3)
                    for policy in POLICIES
                    for key in ("gap", "change")
                ),
            )
            for r in rows
        ],
    )


def figure_of(rows: list[dict[str, Any]]) -> Any:
    """Change of each fleet, sorted, by policy."""
    canvas, ax = study_report.figure(8.0, 4.0)
    shown = sorted(rows, key=lambda row: float(row["JLMU"]["change"]))
    for shift, policy, color in (
        (-0.2, "JLMU", study_report.COLORS["JLMU"]),
        (0.2, "SLTA-greedy", study_report.COLORS["accent"]),
    ):
        errors = [row[policy]["change_se"] or 0.0 for row in shown]
        places = [at + shift for at in range(len(shown))]
        ax.bar(places, [row[policy]["change"] for row in shown], 0.4, yerr=errors, color=color, label=policy)
    ax.set_xticks(range(len(shown)), [str(row["fleet"]) for row in shown], fontsize=7)
    ax.set(xlabel="fleet", ylabel="kink − paper, % of the bound")
    ax.set_title("What the order by kinks changes")
    ax.legend(loc="lower right")
    return canvas
