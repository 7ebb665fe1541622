"""Learning study of SLTA's r: from empty, through load steps, without and with a class, and for several β (3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from slta.core.policies.tokens import Beta
from slta_experiments import study_report
from slta_experiments.engine.dispatch import DOWN, UP
from slta_experiments.engine.simulate import Outcome, Run, simulate
from slta_experiments.fleets import TABLE_1
from slta_experiments.parallel import each
from slta_experiments.studies.class_away import class_away
from slta_experiments.studies.learning_figures import learning_figure
from slta_experiments.workload import WARM_UP, from_present, generator, stationary, stepped

LOAD = 9.75
FROM_EMPTY = (100, 500, 2_000)
TIME_SIZES = (50, 100, 200, 500, 1_000, 2_000, 5_000, 20_000)
STEPS = ((0.0, 5.0), (20.0, 10.0), (40.0, 5.0))
STEP_END = 60.0
STEP_SIZE = 500
BETA_SIZES = (50, 200, 1_000)
BETAS: dict[str, Beta] = {
    **{f"n^−{e:g}": Beta(exponent=Fraction(str(e))) for e in (0.25, 0.35, 0.45, 0.49)},
    **{f"fixed {f:g}": Beta(exponent=None, fixed=Fraction(str(f))) for f in (0.002, 0.02, 0.1, 0.5, 0.9)},
}
GRID = 0.1


@dataclass(frozen=True)
class Trial:
    """A run of one part."""

    n: int
    seed: int
    beta: str = "n^−0.45"


def grid(end: float) -> list[float]:
    """Sample times."""
    return [round(k * GRID, 6) for k in range(round(end / GRID))]


def from_empty(trial: Trial) -> Outcome:
    """r from an empty system at ρ = 9.75."""
    n, end = trial.n, 15.0
    workload = from_present(generator(40, trial.seed, n), 0, n * LOAD, end)
    run = Run(horizon=end, warm_up=0.0, rank=1, sample_times=grid(end))
    return simulate(TABLE_1, n, "SLTA", workload, run)


def first_times(trial: Trial) -> float:
    """First time of r = r*, from empty."""
    return from_empty(trial).reached[TABLE_1.optimum(trial.n, trial.n * LOAD).rank]


def through_steps(trial: Trial) -> Outcome:
    """Loads 5, 10 and 5, twenty holding times each, from the optimum for load 5."""
    n = trial.n
    rng = generator(41, trial.seed, n)
    loads = [(start, n * load) for start, load in STEPS]
    workload = stepped(rng, round(n * STEPS[0][1]), loads, STEP_END)
    run = Run(horizon=STEP_END, warm_up=0.0, beta=BETAS[trial.beta], sample_times=grid(STEP_END))
    return simulate(TABLE_1, n, "SLTA", workload, run)


def steady(trial: Trial) -> dict[str, float]:
    """SLTA at ρ = 9.75 in equilibrium: placement loss to JLMU, and rate of r's moves."""
    n, end = trial.n, WARM_UP + 60.0
    workload = stationary(generator(42, trial.seed, n), n * LOAD, end)
    mine = simulate(TABLE_1, n, "SLTA", workload, Run(horizon=end, beta=BETAS[trial.beta]))
    jlmu = simulate(TABLE_1, n, "JLMU", workload, Run(horizon=end))
    return {
        "loss": mine.gaps.placement_gap - jlmu.gaps.placement_gap,
        "steps": 1000 * (mine.counters[UP] + mine.counters[DOWN]) / mine.arrivals,
        "random": 1000 * mine.counters[2] / mine.arrivals,
    }


def lag(outcome: Outcome, n: int, start: float, end: float) -> float:
    """Mean distance of r from r* for the current sessions, over the samples from `start` to `end`."""
    samples = outcome.samples
    within = np.flatnonzero((samples.times >= start) & (samples.times < end))
    best = [TABLE_1.optimum(n, round(samples.sessions[row] * n)).rank for row in within]
    return float(np.abs(samples.rank[within] - best).mean())


def beta_row(name: str, n: int, seeds: int) -> dict[str, Any]:
    """One β at one n: steady loss against JLMU, and tracking of load steps."""
    trials = [Trial(n, seed, name) for seed in range(seeds)]
    steadies = [steady(trial) for trial in trials]
    loss, error, _ = study_report.mean_and_error([s["loss"] for s in steadies])
    outcomes = [through_steps(trial) for trial in trials]
    placement = study_report.mean_and_error([o.gaps.placement_gap for o in outcomes])
    return {
        "beta": name,
        "n": n,
        "min_green": BETAS[name].min_green(n),
        "loss_mean": loss,
        "loss_se": error,
        "steps_per_1000_arrivals": float(np.mean([s["steps"] for s in steadies])),
        "random_per_1000_arrivals": float(np.mean([s["random"] for s in steadies])),
        "lag_up": float(np.mean([lag(o, n, 20.0, 40.0) for o in outcomes])),
        "lag_down": float(np.mean([lag(o, n, 40.0, 60.0) for o in outcomes])),
        "stepped_placement_gap": placement[0],
        "stepped_placement_gap_se": placement[1],
    }


def beta_rows(job: tuple[str, int, int]) -> dict[str, Any]:
    """`beta_row` of one job."""
    return beta_row(*job)


def step_curve() -> dict[str, Any]:
    """r, r* for the current sessions, and the current placement gap, through the steps."""
    samples = through_steps(Trial(STEP_SIZE, 0)).samples
    best = [TABLE_1.optimum(STEP_SIZE, round(s * STEP_SIZE)).rank for s in samples.sessions]
    return {"n": STEP_SIZE, "rank": samples.rank, "best_rank": best, "gap": samples.optimum - samples.utility}


def time_rows(seeds: int, sizes: Sequence[int], processes: int) -> list[dict[str, Any]]:
    """Time to reach r* from empty, by n."""
    trials = [Trial(n, seed) for n in reversed(sizes) for seed in range(seeds)]
    times = each(first_times, trials, "time to learn", processes)
    rows = []
    for n in sizes:
        mine = [t for trial, t in zip(trials, times, strict=True) if trial.n == n]
        mean, error, _ = study_report.mean_and_error(mine)
        rows.append({"n": n, "seeds": seeds, "time_mean": mean, "time_se": error})
    return rows


def study(seeds: int, processes: int) -> study_report.Report:
    """All parts; times in mean holding times."""
    started = study_report.processor_seconds()
    best = TABLE_1.optimum(100, 100 * LOAD)
    filled = LOAD - best.filled / 100
    jobs = [(name, n, seeds) for n in reversed(BETA_SIZES) for name in BETAS]
    data = {
        "load": LOAD,
        "optimal_rank": best.rank,
        "fluid_time": -math.log(1 - filled / LOAD),
        "grid": GRID,
        "from_empty": [{"n": n, "rank": from_empty(Trial(n, 0)).samples.rank} for n in FROM_EMPTY],
        "times": time_rows(seeds, TIME_SIZES, processes),
        "steps": step_curve(),
        "class_away": class_away(),
        "betas": sorted(each(beta_rows, jobs, "β", processes), key=lambda r: (r["n"], list(BETAS).index(r["beta"]))),
    }
    data["run"] = {"seeds": seeds, "seconds": round(study_report.processor_seconds() - started, 1)}
    return study_report.Report("learning", data, markdown(data), {"learning": learning_figure(data)})


def markdown(data: dict[str, Any]) -> str:
    """Tables of learning times and of β."""
    times = study_report.markdown_table(
        ["n", "time until r = r*"],
        [(str(r["n"]), study_report.with_error(r["time_mean"], r["time_se"], 3)) for r in data["times"]],
    )
    betas, run = beta_table(data["betas"]), data["run"]
    return study_report.page(
        "Learning",
        f"Table 1's fleet, ρ = {data['load']:g} unless stated, {run['seeds']} seeds, times in mean holding times. "
        f"Processor time {run['seconds']:g} s.",
        f"## From empty\n\nr* = {data['optimal_rank']}. In the fluid limit the levels better than σ* are filled "
        f"after −log(1 − Σ/ρ) = {data['fluid_time']:.2f}.\n\n{times}",
        "## β\n\nLoss: placement gap above JLMU's on the same workload, at ρ = 9.75. Moves and random placements "
        "per 1,000 arrivals. Lag: mean |r − r*| for the sessions there are, in the twenty holding times after each "
        f"step of the load 5 → 10 → 5; the last column is the placement gap over that run.\n\n{betas}",
    )


def beta_table(rows: list[dict[str, Any]]) -> str:
    """Cost of each β at each n."""
    return study_report.markdown_table(
        ["β", "n", "nβ_n", "loss to JLMU", "moves of r", "at random", "lag at 10", "lag back at 5", "gap, stepped"],
        [
            (
                b["beta"],
                b["n"],
                b["min_green"],
                study_report.with_error(b["loss_mean"], b["loss_se"], 6),
                f"{b['steps_per_1000_arrivals']:.2f}",
                f"{b['random_per_1000_arrivals']:.2f}",
                f"{b['lag_up']:.2f}",
                f"{b['lag_down']:.2f}",
                study_report.with_error(b["stepped_placement_gap"], b["stepped_placement_gap_se"], 4),
            )
            for b in rows
        ],
    )
