"""Agents beside pools that are killed, stopped or cut off: `python -m lab.agents --help`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from lab.agents import cases
from lab.agents.system import Size, system
from lab.benchmarks import bench_tables
from testbed.servers import EMBEDDED


def main() -> int:
    """Exit code 1 if a case was not as it should be."""
    options = _options()
    size = Size(options.hosts, options.ttl, options.gone, options.rate, options.stay)
    print(bench_tables.described({**bench_tables.machine(EMBEDDED), "load": asdict(size)}))
    with tempfile.TemporaryDirectory(prefix="slta-") as folder, system(Path(folder), size) as made:
        wrong = cases.run(made, options.case or list(cases.CASES))
    print("\n".join(["not as it should be:", *wrong]) if wrong else "all as it should be")
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.agents", description=__doc__)
    parser.add_argument("--case", action="append", choices=cases.CASES, help="repeatable; default: all")
    parser.add_argument("--hosts", type=int, default=Size.hosts, help="pool processes, each with an agent process")
    parser.add_argument("--ttl", type=int, default=Size.ttl_seconds, help="seconds of a pool's lease")
    parser.add_argument("--gone", type=int, default=Size.gone_seconds, help="the fleet's gone_seconds")
    parser.add_argument("--rate", type=float, default=Size.rate, help="new sessions a second")
    parser.add_argument("--stay", type=float, default=Size.stay_seconds, help="mean seconds of a session")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
