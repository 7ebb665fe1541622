"""Fluid limit of JLMU, eq. (10), beside simulated paths (paper section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from slta.core.fluid import arrival_rates, derivative, frontier_rank
from slta.core.optimum import optimal_assignment, optimum
from slta_experiments import study_report
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import FleetShape, log_share
from slta_experiments.parallel import each
from slta_experiments.workload import from_present, generator

SHAPE = log_share("table 1, capacity 48", (20, 30), (1, 1), 48)
LOAD = 9.75
SIZES = (100, 10_000)
STARTS = {"empty": (0, 0), "24 sessions on every pool of class 1, none on class 2": (24, 0)}
HORIZON = 10.0
TIMES = tuple(np.linspace(0.0, HORIZON, 201).tolist())
FULL = 1e-9
"""Tolerance of a full level, because an integrator never reaches equality."""

Columns = list[list[float]]
Floats = NDArray[np.float64]


def columns_of(shape: FleetShape, flat: Floats) -> Columns:
    """q as columns from level 0, from a vector of levels 1 up; nearly full levels are rounded."""
    columns, at = [], 0
    for fraction, capacity in zip(shape.fractions, shape.capacities, strict=True):
        share = float(fraction)
        levels = flat[at : at + capacity]
        columns.append([share, *np.where(levels > share - FULL, share, levels).tolist()])
        at += capacity
    return columns


def admissible(shape: FleetShape, q: Columns, arrival_rate: float) -> Columns:
    """Enforce (10b): if arrivals cannot keep all better levels full, the worst of them starts to empty."""
    while True:
        frontier = frontier_rank(shape.ranking, q)
        if frontier > len(shape.ranking):
            return q
        i, j = shape.ranking.coordinate(frontier)
        if frontier == 1 or arrival_rates(shape.ranking, q, arrival_rate, 1.0)[i][j] >= 0:
            return q
        i, j = shape.ranking.coordinate(frontier - 1)
        q[i][j] -= FULL


def right_side(_: float, flat: Floats, shape: FleetShape, arrival_rate: float) -> Floats:
    """dq/dt of eq. (10) with μ = 1, as a vector."""
    q = admissible(shape, columns_of(shape, flat), arrival_rate)
    rates = derivative(shape.ranking, q, arrival_rate, 1.0)
    return np.concatenate([column[1:] for column in rates])


def integrate(shape: FleetShape, start: Sequence[int], arrival_rate: float, times: Sequence[float]) -> Floats:
    """q at `times` (rows), starting with `start[i]` sessions on every pool of class i."""
    flat = np.concatenate(
        [
            float(f) * (np.arange(1, c + 1) <= x)
            for f, c, x in zip(shape.fractions, shape.capacities, start, strict=True)
        ]
    )
    solution = solve_ivp(
        right_side,
        (times[0], times[-1]),
        flat,
        method="RK45",
        t_eval=times,
        max_step=0.02,
        rtol=1e-9,
        atol=1e-11,
        args=(shape, arrival_rate),
    )
    if not solution.success:
        raise RuntimeError(f"eq. (10) could not be integrated: {solution.message}")
    return np.asarray(solution.y.T)


def optimal(shape: FleetShape, load: float) -> Floats:
    """q* as a vector of levels 1 up."""
    fractions = [float(f) for f in shape.fractions]
    best = optimum(shape.ranking, fractions, load)
    assert best is not None  # noqa: S101 - every shape has pools
    columns = optimal_assignment(shape.ranking, fractions, best)
    return np.concatenate(
        [np.pad(np.array(q[1:]), (0, c + 1 - len(q))) for q, c in zip(columns, shape.capacities, strict=True)]
    )


def simulated(shape: FleetShape, load: float, n: int, start: Sequence[int]) -> Floats:
    """Simulated path of JLMU with n pools at the same times."""
    columns = [[x] * pools for x, pools in zip(start, shape.pools(n), strict=True)]
    present = sum(map(sum, columns))
    workload = from_present(generator(3, n, *start), present, n * load, HORIZON + 1)
    run = Run(horizon=HORIZON + 1, warm_up=0.0, columns=columns, rank=1, sample_times=TIMES)
    samples = simulate(shape, n, "JLMU", workload, run).samples
    rows = [samples.assignment(shape, n, row) for row in range(len(TIMES))]
    return np.array([np.concatenate([column[1:] for column in q]) for q in rows])


def one_start(load: float, start: tuple[int, int]) -> dict[str, Any]:
    """Fluid and simulated paths from one start: distances and totals."""
    fluid = integrate(SHAPE, start, load, TIMES)
    target = optimal(SHAPE, load)
    initial = float(fluid[0].sum())
    expected = load + (initial - load) * np.exp(-np.array(TIMES))
    paths = {str(n): simulated(SHAPE, load, n, start) for n in SIZES}
    return {
        "sessions_start": initial,
        "fluid_sessions_error": float(np.abs(fluid.sum(axis=1) - expected).max()),
        "fluid_distance_end": float(np.abs(fluid[-1] - target).sum()),
        "curves": {
            "expected_sessions": expected,
            "fluid_distance": np.abs(fluid - target).sum(axis=1),
            **{f"sessions_{n}": path.sum(axis=1) for n, path in paths.items()},
            **{f"distance_{n}": np.abs(path - target).sum(axis=1) for n, path in paths.items()},
        },
        "paths": [
            {
                "n": int(n),
                "sessions_error": float(np.abs(path.sum(axis=1) - expected).max()),
                "fluid_error": float(np.abs(path - fluid).sum(axis=1).max()),
                "distance_end": float(np.abs(path[-1] - target).sum()),
            }
            for n, path in paths.items()
        ],
    }


def study(processes: int) -> study_report.Report:
    """Both starts at ρ = 9.75; seeds are fixed by n and the start."""
    started = study_report.processor_seconds()
    results = each(partial(one_start, LOAD), list(STARTS.values()), "fluid limit", processes)
    data: dict[str, Any] = {
        "load": LOAD,
        "times": TIMES,
        "starts": [{"start": name, **result} for name, result in zip(STARTS, results, strict=True)],
        "run": {"seconds": round(study_report.processor_seconds() - started, 1)},
    }
    return study_report.Report("fluid", data, markdown(data), {"fluid": distance_figure(data)})


def markdown(data: dict[str, Any]) -> str:
    """Table of distances and totals."""
    rows = []
    for start in data["starts"]:
        fluid = ("fluid", start["fluid_sessions_error"], None, start["fluid_distance_end"])
        paths = [(f"n = {p['n']}", p["sessions_error"], p["fluid_error"], p["distance_end"]) for p in start["paths"]]
        for path, *values in (fluid, *paths):
            rows.append((start["start"], path, *(None if v is None else f"{v:.2g}" for v in values)))
    intro = (
        f"Table 1's classes at ρ = {data['load']:g}, μ = 1, up to t = {HORIZON:g}; eq. (10) by RK45 of SciPy. "
        "Distances are ℓ1 norms in sessions per pool. "
        f"Processor time {data['run']['seconds']:g} s."
    )
    header = [
        "start",
        "path",
        "worst error of s against Proposition 4",
        "worst ‖q − fluid‖",
        f"‖q − q*‖ at t = {HORIZON:g}",
    ]
    return study_report.page("Fluid limit", intro, study_report.markdown_table(header, rows))


def distance_figure(data: dict[str, Any]) -> Any:  # noqa: ANN401 - a matplotlib figure
    """Total sessions and distance from q*, by start."""
    canvas, axes = study_report.figure(9.5, 6.5, nrows=2, ncols=len(data["starts"]), sharex=True)
    for k, start in enumerate(data["starts"]):
        curves, times = start["curves"], data["times"]
        totals, distances = axes[0][k], axes[1][k]
        totals.plot(
            times,
            curves["expected_sessions"],
            color=study_report.COLORS["bound"],
            lw=3,
            alpha=0.5,
            label="Proposition 4",
        )
        distances.plot(
            times, curves["fluid_distance"], color=study_report.COLORS["bound"], lw=3, alpha=0.5, label="fluid limit"
        )
        for n, color in zip(SIZES, (study_report.COLORS["accent"], study_report.COLORS["JLMU"]), strict=True):
            totals.plot(times, curves[f"sessions_{n}"], color=color, lw=1, label=f"simulated, n = {n:,}")
            distances.plot(times, curves[f"distance_{n}"], color=color, lw=1, label=f"simulated, n = {n:,}")
        totals.set_title(f"start: {start['start']}", fontsize=9)
        distances.set(xlabel="time in mean holding times", yscale="log", ylim=(1e-3, 30))
    axes[0][0].set_ylabel("sessions per pool")
    axes[1][0].set_ylabel("‖q − q*‖₁")
    axes[0][0].legend(fontsize=8)
    axes[1][0].legend(fontsize=8)
    return canvas
