"""Time inside the store per operation, and its memory, network and append-only file, on every server found.

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
from slta.store._batching.batcher import MAX_BATCH
from testbed.servers import SERVERS, own_server

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


def memory_bytes(redis: Redis) -> dict[str, float]:
    """Bytes per pool without sessions, per live session with a lease, and per ended id that is still kept."""
    used: list[int] = []
    fleet: LuaFleet | None = None
    for pools in (1000, 65_000):
        fleet = Shape("slta", pools, 2).fleet(redis)
        used.append(_used(redis))
    assert fleet is not None
    fleet.fill(65_000)  # the first session of a pool creates its set
    used.append(_used(redis))
    fleet.fill(10 * 65_000)
    used.append(_used(redis))
    while fleet.live:
        fleet.complete(min(MAX_BATCH, len(fleet.live)))
    used.append(_used(redis))
    return {
        "pool": (used[1] - used[0]) / 64_000,
        "first session of a pool": (used[2] - used[1]) / 65_000,
        "further session": (used[3] - used[2]) / (9 * 65_000),
        "ended id": (used[4] - used[1]) / (10 * 65_000),
    }


def _used(redis: Redis) -> int:
    return int(redis.info("memory")["used_memory"])


def traffic_bytes(redis: Redis, batch: int) -> dict[str, float]:
    """Bytes per operation, assigns and completes alike: to the server, from it, and added to the append-only file."""
    fleet = Shape("slta", 1000, 2).fleet(redis)
    fleet.fill(10_000)
    fleet.clock = lambda _: 0.0  # the replies of INFO would be counted
    before = _counters(redis)
    rounds_of(fleet, batch, 50)
    return {name: (count - before[name]) / (100 * batch) for name, count in _counters(redis).items()}


def _counters(redis: Redis) -> dict[str, int]:
    stats, saved = redis.info("stats"), redis.info("persistence")
    return {
        "in": stats["total_net_input_bytes"],
        "out": stats["total_net_output_bytes"],
        "appended": saved["aof_current_size"] + saved["aof_buffer_length"],
    }


def measured(redis: Redis, *, quick: bool) -> dict[str, Any]:
    """Everything on one server."""
    info = redis.info("server")
    version = info.get("valkey_version") or info["redis_version"]
    print(f"{version}: server µs per operation (minimum, median, 90th percentile)", flush=True)
    times = times_of(redis, QUICK if quick else SHAPES, 40 if quick else 200)
    traffic = {str(batch): traffic_bytes(redis, batch) for batch in BATCHES}
    memory = {} if quick else memory_bytes(redis)
    print("  bytes of memory: " + ", ".join(f"{name} {value:.0f}" for name, value in memory.items()))
    for batch, figures in traffic.items():
        print(f"  bytes per operation in calls of {batch}: " + ", ".join(f"{k} {v:.0f}" for k, v in figures.items()))
    return {"version": version, "times": times, "memory_bytes": memory, "traffic_bytes": traffic}


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
