"""Time inside the store per operation, bytes per live session and AOF bytes per operation, on every server found.

The server's own clock (INFO commandstats: microseconds per FCALL) is read before and after, so neither the client
nor the network counts. Steady state near 10 sessions per pool: each round assigns a batch and completes a batch.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import LogShareUtility, PoolClass
from slta.store.encoding import put_arguments
from slta.store.library import assemble
from tests.servers import SERVERS, own_server

LOAD = 10
HOUR = 3_600_000_000
"""A lease in microseconds, none of which ends while we measure."""


class Shape(NamedTuple):
    """A fleet to measure on."""

    policy: str
    pools: int
    classes: int


QUICK = (Shape("slta", 100, 2), Shape("jlmu", 100, 2))
SIZES = (100, 1000, 10_000, 65_536)
SHAPES = (
    *(Shape("slta", pools, 2) for pools in SIZES),
    *(Shape("slta", pools, classes) for pools, classes in ((10_000, 1), (10_000, 16), (100, 16), (65_536, 16))),
    *(Shape("jlmu", pools, 2) for pools in SIZES),
)


class Bench:
    """One fleet on one server, driven through the Lua functions directly."""

    def __init__(self, redis: Redis, shape: Shape, lease: int) -> None:
        """`lease` in microseconds, 0 for none."""
        self.redis, self.lease, self.random = redis, lease, random.Random(1)
        source, self.digest = assemble()
        redis.execute_command("FLUSHALL", "SYNC")  # else memory is still being freed while it is measured
        redis.execute_command("FUNCTION", "LOAD", "REPLACE", source)
        spec = FleetSpec(
            tuple(PoolClass(f"c{i}", LogShareUtility(Fraction(20 + 3 * i)), 60) for i in range(shape.classes)),
            policy=POLICIES[shape.policy],
        )
        self.run("put", "", *put_arguments(spec, "{}", None))
        pairs = [word for k in range(shape.pools) for word in (f"pool-{k}", f"c{k % shape.classes}")]
        for start in range(0, len(pairs), 2000):
            self.run("add_pools", "", *pairs[start : start + 2000])
        self.live: list[str] = []
        self.serial = 0

    def run(self, function: str, *arguments: str | float) -> list[Any]:
        """Call a function with the server's time."""
        name = f"slta_{self.digest}_{function}"
        reply: list[Any] = self.redis.execute_command("FCALL", name, 1, "{f}:state", "", *arguments)
        return reply

    def assign(self, count: int) -> float:
        """Assign `count` sessions in one call; server time in microseconds."""
        words: list[str | int] = []
        for _ in range(count):
            self.serial += 1
            session = f"{self.serial:036d}"
            self.live.append(session)
            words += ["assign", session, self.lease, repr(self.random.random()), ""]
        return self.timed("batch", words)

    def complete(self, count: int) -> float:
        """Complete `count` random sessions in one call; server time in microseconds."""
        words: list[str | int] = []
        for _ in range(count):
            at = self.random.randrange(len(self.live))
            self.live[at], self.live[-1] = self.live[-1], self.live[at]
            words += ["complete", self.live.pop(), "", "", ""]
        return self.timed("batch", words)

    def timed(self, function: str, words: Sequence[str | int]) -> float:
        """Server time of one call by its own statistics, in microseconds."""
        before = self.fcall_usec()
        reply = self.run(function, *words)
        assert reply[0] == "BATCH", reply
        assert all(outcome[0] in ("ASSIGNED", "COMPLETED") for outcome in reply[1]), reply
        return self.fcall_usec() - before

    def fcall_usec(self) -> int:
        """Microseconds that the server has spent in FCALL."""
        calls = self.redis.info("commandstats").get("cmdstat_fcall", {"usec": 0})
        return int(calls["usec"])

    def fill(self, sessions: int) -> None:
        """Bring the fleet to `sessions` live sessions."""
        while len(self.live) < sessions:
            self.assign(min(128, sessions - len(self.live)))

    def measure(self, batch: int, rounds: int) -> tuple[list[float], list[float]]:
        """Microseconds per assign and per complete, a value each round."""
        assigns, completes = [], []
        for _ in range(rounds):
            completes.append(self.complete(batch) / batch)
            assigns.append(self.assign(batch) / batch)
        return assigns, completes


def describe(values: list[float]) -> str:
    """Minimum, median and 90th percentile."""
    ordered = sorted(values)
    return f"{ordered[0]:6.1f} {statistics.median(ordered):6.1f} {ordered[int(len(ordered) * 0.9)]:6.1f}"


def bench_times(
    redis: Redis, shapes: Sequence[Shape], batches: Sequence[int], rounds: int
) -> list[Mapping[str, str | int | float]]:
    """A row a shape: server microseconds per operation, median and (p90) over rounds."""
    rows: list[Mapping[str, str | int | float]] = []
    for shape in shapes:
        bench = Bench(redis, shape, HOUR)
        bench.fill(shape.pools * LOAD)
        for batch in batches:
            bench.measure(batch, rounds // 4)
            assigns, completes = bench.measure(batch, rounds)
            medians = {"assign_us": statistics.median(assigns), "complete_us": statistics.median(completes)}
            rows.append({**shape._asdict(), "batch": batch, **medians})
            print(
                f"  {shape.policy} {shape.pools:6d} pools {shape.classes:2d} classes, calls of {batch:3d}: "
                f"assign {describe(assigns)}  complete {describe(completes)} µs",
                flush=True,
            )
    return rows


def bench_memory(redis: Redis) -> dict[str, float]:
    """Bytes per live session with and without lease, at 36-character ids, from used_memory."""
    result = {}
    for name, lease in (("lease", HOUR), ("no_lease", 0)):
        bench = Bench(redis, Shape("slta", 1000, 2), lease)
        bench.fill(1000)
        before = used_memory(redis)
        bench.fill(20_000)
        result[name] = (used_memory(redis) - before) / 19_000
    print(f"  bytes per live session: {result['lease']:.0f} with lease, {result['no_lease']:.0f} without")
    return result


def bench_aof(redis: Redis) -> dict[str, float]:
    """Bytes the append-only file grows by per operation, assigns and completes alike."""
    result = {}
    for batch in (1, 32, 128):
        bench = Bench(redis, Shape("slta", 1000, 2), HOUR)
        bench.fill(10_000)
        before = aof_bytes(redis)
        bench.measure(batch, 50)
        result[str(batch)] = (aof_bytes(redis) - before) / (100 * batch)
    print("  AOF bytes per operation: " + ", ".join(f"{v:.0f} in calls of {k}" for k, v in result.items()))
    return result


def used_memory(redis: Redis) -> int:
    """Bytes in use."""
    return int(redis.info("memory")["used_memory"])


def aof_bytes(redis: Redis) -> int:
    """Bytes in the append-only file, and those that wait while the disk is busy."""
    figures = redis.info("persistence")
    return int(figures["aof_current_size"]) + int(figures["aof_buffer_length"])


def bench_step(redis: Redis) -> dict[str, float]:
    """A step of r at 65,536 pools: calls of one assign that move r, less the median call that does not."""
    bench = Bench(redis, Shape("slta", 65_536, 2), 0)
    steps: list[float] = []
    others: list[float] = []
    while len(steps) < 20 and len(others) < 4000:
        rank = field(bench, "rank")
        elapsed = bench.assign(1)
        moved = field(bench, "rank") != rank
        (steps if moved else others).append(elapsed)
        if not moved:
            for _ in range(max(0, int(field(bench, "yellow")) - 3) // 128):
                bench.assign(128)
    result = {"step_us": statistics.median(steps) - statistics.median(others), "steps": len(steps)}
    print(f"  a step of r at 65,536 pools: {result['step_us']:.0f} µs (median of {len(steps)})")
    return result


def field(bench: Bench, name: str) -> str:
    """A field of the fleet's state."""
    fields = bench.run("snapshot")[2]
    return str(fields[fields.index(name) + 1])


def bench_server(redis: Redis, *, quick: bool) -> dict[str, Any]:
    """Everything on one server."""
    info = redis.info("server")
    version = info.get("valkey_version") or info["redis_version"]
    print(f"{version}: server µs per operation (minimum, median, 90th percentile)", flush=True)
    times = bench_times(redis, QUICK if quick else SHAPES, (1, 32, 128), 40 if quick else 200)
    report = {"version": version, "times": times, "memory": bench_memory(redis), "aof": bench_aof(redis)}
    return report if quick else report | {"step": bench_step(redis)}


def main() -> None:
    """Run everything on every server and print the machine first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one size, few rounds")
    parser.add_argument("--server", action="append", help="only these servers", choices=sorted(SERVERS))
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    print(f"{platform.platform()}, {platform.processor() or platform.machine()}, Python {sys.version.split()[0]}")
    report = {}
    for name in options.server or SERVERS:
        # No rewrite of the append-only file meanwhile: its fork would be measured as operations.
        with own_server(SERVERS[name], "--auto-aof-rewrite-percentage", "0") as server, server.client() as redis:
            print(f"{name} ", end="")
            report[name] = bench_server(redis, quick=options.quick)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
