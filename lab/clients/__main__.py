"""Client processes with fallback while slta is away: `python -m lab.clients --help`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from lab.benchmarks import bench_tables
from lab.clients import outages
from lab.clients.system import FLEETS, Load, system
from testbed.servers import EMBEDDED


def main() -> int:
    """Exit code 1 if a run was not as it should be."""
    options = _options()
    load = Load(options.processes, options.rate, options.stay)
    print(bench_tables.described({**bench_tables.machine(EMBEDDED), "load": asdict(load)}))
    failed = []
    for fleet in options.fleet or ["similar"]:
        print(f"fleet {fleet}: {[asdict(one) for one in FLEETS[fleet].classes]}, {FLEETS[fleet].pools} pools each")
        with (
            tempfile.TemporaryDirectory(prefix="slta-") as folder,
            system(Path(folder), FLEETS[fleet], load) as made,
        ):
            found = outages.run(made, options.run or list(outages.FAULTS), options.seconds, options.warm_up)
        failed += [f"{fleet}: {sentence}" for sentence in found]
    print("\n".join(["not as it should be:", *failed]) if failed else "all as it should be")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.clients", description=__doc__)
    parser.add_argument("--run", action="append", choices=outages.FAULTS, help="repeatable; default: all")
    parser.add_argument("--fleet", action="append", choices=FLEETS, help="repeatable; default: similar")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each outage lasts")
    parser.add_argument("--warm-up", type=float, default=outages.WARM_UP_SECONDS, help="seconds before the first")
    parser.add_argument("--processes", type=int, default=Load.processes)
    parser.add_argument("--rate", type=float, default=Load.rate, help="new sessions a second, of all processes")
    parser.add_argument("--stay", type=float, default=Load.mean_seconds, help="mean seconds of a session")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
