"""The longest calls at the limits: 65,536 pools, 16,384 levels, all in use, and 655,360 sessions.

In processor time of the server's main thread (INFO cpu): reading the call, running it and writing it to the append-only
file. The server runs one call at a time, so another fleet waits that long at most; other work on the machine counts
for little.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from redis import Redis

from lab.benchmarks.bench_tables import table
from lab.benchmarks.lua_fleet import LuaFleet, in_main_thread, operations, slices
from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import LogShareUtility, PoolClass
from slta.store._batching.batcher import MAX_BATCH
from slta.store._encoding import put_arguments
from slta.store.operations import Word, encode
from slta.store.pools import POOLS_PER_CALL
from slta.store.rebuilds import WORK
from testbed.servers import SERVERS, own_server

Measured = tuple[str, float]
"""What was called, and microseconds."""


class Size(NamedTuple):
    """How large the fleet is, and how often each call is measured.

    Another class has the last four levels and a single pool, so that it can lose its last one.
    """

    pools: int = 65_536
    capacities: tuple[int, ...] = (4095,) * 4
    sessions: int = 655_360
    rounds: int = 7

    def spec(self, resource: int, policy: str = "slta") -> FleetSpec:
        """Another `resource` makes other curves."""
        curves = (LogShareUtility(Fraction(resource + 3 * i)) for i in range(len(self.capacities)))
        classes = [PoolClass(f"c{i}", u, c) for i, (u, c) in enumerate(zip(curves, self.capacities, strict=True))]
        single = PoolClass("single", LogShareUtility(Fraction(20)), 4)
        return FleetSpec((*classes, single), POLICIES[policy], lease_seconds=86_400)


QUICK = Size(2_000, (40, 40), 8_000, 2)


def filled(redis: Redis, size: Size) -> LuaFleet:
    """A fleet at its limits: one pool of each class is full, so that all levels are in use."""
    classes = len(size.capacities)
    pools = [(f"p{k}", f"c{k % classes}") for k in range(size.pools - POOLS_PER_CALL - 1)]
    fleet = LuaFleet(redis, size.spec(20), [*pools, ("single", "single")], in_main_thread)
    for (pool, _), capacity in zip(pools, size.capacities, strict=False):
        for ids in slices(fleet.new(capacity)):
            fleet.run("batch", *operations("adopt", ids, pool))
    fleet.fill(size.sessions - sum(size.capacities))
    return fleet


def one_round(fleet: LuaFleet, size: Size) -> Iterator[Measured]:
    """Calls of operations, of pools and of the whole fleet."""
    yield "128 assigns", fleet.assign(MAX_BATCH)
    yield "128 completes", fleet.complete(MAX_BATCH)
    yield "fail of a full pool: its status", fleet.timed("set_status", "", "p0", "failed")
    yield "undrain of a full pool", fleet.timed("set_status", "", "p0", "active")
    added = [f"new{k}" for k in range(POOLS_PER_CALL)]
    yield (
        "POST of 1,000 pools",
        fleet.timed("add_pools", "", "", *(word for pool in added for word in (pool, "c0", "", ""))),
    )
    for pool in added:
        fleet.run("remove_pool", "", pool)
    many = [f"p{k}" for k in range(len(size.capacities), min(POOLS_PER_CALL, size.pools - POOLS_PER_CALL - 1))]
    for what, status in (("drain", "draining"), ("return", "active")):
        yield f"{what} of {len(many)} pools", fleet.timed("set_statuses", "", status, "", "", *many)
    yield "drain of a class's last pool", fleet.timed("set_status", "", "single", "draining")
    fleet.run("set_status", "", "single", "active")
    yield "PUT of the fleet: other curves", fleet.timed("put", "", "", *configuration(size, 23))
    yield "PUT of the fleet: to JLMU", fleet.timed("put", "", "", *configuration(size, 23, "jlmu"))
    fleet.run("put", "", "", *configuration(size, 20))
    yield "GET of state, averages or optimum", fleet.timed("snapshot")


def configuration(size: Size, resource: int, policy: str = "slta") -> list[Word]:
    """The words of a configuration."""
    return encode("begin_compare", put_arguments(size.spec(resource, policy), "{}", None))


def at_the_end(fleet: LuaFleet, size: Size) -> Iterator[Measured]:
    """An audit and a repair, slice by slice; then every session ends, and the fleet is deleted."""
    for what, function, author in (("audit", "compare", ()), ("repair", "rebuild", ("",))):
        reply, spent = fleet.answered(f"begin_{function}", *author, *configuration(size, 20))
        yield f"{what}: its beginning", spent
        while not reply[2]:
            reply, spent = fleet.answered(function, reply[1], WORK)
            yield f"{what}: a slice", spent
    for ids in slices(list(map(str, fleet.redis.hkeys("{f}:sessions")))):
        fleet.run("batch", *operations("complete", ids))
    yield "DELETE of the fleet", fleet.timed("delete", "", "")


def measure(redis: Redis, size: Size) -> Mapping[str, list[float]]:
    """Milliseconds of each call, as often as it was made."""
    fleet = filled(redis, size)
    found: dict[str, list[float]] = {}
    for part in (*(one_round for _ in range(size.rounds)), at_the_end):
        for what, spent in part(fleet, size):
            found.setdefault(what, []).append(spent / 1000)
    return found


def report(servers: Mapping[str, Mapping[str, list[float]]]) -> str:
    """A row per call: the median and the longest on each server."""
    first = next(iter(servers.values()))
    rows = [
        (what, *(f"{statistics.median(of[what]):.2f}, {max(of[what]):.2f}" for of in servers.values()))
        for what in first
    ]
    return table(("call", *(f"{name}: median, longest ms" for name in servers)), rows)


def main() -> None:
    """Measure on every server, or on those that are named; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small fleet, few rounds")
    parser.add_argument("--server", action="append", help="only these servers", choices=sorted(SERVERS))
    options = parser.parse_args()
    found = {}
    for name in options.server or SERVERS:
        with own_server(SERVERS[name], "--auto-aof-rewrite-percentage", "0") as server, server.client() as redis:
            found[name] = measure(redis, QUICK if options.quick else Size())
    sys.stdout.write(report(found) + "\n")


if __name__ == "__main__":
    main()
