"""Processor time of running processes, which says what an operation takes wherever the clock has to wait."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lab.benchmarks.bench_tables import Run
from lab.benchmarks.running import Running

PROC = Path("/proc")


class Spent(NamedTuple):
    """Seconds of processor time; None where there is none to know."""

    server: float | None
    store: float | None


def seconds_of(processes: Iterable[int], proc: Path = PROC) -> float | None:
    """User and system time so far of processes and their children; None where the system does not tell (no /proc).

    Resolution: one tick of the system, mostly 10 ms.
    """
    try:
        return sum(_seconds(proc, process) for process in processes)
    except OSError:
        return None


def _seconds(proc: Path, process: int) -> float:
    own = (proc / str(process) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    children = (proc / str(process) / "task" / str(process) / "children").read_text(encoding="utf-8").split()
    ticks = int(own[11]) + int(own[12])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(_seconds(proc, int(child)) for child in children)


def spent_by(running: Running) -> Spent:
    """Of the server's processes and of its store, so far."""
    if running.store is None:
        return Spent(seconds_of(running.processes), None)
    with running.store.client() as redis:
        store = seconds_of([int(redis.info("server")["process_id"])])
    return Spent(seconds_of(running.processes) if running.processes else None, store)


def with_processor_time(run: Run, operations: float, before: Spent, after: Spent) -> Run:
    """The run with what was spent meanwhile, in microseconds per operation."""
    server, store = (
        None if a is None or b is None or not operations else (b - a) * 1e6 / operations
        for a, b in zip(before, after, strict=True)
    )
    return replace(run, server_us=server, store_us=store)
