"""The side without HTTP: the dispatcher's Lua functions, called in batches over a unix socket."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import count, islice

from redis import Redis

from lab.benchmarks.bench_tables import Run
from lab.benchmarks.load import Load
from lab.benchmarks.lua_fleet import HOUR
from lab.benchmarks.processor import spent_by, with_processor_time
from lab.benchmarks.running import Running
from lab.benchmarks.sides import Side
from lab.benchmarks.store import Shape


def measure_store(side: Side, running: Running, load: Load, round_: int) -> Run:
    """The Lua functions by FCALL: a completion of a random session and an assign in turn, on one connection.

    The next call is made and sent while the store is at the last one, so that it never waits.
    """
    assert running.store is not None
    with running.store.client() as redis:
        fleet = Shape(load.policy, load.pools, load.classes).fleet(redis)
        fleet.fill(load.occupancy * load.pools)
        calls = store_calls(fleet.live, side.operations, random.Random(round_))
        function = f"slta_{fleet.digest}_batch"
        before, start = spent_by(running), time.perf_counter()
        done, refused = _call_until(redis, function, calls, start + load.seconds)
        elapsed = time.perf_counter() - start
    run = Run(side=side.name, round=round_, operations_per_second=done / elapsed, refused=refused)
    return with_processor_time(run, done, before, spent_by(running))


def store_calls(live: list[str], operations: int, rng: random.Random) -> Iterator[list[str]]:
    """The words of one call after the other; `live` are the sessions that are there."""
    serial = count()
    while True:
        words: list[str] = []
        for _ in range(operations // 2):
            at = rng.randrange(len(live))
            session = f"s{next(serial):035d}"
            words += ["complete", live[at], "", "", "", "assign", session, str(HOUR), repr(rng.random()), ""]
            live[at] = session
        yield words


def _call_until(redis: Redis, function: str, calls: Iterator[list[str]], end: float) -> tuple[int, int]:
    """Operations that were answered, and how many of them were refused."""
    connection = redis.connection_pool.get_connection()
    done = refused = 0

    def send() -> None:
        [words] = islice(calls, 1)
        connection.send_command("FCALL", function, 1, "{f}:fleet", "", *words)

    def receive() -> None:
        nonlocal done, refused
        outcomes = connection.read_response()[1]
        done += len(outcomes)
        refused += sum(outcome[0] not in ("ASSIGNED", "COMPLETED") for outcome in outcomes)

    send()
    while time.perf_counter() < end:
        send()
        receive()
    receive()
    redis.connection_pool.release(connection)
    return done, refused
