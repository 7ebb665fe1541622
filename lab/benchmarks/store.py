"""Time inside the store per operation, bytes per live session and per append-only operation, on every server found.

The server's own clock (INFO commandstats: microseconds per FCALL) is read before and after, so neither client nor
network counts. Steady state near 10 sessions per pool: each round assigns a batch and completes a batch.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis

from lab.benchmarks.lua_fleet import LuaFleet, in_functions
from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import LogShareUtility, PoolClass
from tests.servers import SERVERS, own_server

LOAD = 10
BATCHES = (1, 32, 128)


class Shape(NamedTuple):
    """A fleet to measure on."""

    policy: str
    pools: int
    classes: int

    def fleet(self, redis: Redis) -> LuaFleet:
        """On a flushed server."""
        classes = (PoolClass(f"c{i}", LogShareUtility(Fraction(20 + 3 * i)), 60) for i in range(self.classes))
        pools = [(f"pool-{k}", f"c{k % self.classes}") for k in range(self.pools)]
        return LuaFleet(redis, FleetSpec(tuple(classes), policy=POLICIES[self.policy]), pools, in_functions)


QUICK = (Shape("slta", 100, 2), Shape("jlmu", 100, 2))
SIZES = (100, 1000, 10_000, 65_536)
SHAPES = (
    *(Shape("slta", pools, 2) for pools in SIZES),
    *(Shape("slta", pools, classes) for pools, classes in ((10_000, 1), (10_000, 16), (100, 16), (65_536, 16))),
    *(Shape("jlmu", pools, 2) for pools in SIZES),
)


def rounds_of(fleet: LuaFleet, batch: int, rounds: int) -> tuple[list[float], list[float]]:
    """Microseconds per assign and per complete, a value each round."""
    both = [(fleet.complete(batch) / batch, fleet.assign(batch) / batch) for _ in range(rounds)]
    return [assign for _, assign in both], [complete for complete, _ in both]


def described(values: list[float]) -> str:
    """Minimum, median and 90th percentile."""
    ordered = sorted(values)
    return f"{ordered[0]:6.1f} {statistics.median(ordered):6.1f} {ordered[int(len(ordered) * 0.9)]:6.1f}"


def times_of(redis: Redis, shapes: Sequence[Shape], rounds: int) -> list[Mapping[str, str | int | float]]:
    """A row per shape and batch: medians in microseconds per operation."""
    rows: list[Mapping[str, str | int | float]] = []
    for shape in shapes:
        fleet = shape.fleet(redis)
        fleet.fill(shape.pools * LOAD)
        for batch in BATCHES:
            rounds_of(fleet, batch, rounds // 4)
            assigns, completes = rounds_of(fleet, batch, rounds)
            medians = {"assign_us": statistics.median(assigns), "complete_us": statistics.median(completes)}
            rows.append({**shape._asdict(), "batch": batch, **medians})
            what = f"{shape.policy} {shape.pools:6d} pools {shape.classes:2d} classes, calls of {batch:3d}"
            print(f"  {what}: assign {described(assigns)}  complete {described(completes)} µs", flush=True)
    return rows


def session_bytes(redis: Redis) -> float:
    """Bytes per live session with a lease, at ids of 36 characters."""
    fleet = Shape("slta", 1000, 2).fleet(redis)
    fleet.fill(1000)
    before = redis.info("memory")["used_memory"]
    fleet.fill(20_000)
    return float(redis.info("memory")["used_memory"] - before) / 19_000


def append_only_bytes(redis: Redis, batch: int) -> float:
    """Bytes by which the append-only file grows per operation, assigns and completes alike."""
    fleet = Shape("slta", 1000, 2).fleet(redis)
    fleet.fill(10_000)
    before = redis.info("persistence")
    rounds_of(fleet, batch, 50)
    after = redis.info("persistence")
    return float(sum(after[name] - before[name] for name in ("aof_current_size", "aof_buffer_length"))) / (100 * batch)


def measured(redis: Redis, *, quick: bool) -> dict[str, Any]:
    """Everything on one server."""
    info = redis.info("server")
    version = info.get("valkey_version") or info["redis_version"]
    print(f"{version}: server µs per operation (minimum, median, 90th percentile)", flush=True)
    times = times_of(redis, QUICK if quick else SHAPES, 40 if quick else 200)
    grown = {str(batch): append_only_bytes(redis, batch) for batch in BATCHES}
    report = {"version": version, "times": times, "session_bytes": session_bytes(redis), "append_only_bytes": grown}
    print(f"  bytes per live session: {report['session_bytes']:.0f}")
    print("  append-only bytes per operation: " + ", ".join(f"{v:.0f} in calls of {k}" for k, v in grown.items()))
    return report


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
        # A rewrite of the append-only file would fork, and the fork be measured as operations.
        with own_server(SERVERS[name], "--auto-aof-rewrite-percentage", "0") as server, server.client() as redis:
            print(f"{name} ", end="")
            report[name] = measured(redis, quick=options.quick)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
