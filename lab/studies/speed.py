"""Benchmark of one event: compiled and not, by policy and n."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from slta_experiments import study_report
from slta_experiments.engine.compiling import NO_NUMBA, has_numba
from slta_experiments.engine.simulate import Run, simulate
from slta_experiments.fleets import TABLE_1
from slta_experiments.workload import from_present, generator

SIZES = (50, 100, 500, 2_000, 10_000, 20_000)
LOAD = 9.75
SESSIONS = {True: 1_000_000, False: 50_000}
"""Arrivals of a timed run, by whether it is compiled."""
POLICIES = ("SLTA", "JLMU")
REPEATS = 3


@dataclass(frozen=True)
class Trial:
    """One timed run."""

    policy: str
    n: int
    compiled: bool


def nanoseconds_per_event(trial: Trial) -> float:
    """Processor time of the loop and of preparing its events, per arrival or departure; minimum of a few runs."""
    present = round(trial.n * LOAD)
    horizon = SESSIONS[trial.compiled] / present
    workload = from_present(generator(20, trial.n), present, present, horizon)
    run = Run(horizon=horizon, warm_up=0.0)
    events = len(workload.arrivals) + int((workload.departures < horizon).sum())
    simulate(TABLE_1, trial.n, trial.policy, workload, Run(horizon=horizon / 100, warm_up=0.0))  # compile first
    spent = []
    for _ in range(REPEATS):
        started = time.process_time()
        simulate(TABLE_1, trial.n, trial.policy, workload, run)
        spent.append(time.process_time() - started)
    return 1e9 * min(spent) / events


def timed(compiled: bool) -> list[dict[str, Any]]:  # noqa: FBT001 - one of the two kinds of run
    """All sizes and policies in a separate process, compiled or not."""
    os.environ[NO_NUMBA] = "0" if compiled else "1"
    trials = [Trial(policy, n, compiled) for policy in POLICIES for n in SIZES]
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            times = list(process.map(nanoseconds_per_event, trials))
    finally:
        del os.environ[NO_NUMBA]
    return [{**vars(t), "ns_per_event": ns} for t, ns in zip(trials, times, strict=True)]


def study() -> study_report.Report:
    """Timed runs, one at a time."""
    rows = [row for compiled in ((True, False) if has_numba() else (False,)) for row in timed(compiled)]
    data: dict[str, Any] = {"rows": rows, "load": LOAD}
    return study_report.Report("speed", data, markdown(data), {"speed": cost_figure(data)})


def markdown(data: dict[str, Any]) -> str:
    """Table of nanoseconds per event."""
    by_key = {(r["policy"], r["compiled"], r["n"]): r["ns_per_event"] for r in data["rows"]}
    kinds = dict.fromkeys((policy, compiled) for policy, compiled, _ in by_key)
    table = study_report.markdown_table(
        ["n", *(f"{policy}, {'compiled' if compiled else 'plain Python'}" for policy, compiled in kinds)],
        [(f"{n:,}", *(f"{by_key[*kind, n]:.0f}" for kind in kinds)) for n in SIZES],
    )
    return study_report.page(
        "Cost of an event",
        "Nanoseconds of processor time per arrival or departure, table 1's fleet at "
        f"ρ = {data['load']:g}. The steps of an event do not depend on n; beyond some thousand pools the processor's "
        "caches begin to show.",
        table,
    )


def cost_figure(data: dict[str, Any]) -> Any:
    """Cost against n."""
    canvas, ax = study_report.figure(6.5, 3.8)
    for policy in POLICIES:
        for compiled, style in ((True, "-"), (False, ":")):
            rows = [r for r in data["rows"] if (r["policy"], r["compiled"]) == (policy, compiled)]
            label = f"{policy}, {'compiled' if compiled else 'plain Python'}"
            costs = [r["ns_per_event"] for r in rows]
            ax.plot([r["n"] for r in rows], costs, style, marker="o", color=study_report.COLORS[policy], label=label)
    ax.set(xscale="log", yscale="log", ylim=(10, 1e5), xlabel="pools n", ylabel="nanoseconds per event")
    ax.legend(fontsize=8)
    return canvas
