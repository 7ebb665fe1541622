"""Table 1: the gap u*(⟨s⟩) − ⟨u⟩ of both policies, and whether a misread SLTA would show (paper section
3.4.1).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.engine.compiling import has_numba
from experiments.engine.simulate import Run, optimum_table, simulate
from experiments.fleets import TABLE_1
from experiments.misreadings import MISREADINGS
from experiments.parallel import each
from experiments.report import COLORS, Report, figure, markdown_table, mean_and_error, page, with_error
from experiments.workload import WARM_UP, generator, stationary

SIZES = tuple(range(50, 501, 50))
LOADS = (9.75, 10.0)
HORIZON = 180.0
MAX_LOAD = 60.0
"""Beyond it pools of capacity 96 might fill, and sessions be refused."""
POLICIES = ("JLMU", "SLTA")
PLANTED = (50, 9.75)
"""n and ρ at which the misreadings are planted."""

# n: u*(⟨s⟩), ⟨u⟩ under JLMU, ⟨u⟩ under SLTA, as printed.
PRINTED = {
    9.75: {
        50: (9.1752, 9.1652, 9.1649),
        100: (9.1746, 9.1699, 9.1698),
        150: (9.1738, 9.1706, 9.1705),
        200: (9.1743, 9.1723, 9.1723),
        250: (9.1735, 9.1720, 9.1720),
        300: (9.1738, 9.1727, 9.1726),
        350: (9.1742, 9.1734, 9.1734),
        400: (9.1734, 9.1728, 9.1728),
        450: (9.1737, 9.1732, 9.1731),
        500: (9.1726, 9.1721, 9.1721),
    },
    10.0: {
        50: (9.1594, 9.1433, 9.1439),
        100: (9.1627, 9.1499, 9.1498),
        150: (9.1633, 9.1534, 9.1534),
        200: (9.1634, 9.1556, 9.1555),
        250: (9.1639, 9.1572, 9.1572),
        300: (9.1613, 9.1548, 9.1547),
        350: (9.1619, 9.1563, 9.1562),
        400: (9.1632, 9.1578, 9.1578),
        450: (9.1630, 9.1576, 9.1576),
        500: (9.1632, 9.1583, 9.1583),
    },
}


def printed_gap(policy: str, n: int, load: float) -> float | None:
    """u*(⟨s⟩) − ⟨u⟩ as the paper prints it; None where it does not."""
    row = PRINTED.get(load, {}).get(n)
    return round(row[0] - row[1 + POLICIES.index(policy)], 4) if row else None


@dataclass(frozen=True)
class Cell:
    """One coupled run: all policies meet the same arrivals and holding times."""

    n: int
    load: float
    seed: int
    horizon: float

    @property
    def policies(self) -> tuple[str, ...]:
        """Both, and where they are planted the misreadings."""
        return (*POLICIES, *MISREADINGS) if (self.n, self.load) == PLANTED else POLICIES


Measured = dict[str, tuple[float, float, float]]
"""By policy: the gap, its part of placement, its part of the load's swings."""


def measure_cell(cell: Cell) -> tuple[Cell, Measured]:
    """Play one workload under each policy, from equilibrium."""
    rng = generator(1, cell.seed, cell.n, round(1000 * cell.load))
    end = WARM_UP + cell.horizon
    workload = stationary(rng, cell.n * cell.load, end)
    measured = {}
    for policy in cell.policies:
        gaps = simulate(TABLE_1, cell.n, policy, workload, Run(horizon=end)).gaps
        measured[policy] = (gaps.utility_gap, gaps.placement_gap, gaps.swing_gap)
    return cell, measured


def expected_swing(n: int, load: float) -> float:
    """u*(ρ) − E u*(N/n) with N Poisson(nρ): what every policy loses (PAPER: E[u] ≤ E u*(s))."""
    from scipy.stats import poisson  # noqa: PLC0415 - slow to import

    mean = n * load
    most = int(mean + 12 * np.sqrt(mean)) + 10
    weights = poisson.pmf(np.arange(most + 1), mean)
    return TABLE_1.bound(load) - float(weights @ optimum_table(TABLE_1, n, most)) / n


def study(
    sizes: Sequence[int] = SIZES,
    loads: Sequence[float] = LOADS,
    seeds: int = 1,
    horizon: float = HORIZON,
    processes: int = 1,
) -> Report:
    """Table 1 over `seeds` independent runs a cell; times in mean holding times."""
    started = time.perf_counter()
    cells = [
        Cell(n, load, seed, horizon) for seed in range(seeds) for n in sorted(sizes, reverse=True) for load in loads
    ]
    results = each(measure_cell, cells, "table 1", processes)
    runs = {
        (n, load): [m for cell, m in results if (cell.n, cell.load) == (n, load)]
        for load in loads
        for n in sorted(sizes)
    }
    data = {
        "rows": [row(policy, *key, measured) for policy in POLICIES for key, measured in runs.items()],
        "paired": [paired("SLTA", *key, measured) for key, measured in runs.items()],
        "misreadings": [misreading(name, runs[PLANTED]) for name in MISREADINGS] if PLANTED in runs else [],
        "run": {
            "horizon": horizon,
            "warm_up": WARM_UP,
            "seeds": seeds,
            "seconds": round(time.perf_counter() - started, 1),
            "processes": processes,
            "compiled": has_numba(),
        },
    }
    return Report("table1", data, markdown(data), {"table1": gap_figure(data)})


def row(policy: str, n: int, load: float, measured: list[Measured]) -> dict[str, Any]:
    """One policy's gap in one cell beside the paper's."""
    mean, error, deviation = mean_and_error([m[policy][0] for m in measured])
    paper = printed_gap(policy, n, load)
    return {
        "policy": policy,
        "n": n,
        "load": load,
        "seeds": len(measured),
        "gap_mean": mean,
        "gap_se": error,
        "gap_paper": paper,
        "z": (paper - mean) / deviation if paper is not None and deviation else None,
        "placement_gap_mean": float(np.mean([m[policy][1] for m in measured])),
        "swing_gap_expected": expected_swing(n, load),
    }


def paired(policy: str, n: int, load: float, measured: list[Measured]) -> dict[str, Any]:
    """The difference of the gaps on the same workloads, policy − JLMU."""
    mean, error, _ = mean_and_error([m[policy][0] - m["JLMU"][0] for m in measured])
    return {"n": n, "load": load, "difference_mean": mean, "difference_se": error}


def misreading(name: str, measured: list[Measured]) -> dict[str, Any]:
    """How far a misreading moves the paired difference, in standard errors of the two differences
    together.
    """
    n, load = PLANTED
    planted, right = paired(name, n, load, measured), paired("SLTA", n, load, measured)
    moved = planted["difference_mean"] - right["difference_mean"]
    errors = planted["difference_se"], right["difference_se"]
    moved_se = moved / float(np.hypot(*errors)) if len(measured) > 1 else None
    return {"misreading": name, **planted, "seeds": len(measured), "moved": moved, "moved_in_se": moved_se}


def markdown(data: dict[str, Any]) -> str:
    """The tables, in words that stand alone."""
    run = data["run"]
    intro = (
        f"Gap u*(⟨s⟩) − ⟨u⟩ per pool, {run['seeds']} seeds a cell (0 to {run['seeds'] - 1}), horizon "
        f"{run['horizon']:g} after {run['warm_up']:g} of warm-up, in mean holding times.\n\n"
        "- `z`: standard deviations of one run between the paper's printed gap and our mean\n"
        "- `placement`: the part that better placement could win, ⟨u*(s)⟩ − ⟨u⟩\n"
        "- `swings`: u*(ρ) − E u*(N/n), N Poisson(nρ): lost under every policy\n\n"
        f"Run time {run['seconds']:g} s with {run['processes']} process(es), "
        f"{'compiled' if run['compiled'] else 'plain Python'}."
    )
    rows = markdown_table(
        ["ρ", "n", "policy", "our gap", "paper", "z", "placement", "swings"],
        [
            (
                f"{r['load']:g}",
                r["n"],
                r["policy"],
                with_error(r["gap_mean"], r["gap_se"], 6),
                None if r["gap_paper"] is None else f"{r['gap_paper']:.4f}",
                None if r["z"] is None else f"{r['z']:+.2f}",
                f"{r['placement_gap_mean']:.6f}",
                f"{r['swing_gap_expected']:.6f}",
            )
            for r in sorted(data["rows"], key=lambda r: (r["load"], r["n"], r["policy"]))
        ],
    )
    pairs = markdown_table(
        ["ρ", "n", "SLTA − JLMU"],
        [(f"{p['load']:g}", p["n"], with_error(p["difference_mean"], p["difference_se"], 7)) for p in data["paired"]],
    )
    return page("Table 1", intro, rows, "## The paired difference of the gaps\n", pairs, planted_table(data))


def planted_table(data: dict[str, Any]) -> str:
    """What the misreadings do to the paired difference."""
    if not data["misreadings"]:
        return ""
    n, load = PLANTED
    table = markdown_table(
        ["misreading", "misread − JLMU", "moved by", "in standard errors"],
        [
            (
                m["misreading"],
                with_error(m["difference_mean"], m["difference_se"], 7),
                f"{m['moved']:+.7f}",
                None if m["moved_in_se"] is None else f"{m['moved_in_se']:.1f}",
            )
            for m in data["misreadings"]
        ],
    )
    return f"## Misreadings planted at n = {n}, ρ = {load:g}\n\n{table}"


def gap_figure(data: dict[str, Any]) -> Any:  # noqa: ANN401 - a matplotlib figure
    """Gap against n, log-log, with the paper's points."""
    loads = sorted({r["load"] for r in data["rows"]})
    canvas, axes = figure(9.5, 4.2, nrows=1, ncols=len(loads), sharey=True, squeeze=False)
    for ax, load in zip(axes[0], loads, strict=True):
        for policy, marker in zip(POLICIES, "os", strict=True):
            mine = [r for r in data["rows"] if (r["policy"], r["load"]) == (policy, load)]
            sizes = [r["n"] for r in mine]
            errors = [2 * (r["gap_se"] or 0.0) for r in mine]
            gaps = [r["gap_mean"] for r in mine]
            ax.errorbar(sizes, gaps, errors, color=COLORS[policy], label=f"{policy}, ± 2 s.e.", capsize=2)
            paper = [(r["n"], r["gap_paper"]) for r in mine if r["gap_paper"]]
            if paper:
                style = {"ls": "", "mfc": "none", "color": COLORS[policy], "marker": marker}
                ax.plot(*zip(*paper, strict=True), label=f"{policy}, paper (one run)", **style)
        swing = [r["swing_gap_expected"] for r in mine]
        ax.plot(sizes, swing, ls=":", color=COLORS["bound"], label="lost to the load's swings by any policy")
        ax.set(xscale="log", yscale="log", xlabel="pools n", title=f"ρ = {load:g}")
        ax.set_xticks(sizes, [str(n) for n in sizes], rotation=60, minor=False)
        ax.minorticks_off()
    axes[0][0].set_ylabel("gap u*(⟨s⟩) − ⟨u⟩ per pool")
    axes[0][0].legend(fontsize=8)
    return canvas
