"""Tables of a benchmark: medians of each side, ratios of ours to every other, machine and versions."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

PACKAGES = ("uvicorn", "fastapi", "redis", "uvloop")
PROGRAMS = {"wrk": "-v", "nginx": "-v", "haproxy": "-v"}
FIGURES = ("p50_ms", "p99_ms", "server_us", "store_us")
HEADINGS = ("side", "operations/s", "lowest–highest", "p50 ms", "p99 ms", "server µs", "store µs")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One side in one round. `refused` operations were answered with an error, `broken` requests with none.

    Latencies are of a request, as its client sees it; None where there is no client. `server_us` and `store_us` are
    processor time per operation, of all processes of the server and of its store; None where there is none.
    """

    side: str
    round: int
    operations_per_second: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    server_us: float | None = None
    store_us: float | None = None
    refused: int = 0
    broken: int = 0


def ratios(runs: Sequence[Run], ours: Iterable[str], peers: Iterable[str]) -> dict[tuple[str, str], float]:
    """Of operations per second in the same round, by both sides; the median of the rounds that have both."""
    rate = {(run.side, run.round): run.operations_per_second for run in runs}
    found = {}
    for own, peer in product(ours, peers):
        both = [
            (rate[own, k], rate[peer, k]) for k in {run.round for run in runs} if {(own, k), (peer, k)} <= rate.keys()
        ]
        if quotients := [a / b for a, b in both if b]:
            found[own, peer] = median(quotients)
    return found


def line(run: Run) -> str:
    """One run, as it is printed."""
    failures = f"  {run.refused} refused, {run.broken} broken" if run.refused or run.broken else ""
    latencies = f"p50 {_number(run.p50_ms)} p99 {_number(run.p99_ms)} ms"
    costs = f"server {_number(run.server_us)} store {_number(run.store_us)} µs"
    return f"round {run.round}  {run.side:20} {run.operations_per_second:9,.0f}/s  {latencies}  {costs}{failures}"


def page(facts: Mapping[str, Any], runs: Sequence[Run], ours: Sequence[str], peers: Sequence[str]) -> str:
    """Machine, medians and ratios, as Markdown."""
    return "\n\n".join([described(facts), medians_table(runs), ratios_table(runs, ours, peers)]) + "\n"


def medians_table(runs: Sequence[Run]) -> str:
    """A row per side: medians of its rounds, and the range of their operations per second."""
    rows = []
    for side in dict.fromkeys(run.side for run in runs):
        own = [run for run in runs if run.side == side]
        rates = [run.operations_per_second for run in own]
        known = ([v for run in own if (v := getattr(run, name)) is not None] for name in FIGURES)
        figures = (_number(median(values) if values else None) for values in known)
        rows.append((f"`{side}`", f"{median(rates):,.0f}", f"{min(rates):,.0f}–{max(rates):,.0f}", *figures))
    return table(HEADINGS, rows)


def ratios_table(runs: Sequence[Run], ours: Sequence[str], peers: Sequence[str]) -> str:
    """A row for each of ours, a column for each other side that was measured."""
    found = ratios(runs, ours, peers)
    columns = [peer for peer in peers if any(peer == other for _, other in found)]
    rows = [(f"`{own}`", *(_number(found.get((own, peer))) for peer in columns)) for own in ours]
    return table(("", *(f"`{peer}`" for peer in columns)), rows)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text."""
    lines = [headings, ("---", *["---:"] * (len(headings) - 1)), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def machine(store: str) -> dict[str, Any]:
    """Where and with what: the processor, how busy it was, and every version that matters. `store` is a program."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _first_line(["git", "describe", "--always", "--dirty"]),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
            "store": _first_line([store, "--version"]),
            **{name: _first_line([name, option]) for name, option in PROGRAMS.items() if shutil.which(name)},
        },
    }


def described(facts: Mapping[str, Any]) -> str:
    """The machine, as it is printed, and the load."""
    versions = ", ".join(f"{name} {text}" for name, text in facts["versions"].items())
    load = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts["load"].items())
    return (
        f"{facts['date']}, commit {facts['commit']}, {facts['cores']} × {facts['processor']} "
        f"(load average before: {facts['load_before']}), {facts['system']}.\n{versions}.\n{load}."
    )


def _processor() -> str:
    """The model's name; what Python knows where there is no /proc."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"model name\s*: (.*)", text)
    return found[1] if found else platform.machine()


def _first_line(command: Sequence[str]) -> str:
    """A program's first line, as many write their version to standard error and end with 1."""
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (shown.stdout + shown.stderr).splitlines()
    return lines[0].strip() if lines else ""
