"""What rounds of measurements say: medians of each side, ratios of ours to every other, machine and versions."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

PACKAGES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "pydantic", "redis", "hiredis")
PROGRAMS = {"wrk": "-v", "nginx": "-v", "haproxy": "-v"}


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Median:
    """Of the rounds of one side. `lowest` and `highest` are operations per second."""

    operations_per_second: float
    lowest: float
    highest: float
    p50_ms: float | None
    p99_ms: float | None
    server_us: float | None
    store_us: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """Operations per second of one side to another's in the same round: the median of the rounds, and their range."""

    median: float
    lowest: float
    highest: float


def medians(runs: Iterable[Run]) -> dict[str, Median]:
    """Of each side, in the order of their first runs."""
    by_side: dict[str, list[Run]] = {}
    for run in runs:
        by_side.setdefault(run.side, []).append(run)
    return {side: _median(own) for side, own in by_side.items()}


def _median(runs: Sequence[Run]) -> Median:
    rates = [run.operations_per_second for run in runs]
    return Median(
        operations_per_second=median(rates),
        lowest=min(rates),
        highest=max(rates),
        **{
            name: _median_of_known(getattr(run, name) for run in runs)
            for name in ("p50_ms", "p99_ms", "server_us", "store_us")
        },
    )


def _median_of_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def ratios(runs: Sequence[Run], ours: Iterable[str], peers: Iterable[str]) -> dict[str, Ratio]:
    """`ours/peer` → the ratio, for every pair that was measured in one round at least."""
    found = {}
    peers = list(peers)
    for own in ours:
        for peer in peers:
            if (ratio := _ratio(runs, own, peer)) is not None:
                found[f"{own}/{peer}"] = ratio
    return found


def _ratio(runs: Sequence[Run], own: str, peer: str) -> Ratio | None:
    rate = {(run.side, run.round): run.operations_per_second for run in runs}
    rounds = sorted({run.round for run in runs})
    both = [(rate.get((own, k)), rate.get((peer, k))) for k in rounds]
    quotients = [a / b for a, b in both if a is not None and b]
    if not quotients:
        return None
    return Ratio(median=median(quotients), lowest=min(quotients), highest=max(quotients))


def to_json(
    machine: Mapping[str, Any],
    runs: Sequence[Run],
    ours: Iterable[str],
    peers: Iterable[str],
    skipped: Mapping[str, str],
) -> dict[str, Any]:
    """Everything, ready for JSON; `ratios` are the medians."""
    found = ratios(runs, ours, peers)
    return {
        "machine": machine,
        "skipped": dict(skipped),
        "runs": [asdict(run) for run in runs],
        "medians": {side: asdict(values) for side, values in medians(runs).items()},
        "ratios": {name: ratio.median for name, ratio in found.items()},
        "ratio_ranges": {name: [ratio.lowest, ratio.highest] for name, ratio in found.items()},
    }


def line(run: Run) -> str:
    """One run, as it is printed."""
    failures = f"  {run.refused} refused, {run.broken} broken" if run.refused or run.broken else ""
    return f"round {run.round}  {run.side:20} {run.operations_per_second:9,.0f} {_figures(run)}{failures}"


def summary(runs: Sequence[Run], ours: Sequence[str], peers: Sequence[str]) -> str:
    """Medians and ratios, as they are printed."""
    lines = ["", f"medians {'':20} {HEADINGS}   lowest–highest"]
    for side, of in medians(runs).items():
        lines.append(
            f"  {side:26} {of.operations_per_second:9,.0f} {_figures(of)}   {of.lowest:,.0f}–{of.highest:,.0f}"
        )
    found = ratios(runs, ours, peers)
    measured = [peer for peer in peers if any(name.endswith(f"/{peer}") for name in found)]
    if measured:
        lines += ["", "ratios, round by round", " " * 16 + "".join(f"{peer:>21}" for peer in measured)]
    for own in ours:
        of_own = [found[f"{own}/{peer}"].median for peer in measured if f"{own}/{peer}" in found]
        lines += [f"  {own:14}" + "".join(f"{ratio:21.2f}" for ratio in of_own)] if of_own else []
    return "\n".join(lines)


HEADINGS = "     op/s  p50 ms  p99 ms  server µs  store µs"


def _figures(of: Run | Median) -> str:
    latencies = "".join(f"{_number(value):>8}" for value in (of.p50_ms, of.p99_ms))
    return latencies + f"{_number(of.server_us):>11}{_number(of.store_us):>10}"


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


def describe(facts: Mapping[str, Any]) -> str:
    """The machine, as it is printed."""
    versions = ", ".join(f"{name} {text}" for name, text in facts["versions"].items())
    return (
        f"{facts['date']}  commit {facts['commit']}\n{facts['cores']} × {facts['processor']}, {facts['system']}, "
        f"load before {facts['load_before']}\n{versions}"
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
