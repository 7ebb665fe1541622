"""Operations per second over HTTP, beside what operators use today: all sides on this machine, in turn, in one run.

Every run is printed; the tables come last; lab/README.md explains the sides.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path

from lab.benchmarks import bench_tables
from lab.benchmarks.bench_tables import Run
from lab.benchmarks.client import measure
from lab.benchmarks.load import Load
from lab.benchmarks.running import MissingToolError, Running, require, running
from lab.benchmarks.sides import SIDES, Side
from slta.core.policies import PLACING
from testbed.servers import EMBEDDED


def main() -> None:
    """Measure, print, and write what was asked for."""
    options = _options()
    sides = [SIDES[name] for name in options.side or SIDES]
    load = _load(options)
    facts = {**bench_tables.machine(EMBEDDED), "load": asdict(load)}
    runs, skipped = play(sides, load, options.rounds)
    ours = [side.name for side in sides if side.is_ours]
    text = bench_tables.page(facts, runs, ours, [side.name for side in sides if not side.is_ours])
    print(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    if options.json:
        written = {**facts, "skipped": skipped, "runs": [asdict(run) for run in runs]}
        options.json.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def play(sides: list[Side], load: Load, rounds: int) -> tuple[list[Run], dict[str, str]]:
    """The runs in order, and why sides were left out."""
    runs: list[Run] = []
    with ExitStack() as stack:
        servers, skipped = start(stack, sides, load)
        for name, why in skipped.items():
            print(f"skipped: {name}: {why}", flush=True)
        for round_ in range(1, rounds + 1):
            for side in sides:
                if side.name not in skipped:
                    runs.append(measure(side, servers[side.server, side.needs_key], load, round_))
                    print(bench_tables.line(runs[-1]), flush=True)
    return runs, skipped


def start(stack: ExitStack, sides: list[Side], load: Load) -> tuple[dict[tuple[str, bool], Running], dict[str, str]]:
    """Each server once, and the sides whose server or client is missing, with the reason."""
    servers: dict[tuple[str, bool], Running] = {}
    skipped: dict[str, str] = {}
    for side in sides:
        key = side.server, side.needs_key
        try:
            if side.kind != "store":
                require("wrk")
            if key not in servers:
                servers[key] = stack.enter_context(running(side.server, load.dispatchers, needs_key=side.needs_key))
        except MissingToolError as missing:
            skipped[side.name] = str(missing)
    return servers, skipped


def _load(options: argparse.Namespace) -> Load:
    return Load(**{field.name: getattr(options, field.name) for field in fields(Load)})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--side", action="append", choices=tuple(SIDES), help="only these, repeatable")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=Load().seconds, help="of one run")
    for name, meaning in (
        ("connections", "of all dispatchers together"),
        ("bulk-connections", "the same for calls of many operations"),
        ("dispatchers", "processes on one store, a client on each"),
        ("pools", "of each fleet"),
        ("classes", "of each fleet"),
        ("fleets", "that the client asks in turn"),
        ("occupancy", "sessions per pool at the start of each run"),
    ):
        default = getattr(Load(), name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{meaning} ({default})")
    parser.add_argument("--policy", choices=tuple(PLACING), default=Load().policy)
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument("--markdown", type=Path, help="also write the tables to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
