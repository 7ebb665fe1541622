"""Cells study: cost of splitting a fleet; sessions are hashed to cells, which dispatch independently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slta_experiments import study_report
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import TABLE_1
from slta_experiments.parallel import each
from slta_experiments.studies import UnsuitableError
from slta_experiments.studies.table1 import expected_swing
from slta_experiments.workload import Workload, generator, stationary

SIZES = (2_000, 20_000)
CELLS = (1, 2, 4, 8, 16, 32, 64)
LOADS = (9.75, 10.0)
BUCKETS = 1_024
POLICIES = ("SLTA", "JLMU")
WARM_UP = 8.0
HORIZON = {2_000: 60.0, 20_000: 10.0}


@dataclass(frozen=True)
class Split:
    """A workload for n pools, split into each number of cells in turn."""

    n: int
    load: float
    seed: int


def buckets_of(sessions: int, salt: int) -> NDArray[np.int64]:
    """Bucket of each session: SplitMix64 finaliser of its number, as good as a random bucket."""
    z = np.arange(1, sessions + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) % np.uint64(BUCKETS)).astype(np.int64)


def part_of(workload: Workload, mine: NDArray[np.bool_]) -> Workload:
    """Workload of one cell."""
    numbers = np.cumsum(mine) - 1
    departing_here = mine[workload.departing]
    return Workload(
        initial=int(mine[: workload.initial].sum()),
        arrivals=workload.arrivals[mine[workload.initial :]],
        departures=workload.departures[departing_here],
        departing=numbers[workload.departing[departing_here]],
        draws=workload.draws[mine[workload.initial :]],
    )


def pools_of_cells(n: int, cells: int) -> list[int]:
    """Pools per cell, evenly by class: every cell has the fleet's shape, up to a pair of pools."""
    pairs = n // 2
    return [2 * (pairs // cells + (c < pairs % cells)) for c in range(cells)]


def cell_of_bucket(n: int, cells: int) -> NDArray[np.int64]:
    """Buckets in proportion to pools, as an operator would assign them; 1,024 suffice for 64 cells."""
    pools = np.array(pools_of_cells(n, cells))
    edges = np.round(np.cumsum(pools) * BUCKETS / n).astype(np.int64)
    return np.searchsorted(edges, np.arange(BUCKETS), side="right")


def measure(split: Split) -> list[dict[str, Any]]:
    """Mean utility per pool of the whole fleet, by number of cells and policy."""
    n, end = split.n, WARM_UP + HORIZON[split.n]
    workload = stationary(generator(8, split.seed, n, round(1000 * split.load)), n * split.load, end)
    buckets = buckets_of(workload.sessions, split.seed)
    rows = []
    for cells in CELLS:
        cell = cell_of_bucket(n, cells)[buckets]
        parts = [part_of(workload, cell == c) for c in range(cells)]
        for policy in POLICIES:
            utility, placement = 0.0, 0.0
            for size, part in zip(pools_of_cells(n, cells), parts, strict=True):
                gaps = simulate(TABLE_1, size, policy, part, Run(horizon=end, warm_up=WARM_UP)).gaps
                utility += size * gaps.utility_mean / n
                placement += size * gaps.placement_gap / n
            found = {"cells": cells, "policy": policy, "utility": utility, "placement": placement}
            rows.append({**vars(split), **found})
    return rows


def study(sizes: Sequence[int], seeds: int, processes: int) -> study_report.Report:
    """Utility lost to splitting on the same sessions, by number of cells."""
    if not set(sizes) <= set(SIZES):
        raise UnsuitableError(f"--n: must be one of {', '.join(map(str, SIZES))}")
    started = study_report.processor_seconds()
    splits = [Split(n, load, seed) for n in sorted(sizes, reverse=True) for load in LOADS for seed in range(seeds)]
    measured = [row for rows in each(measure, splits, "cells", processes) for row in rows]
    rows = [
        summary(measured, n, load, cells, policy)
        for n in sizes
        for load in LOADS
        for policy in POLICIES
        for cells in CELLS
    ]
    data: dict[str, Any] = {"rows": rows, "horizon": {str(n): HORIZON[n] for n in sizes}, "warm_up": WARM_UP}
    data["run"] = {"seeds": seeds, "seconds": round(study_report.processor_seconds() - started, 1)}
    return study_report.Report("cells", data, markdown(data), {"cells": cost_figure(data)})


def summary(measured: list[dict[str, Any]], n: int, load: float, cells: int, policy: str) -> dict[str, Any]:
    """Loss against the whole fleet under the same policy, and the part explained by the cells' loads."""

    def seen(what: str, count: int) -> NDArray[np.float64]:
        wanted = (n, load, count, policy)
        return np.array([r[what] for r in measured if (r["n"], r["load"], r["cells"], r["policy"]) == wanted])

    loss, error, _ = study_report.mean_and_error(seen("utility", 1) - seen("utility", cells))
    placement = float((seen("placement", cells) - seen("placement", 1)).mean())
    swings = expected_swing(2 * round(n / cells / 2), load) - expected_swing(n, load)
    return {
        "n": n,
        "load": load,
        "policy": policy,
        "cells": cells,
        "pools_per_cell": n // cells,
        "utility": float(seen("utility", cells).mean()),
        "loss_mean": loss,
        "loss_se": error,
        "loss_percent": 100 * loss / TABLE_1.bound(load),
        "placement": placement,
        "swings_expected": swings,
        "rest": loss - placement - swings,
    }


def markdown(data: dict[str, Any]) -> str:
    """A table per fleet size."""
    run = data["run"]
    intro = (
        f"Table 1's classes; one stream of sessions, hashed to {BUCKETS:,} buckets, the buckets to cells; pools are "
        "dealt evenly. Loss: mean utility per pool of the whole fleet as one cell minus that of the split fleet, same "
        "sessions and policy. It is the sum of three: what the policy places worse in small cells; what the larger "
        "swings of small cells' loads cost, computed for evenly loaded cells; and the rest, unequal loads of the "
        "cells (bucket counts are whole numbers) and chance.\n\n"
        f"{run['seeds']} seeds; horizons {data['horizon']} after {data['warm_up']:g} of warm-up. "
        f"Processor time {run['seconds']:g} s."
    )
    parts = [intro]
    for n in dict.fromkeys(r["n"] for r in data["rows"]):
        table = loss_table([r for r in data["rows"] if r["n"] == n and r["cells"] > 1])
        parts.append(f"## {n:,} pools\n\n{table}")
    return study_report.page("Cells", *parts)


def loss_table(rows: list[dict[str, Any]]) -> str:
    """Cost of splitting at one fleet size."""
    return study_report.markdown_table(
        ["ρ", "policy", "cells", "pools per cell", "loss", "in %", "placement", "swings", "rest"],
        [
            (
                f"{r['load']:g}",
                r["policy"],
                r["cells"],
                r["pools_per_cell"],
                study_report.with_error(r["loss_mean"], r["loss_se"], 6),
                f"{r['loss_percent']:.4f}",
                *(f"{r[part]:.6f}" for part in ("placement", "swings_expected", "rest")),
            )
            for r in rows
        ],
    )


def cost_figure(data: dict[str, Any]) -> Any:
    """Loss in percent of the bound against pools per cell, a curve per fleet size."""
    canvas, axes = study_report.figure(9.0, 4.0, nrows=1, ncols=len(LOADS), sharey=True)
    markers = dict(zip(dict.fromkeys(r["n"] for r in data["rows"]), "os", strict=False))
    for ax, load in zip(axes, LOADS, strict=True):
        for n, marker in markers.items():
            rows = [r for r in data["rows"] if (r["n"], r["load"], r["policy"]) == (n, load, "SLTA")][1:]
            pools = [r["pools_per_cell"] for r in rows]
            losses = [max(r["loss_percent"], 1e-6) for r in rows]
            ax.plot(pools, losses, marker=marker, ls="", color=study_report.COLORS["SLTA"], label=f"SLTA, {n:,} pools")
            expected = [100 * r["swings_expected"] / TABLE_1.bound(load) for r in rows]
            ax.plot(pools, expected, ls=":", color=study_report.COLORS["bound"])
        ax.plot([], [], ls=":", color=study_report.COLORS["bound"], label="expected from the load's swings alone")
        ax.set(xscale="log", yscale="log", xlabel="pools per cell", title=f"ρ = {load:g}")
    axes[0].set_ylabel("utility lost to splitting, in %")
    axes[0].legend(fontsize=8)
    return canvas
