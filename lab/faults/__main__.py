"""Every fault of the table, as often as wanted: a run that is in the results is not repeated."""

from __future__ import annotations

import argparse
import json
import traceback
from collections.abc import Iterator
from pathlib import Path

from httpx import HTTPError
from redis.exceptions import RedisError

from lab.faults import reliability_page
from lab.faults.run import Record, play
from lab.faults.system import OPTIONS
from lab.faults.table import FAULTS
from slta_loadgen.client import ServiceError

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results" / "faults.jsonl"
RUNS = 15
BROKEN = (AssertionError, OSError, RedisError, ServiceError, HTTPError)
"""A process did not start, or did not get where it was awaited: nothing is known, and nothing is kept."""
MAX_VOID = 3
"""Of one fault and mode, in one go: then the machine is too busy for it, and the next one is tried."""


def main() -> None:
    """Play what is missing, append each run, and write the page."""
    options = _options()
    for name, mode in _wanted(options):
        complete(name, mode, options)
    options.page.write_text(reliability_page.page(read(options.results)), encoding="utf-8")


def _wanted(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for name in options.fault or FAULTS:
        for mode in FAULTS[name].modes:
            if mode in (options.mode or OPTIONS):
                yield name, mode


def complete(name: str, mode: str, options: argparse.Namespace) -> None:
    """Until there are as many runs as wanted, or too many void ones."""
    done = [record for record in read(options.results) if (record["fault"], record["mode"]) == (name, mode)]
    valid = sum(not record["void"] for record in done)
    void = 0
    while valid < options.runs and void < MAX_VOID:
        try:
            record = play(name, mode, len(done), options.per_second)
        except BROKEN as error:
            print(f"{name} {mode}: not a run: {error!r}", flush=True)
            traceback.print_exc()
            void += 1
            continue
        done.append(record)
        append(options.results, record)
        print(reliability_page.line(record), flush=True)
        void += bool(record["void"])
        valid += not record["void"]


def read(path: Path) -> list[Record]:
    """All runs so far, in order."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def append(path: Path, record: Record) -> None:
    """One line more."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _options() -> argparse.Namespace:
    faults = "\n".join(f"  {name:22} {fault.title}" for name, fault in FAULTS.items())
    parser = argparse.ArgumentParser(
        prog="make faults",
        description=__doc__,
        epilog=f"faults:\n{faults}",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--fault", action="append", choices=tuple(FAULTS), metavar="NAME", help="only these, repeatable"
    )
    parser.add_argument("--mode", action="append", choices=tuple(OPTIONS), help="only these")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"that count, of each fault in each mode ({RUNS})")
    parser.add_argument("--per-second", type=float, default=400, help="calls that the load makes (400)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where runs are kept, one a line")
    parser.add_argument("--page", type=Path, default=reliability_page.PAGE, help="what is written from them")
    return parser.parse_args()


if __name__ == "__main__":
    main()
