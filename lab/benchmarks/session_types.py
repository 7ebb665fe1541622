"""Store time that session types add to one assign alone in a call and in calls of 32, and of a change of pools.

Two servers hold the same fleet, one with session types and one without; each round does the same on both, so that both
meet the same load of the machine. Microseconds by the server's own statistics.
"""

from __future__ import annotations

import argparse
import statistics
from fractions import Fraction
from random import Random

from redis import Redis

from lab.benchmarks.lua_fleet import HOUR, LuaFleet, in_functions
from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import LogShareUtility, PoolClass
from slta.store.sessions import type_option
from testbed.servers import running_server

POOLS = 10
"""Of each class."""
LOAD = 10
SHAPES = ((4, 3), (16, 8))
"""Classes and types, with `default`."""


class TypedFleet(LuaFleet):
    """A fleet whose sessions have random types, `types` of them with the default one; 1 for a fleet without."""

    def __init__(self, redis: Redis, classes: int, types: int, capacity: int = 60) -> None:
        names = [f"c{i}" for i in range(classes)]
        rng = Random(classes)
        sets = {f"t{t}": rng.sample(names, max(1, classes // 2)) for t in range(1, types)}
        made = (PoolClass(name, LogShareUtility(Fraction(20 + 3 * i)), capacity) for i, name in enumerate(names))
        spec = FleetSpec(tuple(made), policy=POLICIES["jlmu"], session_types=sets)
        super().__init__(redis, spec, [(f"{c}-{k}", c) for c in names for k in range(POOLS)], in_functions)
        self.options = [type_option(name).strip() for name in spec.type_names]

    def assign(self, count: int) -> float:
        """Assign `count` sessions of random types in one call; microseconds."""
        return self.assigns(count, 1)

    def assigns(self, count: int, calls: int) -> float:
        """The same in each of `calls` calls in a row; microseconds of one call."""
        first, before = self.clock(self.redis), self.clock(self.redis)
        for _ in range(calls):
            ids = self.new(count)
            self.live += ids
            draw = self.random.random
            words = [(id_, HOUR, repr(draw()), self.random.choice(self.options)) for id_ in ids]
            self.run("batch", *(word for one in words for word in ("assign", *one)))
        return (self.clock(self.redis) - before - (before - first)) / calls


def compare(without: TypedFleet, typed: TypedFleet, batch: int, rounds: int) -> str:
    """Medians of both, and of the differences of the rounds, per assign; 64 assigns a round."""
    for fleet in (without, typed):
        fleet.fill(LOAD * POOLS * (len(typed.options) + 1))
    pairs = []
    for _ in range(rounds):
        for fleet in (without, typed):
            fleet.complete(64)
        plain, with_types = (fleet.assigns(batch, 64 // batch) / batch for fleet in (without, typed))
        pairs.append((plain, with_types))
    more = statistics.median(with_types - plain for plain, with_types in pairs)
    plain, with_types = (statistics.median(column) for column in zip(*pairs, strict=True))
    return f"assign in calls of {batch:2d}: {plain:6.1f} without, {with_types:6.1f} with, {more:+6.1f}"


def rebuild(redis: Redis, classes: int, types: int, rounds: int) -> str:
    """Longest of `rounds` drains and returns of a pool at 16,384 levels."""
    fleet = TypedFleet(redis, classes, types, 16_384 // classes)
    fleet.fill(min(50_000, 16_384 * POOLS // 4))
    found = [fleet.timed("set_status", "", "c0-0", status) for _ in range(rounds) for status in ("draining", "active")]
    return f"{classes} classes, {types} types, 16,384 levels: a pool drained or returned {max(found) / 1000:.1f} ms"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    rounds = parser.parse_args().rounds
    for classes, types in SHAPES:
        with running_server() as first, running_server() as second:
            fleets = TypedFleet(Redis.from_url(first), classes, 1), TypedFleet(Redis.from_url(second), classes, types)
            for batch in (1, 32):
                print(f"{classes} classes, {types} types, {compare(*fleets, batch, rounds)} µs", flush=True)
    for classes, types in ((64, 4), (16, 16)):
        with running_server() as url:
            print(rebuild(Redis.from_url(url), classes, types, max(1, rounds // 100)), flush=True)


if __name__ == "__main__":
    main()
