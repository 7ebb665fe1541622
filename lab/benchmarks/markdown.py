"""A measurement as docs/performance.md has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.benchmarks.bench_tables import Run, medians, ratios

HEADINGS = ("side", "operations/s", "lowest–highest", "p50 ms", "p99 ms", "server µs", "store µs")
VERSIONS = ("python", "uvicorn", "fastapi", "redis", "uvloop")


def page(facts: Mapping[str, Any], runs: Sequence[Run], ours: Sequence[str], peers: Sequence[str]) -> str:
    """Machine, medians and ratios."""
    return "\n\n".join([provenance(facts), medians_table(runs), ratios_table(runs, ours, peers)]) + "\n"


def provenance(facts: Mapping[str, Any]) -> str:
    """When, where and with what, in a sentence or two."""
    versions = facts["versions"]
    known = [f"{name} {versions[name]}" for name in VERSIONS]
    programs = [text for name, text in versions.items() if name in ("store", "nginx", "haproxy", "wrk")]
    load = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts["load"].items())
    return (
        f"{facts['date']}, commit {facts['commit']}, {facts['cores']} × {facts['processor']} "
        f"(load average before: {facts['load_before']}), {facts['system']}.\n"
        f"{', '.join(known)}; {'; '.join(programs)}.\n{load}."
    )


def medians_table(runs: Sequence[Run]) -> str:
    """A row a side."""
    rows = [
        (
            f"`{side}`",
            f"{of.operations_per_second:,.0f}",
            f"{of.lowest:,.0f}–{of.highest:,.0f}",
            *map(_number, (of.p50_ms, of.p99_ms, of.server_us, of.store_us)),
        )
        for side, of in medians(runs).items()
    ]
    return table(HEADINGS, rows)


def ratios_table(runs: Sequence[Run], ours: Sequence[str], peers: Sequence[str]) -> str:
    """A row for each of ours, a column for each other side that was measured."""
    found = ratios(runs, ours, peers)
    columns = [peer for peer in peers if any(name.endswith(f"/{peer}") for name in found)]
    rows = [
        (f"`{own}`", *(_number(found[f"{own}/{peer}"].median) for peer in columns))
        for own in ours
        if all(f"{own}/{peer}" in found for peer in columns)
    ]
    return table(("", *(f"`{peer}`" for peer in columns)), rows)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text."""
    lines = [headings, ("---", *["---:"] * (len(headings) - 1)), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
