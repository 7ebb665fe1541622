"""One fleet on one server, driven through the dispatcher's Lua functions without a dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from redis import Redis

from slta.core.fleet import FleetSpec
from slta.store._batching.batcher import MAX_BATCH
from slta.store._encoding import put_arguments
from slta.store._outcomes import REFUSALS
from slta.store.library import assemble
from slta.store.operations import encode
from slta.store.pools import POOLS_PER_CALL

HOUR = 3_600_000_000
"""Lease in microseconds; none ends during a measurement."""
Argument = str | int | float
Clock = Callable[[Redis], float]
"""Microseconds that the server has spent so far."""


def in_functions(redis: Redis) -> float:
    """Time of all FCALLs, by the server's own statistics."""
    return float(redis.info("commandstats").get("cmdstat_fcall", {"usec": 0})["usec"])


def in_main_thread(redis: Redis) -> float:
    """Processor time of the main thread: reading a call, running it, writing it to the append-only file."""
    spent = redis.info("cpu")
    return 1e6 * float(spent["used_cpu_user_main_thread"] + spent["used_cpu_sys_main_thread"])


class LuaFleet:
    """`pools` are pairs of a pool and its class. The server is flushed first."""

    time: Callable[[], Argument] = staticmethod(lambda: "")
    """Time that calls are given, in microseconds; '' for the server's."""

    def __init__(self, redis: Redis, spec: FleetSpec, pools: Sequence[tuple[str, str]], clock: Clock) -> None:
        self.redis, self.clock, self.random, self.serial = redis, clock, Random(1), 0
        self.live: list[str] = []
        source, self.digest = assemble()
        redis.execute_command("FLUSHALL", "SYNC")  # asynchronously freed memory would be measured
        redis.execute_command("FUNCTION", "LOAD", "REPLACE", source)
        self.run("put", "", "", *encode("begin_compare", put_arguments(spec, "{}", None)))
        for start in range(0, len(pools), POOLS_PER_CALL):
            self.run(
                "add_pools",
                "",
                "",
                *(word for pair in pools[start : start + POOLS_PER_CALL] for word in (*pair, "", "")),
            )

    def run(self, function: str, *arguments: Argument) -> list[Any]:
        """Call a function. Raises RuntimeError if it refuses."""
        name = f"slta_{self.digest}_{function}"
        reply: list[Any] = self.redis.execute_command("FCALL", name, 1, "{f}:fleet", self.time(), *arguments)
        refused = [o for o in reply[1] if o[0] in ("FAULT", *REFUSALS)] if reply[0] == "BATCH" else []
        if reply[0] in REFUSALS or refused:
            raise RuntimeError(f"{function}: {refused or reply[0]}")
        return reply

    def timed(self, function: str, *arguments: Argument) -> float:
        """Microseconds of one call."""
        return self.answered(function, *arguments)[1]

    def answered(self, function: str, *arguments: Argument) -> tuple[list[Any], float]:
        """Reply and microseconds of one call, less those of reading the clock."""
        first, before = self.clock(self.redis), self.clock(self.redis)
        reply = self.run(function, *arguments)
        return reply, max(0.0, self.clock(self.redis) - before - (before - first))

    def new(self, count: int) -> list[str]:
        """Ids of 36 characters."""
        self.serial += count
        return [f"{k:036d}" for k in range(self.serial - count, self.serial)]

    def assign(self, count: int) -> float:
        """Assign `count` sessions in one call; microseconds."""
        ids = self.new(count)
        self.live += ids
        draw = self.random.random
        return self.timed("batch", *(w for id_ in ids for w in ("assign", id_, HOUR, repr(draw()), self.option())))

    def option(self) -> str:
        """Of the next assign."""
        return ""

    def complete(self, count: int) -> float:
        """Complete `count` random sessions in one call; microseconds."""
        ids = []
        for _ in range(count):
            at = self.random.randrange(len(self.live))
            self.live[at], self.live[-1] = self.live[-1], self.live[at]
            ids.append(self.live.pop())
        return self.timed("batch", *operations("complete", ids))

    def fill(self, sessions: int) -> None:
        """Bring the fleet to `sessions` live sessions."""
        while len(self.live) < sessions:
            self.assign(min(MAX_BATCH, sessions - len(self.live)))


def operations(kind: str, ids: Sequence[str], *arguments: Argument) -> list[Argument]:
    """The same operation on each of these sessions."""
    filled = (*arguments, "", "", "")[:3]
    return [word for id_ in ids for word in (kind, id_, *filled)]


def slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many as one call takes."""
    return (ids[start : start + MAX_BATCH] for start in range(0, len(ids), MAX_BATCH))
