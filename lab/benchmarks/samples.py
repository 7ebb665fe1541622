"""What a service and its store use while they are loaded, sample by sample, and whether it stays the same."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from matplotlib.figure import Figure

from lab.benchmarks.markdown import table
from lab.benchmarks.processor import Spent, spent_by
from lab.benchmarks.running import Running

PROC = Path("/proc")
MEBIBYTE = 1024 * 1024
ROWS = 12
"""Rows of the table, spread over the time."""


class Sample(NamedTuple):
    """One moment, or what was since the one before. Memory in MiB, `_us` in processor time per operation."""

    seconds: float
    operations_per_second: float
    p99_ms: float
    refused: int
    live: int
    dispatcher_mib: float
    store_mib: float
    keys: int
    descriptors: int
    dispatcher_us: float
    store_us: float


MAX_GROWTH: Mapping[str, float] = {
    "dispatcher_mib": 0.05,
    "store_mib": 0.05,
    "keys": 0.05,
    "descriptors": 0.05,
    "dispatcher_us": 0.25,
    "store_us": 0.25,
}
"""By how much the mean of the last quarter may exceed that of the quarter before; costs vary with the machine."""


class Sampler:
    """Looks at one dispatcher and its store."""

    def __init__(self, running: Running, fleet: str) -> None:
        self._running, self._fleet = running, fleet
        (self._process,) = running.processes
        self._before: Spent = spent_by(running)

    def sample(self, seconds: float, since: float, operations: int, ms: Sequence[float], refused: int) -> Sample:
        """At `seconds`, with what was done since the sample at `since`."""
        now, before = spent_by(self._running), self._before
        self._before = now
        store = self._running.store
        assert store is not None
        with store.client() as redis:
            live, keys = redis.hlen(f"{{{self._fleet}}}:sessions"), redis.dbsize()
            used = redis.info("memory")["used_memory"]
        each = 1e6 / max(1, operations)
        return Sample(
            seconds=round(seconds, 1),
            operations_per_second=round(operations / (seconds - since), 1),
            p99_ms=round(sorted(ms)[int(len(ms) * 0.99)], 2) if ms else 0.0,
            refused=refused,
            live=live,
            dispatcher_mib=round(_resident(self._process) / MEBIBYTE, 2),
            store_mib=round(used / MEBIBYTE, 2),
            keys=keys,
            descriptors=len(list((PROC / str(self._process) / "fd").iterdir())),
            dispatcher_us=round(((now.server or 0) - (before.server or 0)) * each, 2),
            store_us=round(((now.store or 0) - (before.store or 0)) * each, 2),
        )


def _resident(process: int) -> int:
    """Bytes of memory that a process has."""
    pages = (PROC / str(process) / "statm").read_text(encoding="utf-8").split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


def growth(samples: Sequence[Sample]) -> Mapping[str, float]:
    """What grew by more than it may from the third quarter of the time to the last one, and by how much."""
    quarter = len(samples) // 4
    third, last = samples[2 * quarter : 3 * quarter], samples[3 * quarter :]
    means = {
        name: (fmean(getattr(s, name) for s in third), fmean(getattr(s, name) for s in last)) for name in MAX_GROWTH
    }
    grown = {name: after / before - 1 for name, (before, after) in means.items() if before}
    return {name: by for name, by in grown.items() if by > MAX_GROWTH[name]}


def as_table(samples: Sequence[Sample]) -> str:
    """Some of the samples, spread over the time."""
    step = max(1, len(samples) // ROWS)
    headings = [name.replace("_", " ") for name in Sample._fields]
    return table(headings, [[f"{value:,}" for value in sample] for sample in samples[step - 1 :: step]])


def write_csv(samples: Sequence[Sample], path: Path) -> None:
    """All samples."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Sample._fields)
        writer.writerows(samples)


def draw(samples: Sequence[Sample], path: Path) -> None:
    """A curve for each figure over the time, as SVG."""
    names = [*MAX_GROWTH, "live", "operations_per_second"]
    figure = Figure(figsize=(10, 8), layout="constrained")
    minutes = [sample.seconds / 60 for sample in samples]
    for axes, name in zip(figure.subplots(4, 2, sharex=True).flat, names, strict=True):
        axes.plot(minutes, [getattr(sample, name) for sample in samples])
        axes.set_title(name.replace("_", " "), fontsize="medium")
        axes.set_ylim(bottom=0)
    figure.supxlabel("minutes")
    figure.savefig(path, metadata={"Date": None})
