"""Throughput of clusters of one to three masters without replicas, with many fleets, and who takes the processors.

Two clients send calls of 100 operations, half assigns and half completes, to two dispatchers.
`python -m lab.benchmarks.masters [--seconds 8] [--operations 100] [--fleets 24]`.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from lab.benchmarks.client import SCRIPT, read_wrk
from lab.benchmarks.load import Load, fleet_document
from lab.benchmarks.processor import seconds_of
from lab.benchmarks.ticks import ROOT, create, dispatching
from tests.clusters import cluster

DISPATCHERS = 2
CONNECTIONS = {1: 64, 100: 8}
"""Of each client, by the operations of a call."""


def client(url: str, operations: int, fleets: int, seconds: float, prefix: str) -> subprocess.Popen[str]:
    """A client; it ends by itself. A session is completed after those of all calls in flight."""
    connections = CONNECTIONS[operations]
    kind = "pairs" if operations == 1 else "bulk"
    words = [kind, "/v1/fleets/f-%d", fleets, 0, operations, connections * operations, prefix, "-"]
    options = ["-t", "1", "-c", str(connections), "-d", f"{seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT)]
    command = ["wrk", *options, url, "--", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def measure(masters: int, operations: int, fleets: int, seconds: float) -> str:
    """One row of the table: masters, operations per second, p99, and shares of a processor."""
    documents = {f"f-{number}": fleet_document(Load(fleets=fleets)) for number in range(1, fleets + 1)}
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder), replicas=0, masters=masters) as nodes:
        asyncio.run(create(nodes.url, documents))
        stores = [node.pid for node in nodes.nodes]
        with dispatching(ROOT, nodes.url, DISPATCHERS) as running:
            clients = [client(url, operations, fleets, seconds, f"d{n}") for n, url in enumerate(running.urls)]
            groups = (stores, running.processes, [process.pid for process in clients])
            time.sleep(1)
            before, began = _seconds(groups), time.monotonic()
            time.sleep(seconds - 2)
            elapsed, after = time.monotonic() - began, _seconds(groups)
            results = [read_wrk(process.communicate()[0]) for process in clients]
    shares = [f"{(later - earlier) / elapsed:.2f}" for earlier, later in zip(before, after, strict=True)]
    rate = sum((result["requests"] * operations - result["refused"]) / result["seconds"] for result in results)
    late = max(result["p99_ms"] for result in results)
    return f"| {masters} | {rate:,.0f} | {late:.0f} | {' | '.join(shares)} |"


def _seconds(groups: Sequence[Sequence[int]]) -> list[float]:
    return [seconds_of(processes) or 0.0 for processes in groups]


def main() -> None:
    """Measure, and print a row for each number of masters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--operations", type=int, default=100, choices=CONNECTIONS)
    parser.add_argument("--fleets", type=int, default=24)
    options = parser.parse_args()
    print("| masters | operations/s | p99 ms | masters' share | dispatchers' | clients' |", flush=True)
    for masters in (1, 2, 3):
        print(measure(masters, options.operations, options.fleets, options.seconds), flush=True)


if __name__ == "__main__":
    main()
