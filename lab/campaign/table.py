"""The campaign's table: the rows of each group, its options, and how its runs are shown and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.agents import cases, system
from lab.campaign.row import Record, Row
from lab.clients import outages
from lab.clients import system as clients
from lab.faults import fault, report
from lab.faults.table import FAULTS
from lab.proxies import runs


def judged(record: Record) -> str:
    """Line of a run, for the terminal."""
    wrong = "; ".join(record["wrong"])
    return f"{record['fault']} {record['mode']} {record['run']}: {wrong or 'all as it should be'}"


@dataclass(frozen=True)
class Group:
    """Rows that have their options in common. `size` has the defaults of these."""

    rows: Mapping[str, Row[Any]]
    size: Any
    line: Callable[[Record], str] = judged
    runs: int = 1
    results: Path | None = None
    """File of the runs, one a line; one that is there is not repeated."""
    report: Callable[[Sequence[Record]], str] | None = None
    """Tables of them."""


RESULTS = Path(fault.__file__).with_name("faults.jsonl")
GROUPS: Mapping[str, Group] = {
    "faults": Group(FAULTS, fault.Size(), report.line, 15, RESULTS, report.report),
    "agents": Group(cases.ROWS, system.Size()),
    "clients": Group(outages.ROWS, clients.Size()),
    "proxies": Group(runs.ROWS, runs.Size()),
}
