"""A fleet at its limits on one server, and the processor time of each call there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from random import Random
from typing import Any, NamedTuple

from redis import Redis

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import LogShareUtility, PoolClass
from slta.store.batching.batcher import MAX_BATCH
from slta.store.encoding import put_arguments
from slta.store.library import assemble
from slta.store.pools import POOLS_PER_CALL
from slta.store.replies import REFUSALS

NAME = "f"
NOT_DONE = REFUSALS.keys() - {"CAPACITY_BELOW_OCCUPANCY"}
"""A call that was refused so was not measured; the one exception is measured."""
Argument = str | int | float


class Size(NamedTuple):
    """How large the fleet is, and how often each call is measured.

    A class more has the last four levels and a single pool, so that it can lose its last one.
    """

    pools: int = 65_536
    capacities: tuple[int, ...] = (4095,) * 4
    sessions: int = 655_360
    rounds: int = 7


QUICK = Size(2_000, (40, 40), 8_000, 2)


class ConnectionLimits:
    """A fleet at its limits: one pool of each class is full, so that all levels are in use."""

    def __init__(self, redis: Redis, size: Size) -> None:
        self.redis, self.size, self.random, self.serial = redis, size, Random(1), 0
        self.live: list[str] = []
        source, self.digest = assemble()
        redis.execute_command("FLUSHALL", "SYNC")
        redis.execute_command("FUNCTION", "LOAD", "REPLACE", source)
        self.run("put", "", *self.configuration(20))
        classes = len(size.capacities)
        pools = [(f"p{k}", f"c{k % classes}") for k in range(size.pools - POOLS_PER_CALL - 1)]
        for start in range(0, len(pools), POOLS_PER_CALL):
            self.run("add_pools", "", *flat(pools[start : start + POOLS_PER_CALL]))
        self.run("add_pools", "", "single", "single")
        self.full = [pool for pool, _ in pools[:classes]]
        self.fill()

    def configuration(self, resource: int, policy: str = "slta", lease: float = 86_400, fewer: int = 0) -> list[Any]:
        """The arguments of `put`. Another `resource` makes other curves; `fewer` leaves out so many levels."""
        classes = [
            PoolClass(f"c{i}", LogShareUtility(Fraction(resource + 3 * i)), capacity - fewer)
            for i, capacity in enumerate(self.size.capacities)
        ]
        single = PoolClass("single", LogShareUtility(Fraction(20)), 4)
        spec = FleetSpec((*classes, single), POLICIES[policy], lease_seconds=lease, retention_seconds=86_400)
        return put_arguments(spec, "{}", None)

    def fill(self) -> None:
        """Full pools first, then sessions where the policy places them."""
        for pool, capacity in zip(self.full, self.size.capacities, strict=True):
            for ids in slices(self.new(capacity)):
                self.run("batch", *operations("adopt", ids, pool))
        while self.serial < self.size.sessions:
            self.assign(MAX_BATCH)

    def new(self, count: int) -> list[str]:
        """Ids of 36 characters."""
        self.serial += count
        return [f"{k:036d}" for k in range(self.serial - count, self.serial)]

    def assign(self, count: int) -> float:
        """Places new sessions; the milliseconds."""
        ids = self.new(count)
        self.live += ids
        return self.timed("batch", *(w for id_ in ids for w in ("assign", id_, "", repr(self.random.random()), "")))

    def take(self, count: int) -> list[str]:
        """Random sessions, which the caller ends."""
        for at in range(count):
            other = self.random.randrange(at, len(self.live))
            self.live[at], self.live[other] = self.live[other], self.live[at]
        ids, self.live = self.live[:count], self.live[count:]
        return ids

    def run(self, function: str, *arguments: Argument) -> list[Any]:
        """The reply of a function at the server's time, which must have done it."""
        name, key = f"slta_{self.digest}_{function}", f"{{{NAME}}}:state"
        reply: list[Any] = self.redis.execute_command("FCALL", name, 1, key, "", *arguments)
        if reply[0] in NOT_DONE or (reply[0] == "BATCH" and ["FAULT"] in reply[1]):
            raise RuntimeError(f"{function}: {reply[0]}")
        return reply

    def timed(self, function: str, *arguments: Argument) -> float:
        """Milliseconds of one call."""
        return self.answered(function, *arguments)[1]

    def answered(self, function: str, *arguments: Argument) -> tuple[list[Any], float]:
        """The reply of one call and its milliseconds, less what asking for them takes."""
        asking = self._spent() - self._spent()
        before = self._spent()
        reply = self.run(function, *arguments)
        return reply, max(0.0, self._spent() - before + asking)

    def _spent(self) -> float:
        """Milliseconds of the main thread since it began."""
        spent = self.redis.info("cpu")
        return 1000 * float(spent["used_cpu_user_main_thread"] + spent["used_cpu_sys_main_thread"])


def flat(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Pairs as words."""
    return [word for pair in pairs for word in pair]


def slices(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many as one call takes."""
    return (ids[start : start + MAX_BATCH] for start in range(0, len(ids), MAX_BATCH))


def operations(kind: str, ids: Sequence[str], *arguments: Argument) -> list[Argument]:
    """The same operation on each of these sessions."""
    filled = (*arguments, "", "", "")[:3]
    return [word for id_ in ids for word in (kind, id_, *filled)]
