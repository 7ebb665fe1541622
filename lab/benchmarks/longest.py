"""The longest call of each kind at the limits: 65,536 pools, 16,384 levels, all in use, and 655,360 sessions.

In processor time of the server's main thread (INFO cpu): all that the server does for the call, reading it, running it
and writing it to the append-only file. Meanwhile it answers nobody else, so this is how long another fleet waits at
most; who else is on the machine counts for little.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from redis import Redis

from lab.benchmarks.limits import NAME, QUICK, ConnectionLimits, Size, flat, operations, slices
from lab.benchmarks.markdown import table
from slta.store.batching.batcher import MAX_BATCH
from slta.store.pools import POOLS_PER_CALL
from slta.store.repairs import WORK
from tests import rawstate
from tests.servers import SERVERS, own_server

YEAR_SECONDS = 365 * 86_400
Measured = tuple[str, float]
"""What was called, and milliseconds."""


def on_sessions(fleet: ConnectionLimits) -> Iterator[Measured]:
    """Calls of 128 operations, and a look at one session."""
    yield "128 assigns", fleet.assign(MAX_BATCH)
    yield "128 renewals", fleet.timed("batch", *operations("renew", fleet.live[:MAX_BATCH]))
    yield "128 completes", fleet.timed("batch", *operations("complete", fleet.take(MAX_BATCH)))
    unknown = [f"unknown-{id_}" for id_ in fleet.live[:MAX_BATCH]]
    yield "128 completes of unknown ids", fleet.timed("batch", *operations("complete", unknown))
    yield "GET of a session", fleet.timed("session", fleet.live[0])


def on_a_full_pool(fleet: ConnectionLimits) -> Iterator[Measured]:
    """What `fail`, a pool's list and its undrain do to a pool of 4,095 sessions."""
    pool = fleet.random.choice(fleet.full)
    yield "fail of a full pool: its status", fleet.timed("set_status", "", pool, "failed")
    yield "fail, a pool's list: its sessions are read", fleet.timed("pool_sessions", pool, "")
    gone = fleet.run("pool_sessions", pool, "")[1 : MAX_BATCH + 1]
    yield "fail, a pool's list: 128 end", fleet.timed("batch", *operations("end", gone, pool, "failed"))
    yield "a pool's list: 128 are adopted", fleet.timed("batch", *operations("adopt", fleet.new(len(gone)), pool))
    yield "undrain of a full pool", fleet.timed("set_status", "", pool, "active")
    yield "GET of a pool", fleet.timed("pool", pool)
    yield "GET of 1,000 pools", fleet.timed("pool_page", fleet.size.pools // 8, 1000)


def on_pools(fleet: ConnectionLimits) -> Iterator[Measured]:
    """A thousand pools come at once; they move and go one by one. A class loses its only pool and gets it again."""
    added = [(f"new{k}", "c0") for k in range(POOLS_PER_CALL)]
    yield "POST of 1,000 pools", fleet.timed("add_pools", "", *flat(added))
    for pool, _ in added[:20]:
        yield "PUT of a pool: it changes class", fleet.timed("move_pool", "", pool, "c1")
    for pool, _ in added:
        yield "DELETE of a pool", fleet.timed("remove_pool", "", pool)
    yield "drain of a class's last pool", fleet.timed("set_status", "", "single", "draining")
    yield "undrain of a class's first pool", fleet.timed("set_status", "", "single", "active")


def on_the_fleet(fleet: ConnectionLimits) -> Iterator[Measured]:
    """Configurations and reads."""
    yield "PUT of the fleet: another lease", fleet.timed("put", "", *fleet.configuration(20, lease=43_200))
    yield "PUT of the fleet: other curves", fleet.timed("put", "", *fleet.configuration(23))
    yield "PUT of the fleet: to JLMU", fleet.timed("put", "", *fleet.configuration(23, "jlmu"))
    yield "PUT of the fleet: to SLTA", fleet.timed("put", "", *fleet.configuration(20))
    yield "PUT of the fleet: refused, capacities too small", fleet.timed("put", "", *fleet.configuration(20, fewer=1))
    yield "GET of state, averages or optimum", fleet.timed("snapshot")
    yield "GET of the fleet", fleet.timed("config")


def on_time(fleet: ConnectionLimits) -> Iterator[Measured]:
    """Ticks: a usual one, one that ends 32 leases, and one that finds leases a year behind."""
    yield "tick", fleet.timed("tick")
    fleet.run("batch", *operations("renew", fleet.take(32), 1))
    clock = float(rawstate.fields(fleet.redis, NAME)["clock"])
    rawstate.poke(fleet.redis, NAME, clock=int(clock - 3e6), hold_until=0)
    yield "tick: 32 leases end", fleet.timed("tick")
    time = float(rawstate.fields(fleet.redis, NAME)["time"])
    rawstate.poke(fleet.redis, NAME, next_due=int(time / 1e6) - YEAR_SECONDS, hold_until=0)
    yield "tick: leases a year behind", fleet.timed("tick")
    yield "an assign: leases a year behind", fleet.assign(1)
    rawstate.poke(fleet.redis, NAME, next_due=int(time / 1e6))
    rawstate.poke(fleet.redis, NAME, ended_generation=0, older_ended=0)


def looked_at(fleet: ConnectionLimits) -> Iterator[Measured]:
    """An audit slice by slice, by its parts, and a repair of the whole fleet."""
    place = ["", ""]
    while True:
        reply, ms = fleet.answered("audit", *place, WORK)
        yield f"audit: a slice of its part {place[0] or 'fields'}", ms
        place = reply[1:3]
        if not place[0]:
            break
    yield "repair: its beginning", fleet.timed("begin_repair", "", 1, 0, *fleet.configuration(20))
    word = ""
    while word != "REPAIRED":
        reply, ms = fleet.answered("repair", WORK, 0)
        word = reply[0]
        yield "repair: a slice", ms


def at_the_end(fleet: ConnectionLimits) -> Iterator[Measured]:
    """Every session ends; then the two hashes of ended ids are dropped, and the fleet."""
    ids = list(map(str, fleet.redis.hkeys(f"{{{NAME}}}:sessions")))
    for some in slices(ids):
        fleet.run("batch", *operations("complete", some))
    yield "DELETE of the fleet", fleet.timed("delete", "", "")


ROUNDS: Sequence[Callable[[ConnectionLimits], Iterator[Measured]]] = (
    on_sessions,
    on_a_full_pool,
    on_pools,
    on_the_fleet,
    on_time,
)


def measure(redis: Redis, size: Size) -> Mapping[str, list[float]]:
    """Milliseconds of each call, as often as it was made."""
    fleet = ConnectionLimits(redis, size)
    found: dict[str, list[float]] = {}
    for part in (*(part for part in ROUNDS for _ in range(size.rounds)), looked_at, at_the_end):
        for what, ms in part(fleet):
            found.setdefault(what, []).append(ms)
    return found


def report(servers: Mapping[str, Mapping[str, list[float]]]) -> str:
    """A row a call: how often, and the median and the longest on each server."""
    names = [f"{name}: median, longest ms" for name in servers]
    first = next(iter(servers.values()))
    rows = [
        (
            what,
            str(len(first[what])),
            *(f"{statistics.median(of[what]):.2f}, {max(of[what]):.2f}" for of in servers.values()),
        )
        for what in first
    ]
    return table(("call", "times", *names), rows)


def main() -> None:
    """Measure on every server, or on those that are named; print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small fleet, few rounds")
    parser.add_argument("--server", action="append", help="only these servers", choices=sorted(SERVERS))
    parser.add_argument("--markdown", type=Path, help="also write the table here")
    options = parser.parse_args()
    found = {}
    for name in options.server or SERVERS:
        with own_server(SERVERS[name], "--auto-aof-rewrite-percentage", "0") as server, server.client() as redis:
            found[name] = measure(redis, QUICK if options.quick else Size())
    text = report(found)
    if options.markdown:
        options.markdown.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
