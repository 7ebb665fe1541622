"""Every run behind every proxy that is installed: `python -m lab.proxies --help`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from lab.proxies import connections, evaluation, first_byte, outages, rollout
from testbed.proxies.system import System
from testbed.proxies.table import PROXIES

RUNS: Mapping[str, Callable[[System, float], Coroutine[Any, Any, bool]]] = {
    "connections": connections.run,
    "outages": outages.run,
    "first-byte": first_byte.run,
    "evaluation": evaluation.run,
    "rollout": rollout.run,
}
CAPACITY = 2000
PATIENT = {"rollout"}
"""Runs in which a busy machine must not make the proxy choose: it would change the shares."""


def main() -> int:
    """Exit code 1 if a run was not as it should be."""
    options = _options()
    failed = []
    for name in options.proxy or PROXIES:
        for run in options.run or RUNS:
            if PROXIES[name].program is None:
                print(f"{name} is not installed")
                continue
            for number in range(1, options.times + 1):
                print(f"{name}, {run}, run {number}", flush=True)
                failed += [] if _play(name, run, options.scale) else [f"{name} {run} {number}"]
    print(f"failed: {', '.join(failed)}" if failed else "all as it should be")
    return 1 if failed else 0


def _play(name: str, run: str, scale: float) -> bool:
    proxy = evaluation.with_second_log(PROXIES[name])
    with (
        tempfile.TemporaryDirectory(prefix="slta-") as folder,
        System(proxy, Path(folder), follow=True, capacity=CAPACITY, patient=run in PATIENT) as made,
    ):
        return asyncio.run(RUNS[run](made, scale))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.proxies", description=__doc__)
    parser.add_argument("--proxy", action="append", choices=PROXIES, help="repeatable; default: all")
    parser.add_argument("--run", action="append", choices=RUNS, help="repeatable; default: all")
    parser.add_argument("--times", type=int, default=1, help="how often each")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of the connections and seconds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
