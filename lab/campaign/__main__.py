"""Rows of the campaign's table, as often as wanted: `python -m lab.campaign GROUP --help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from httpx import HTTPError
from redis.exceptions import RedisError

from lab.benchmarks import bench_tables
from lab.campaign.row import Record, play
from lab.campaign.table import GROUPS, Group
from slta_loadgen.client import ServiceError
from testbed.servers import EMBEDDED

BROKEN = (AssertionError, OSError, RedisError, ServiceError, HTTPError)
"""Errors of the machine, not of what is judged: a process did not start or get ready. Nothing is kept."""
MAX_VOID = 3
"""Limit of void runs of one row and mode at a time: the machine is too busy for it, and the next one is tried."""


def main() -> int:
    """Play what is missing, and print a report; exit code 1 if a run was not as it should be, or there is none."""
    options = _options()
    group = GROUPS[options.group]
    size = type(group.size)(**{name: getattr(options, name) for name in asdict(group.size)})
    print(bench_tables.described({**bench_tables.machine(EMBEDDED), "load": asdict(size)}))
    wrong = [
        found
        for name, mode in _wanted(group, options)
        for found in complete(group, name, mode, size, options.runs, options.results)
    ]
    if group.report:
        print(group.report(read(options.results)))
    print("\n".join(["not as it should be:", *wrong]) if wrong else "all as it should be")
    return 1 if wrong else 0


def _wanted(group: Group, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for name in options.row or group.rows:
        row = group.rows[name]
        wanted = options.mode or row.usual or row.modes
        yield from ((name, mode) for mode in row.modes if mode in wanted)


def complete(group: Group, name: str, mode: str, size: Any, runs: int, results: Path | None) -> list[str]:
    """Play until there are as many runs as wanted, or too many void ones; what was not as it should be."""
    done = [record for record in read(results) if (record["fault"], record["mode"]) == (name, mode)]
    valid = sum(not record["void"] for record in done)
    void, wrong = 0, list[str]()
    while valid < runs and void < MAX_VOID:
        try:
            record = asyncio.run(play(group.rows[name], name, mode, len(done), size))
        except BROKEN as error:
            print(f"{name} {mode}: not a run: {error!r}", flush=True)
            traceback.print_exc()
            void += 1
            continue
        done.append(record)
        if results:
            append(results, record)
        print(group.line(record), flush=True)
        wrong += [f"{name} {mode}: {sentence}" for sentence in record.get("wrong", [])]
        void += bool(record["void"])
        valid += not record["void"]
    return wrong if valid >= runs else [*wrong, f"{name} {mode}: {valid} of {runs} runs"]


def read(path: Path | None) -> list[Record]:
    """Runs so far, in order."""
    lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
    return [json.loads(line) for line in lines]


def append(path: Path, record: Record) -> None:
    """Append a run."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.campaign", description=__doc__)
    groups = parser.add_subparsers(dest="group", required=True)
    for name, group in GROUPS.items():
        rows = "\n".join(f"  {row:26} {group.rows[row].title}" for row in group.rows)
        modes = sorted({mode for row in group.rows.values() for mode in row.modes})
        own = groups.add_parser(name, epilog=f"rows:\n{rows}", formatter_class=argparse.RawTextHelpFormatter)
        own.add_argument("--row", action="append", choices=group.rows, metavar="ROW", help="only these, repeatable")
        own.add_argument("--mode", action="append", choices=modes, help="only these, repeatable")
        own.add_argument("--runs", type=int, default=group.runs, help=f"of each row in each mode ({group.runs})")
        own.add_argument("--results", type=Path, default=group.results, help="where runs are kept, one a line")
        for field in fields(group.size):
            flag, kind = f"--{field.name.replace('_', '-')}", type(field.default)
            own.add_argument(flag, type=kind, default=field.default, help=f"({field.default})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
