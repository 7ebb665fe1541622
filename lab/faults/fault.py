"""A row of the table of faults: what is planted where, in which modes of durability, and the record of a run."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from lab.campaign.row import Record, Row, Run
from lab.faults import independent_audit
from lab.faults.ledger import Verdict, judge
from lab.faults.load import Load, Plan
from lab.faults.noticed import EVENT, noticed
from lab.faults.observing import FIRST, observed
from lab.faults.starting import system
from lab.faults.system import SINGLE, Shape, System
from testbed.servers import INSTALLED

ASYNC = ("async",)
ALL = ("async", "replicated", "fsync")
ONE_STORE = ("async", "fsync")
SEVERAL = ("async", "replicated")
ALL_SERVERS = frozenset({"embedded", "valkey-server", "redis-server"})
EMBEDDED_SERVER = frozenset({"embedded"})
BEFORE_SECONDS = 3.0
"""Load without a fault, by which the rate is judged."""
AFTER_SECONDS = 3.0
"""Without load, in which dispatchers put back what they still hold."""
ENOUGH = 0.75
"""The share of the wanted calls that must succeed in it."""


@dataclass(frozen=True)
class Size:
    """Size of the load."""

    per_second: float = 400.0
    """Calls."""


@dataclass(frozen=True)
class Fault(Row[System]):
    """`plant` returns how often its effect was seen, in `effects`; a run without any is void.

    Losses are stated by what `fails`. `is_under_load` is false where the fault makes its calls itself, one at a time.
    """

    title: str
    plant: Callable[[System], Awaitable[int]]
    effects: str
    shape: Shape = SINGLE
    modes: tuple[str, ...] = ONE_STORE
    fails: str = "a process or a connection"
    is_under_load: bool = True
    fleet: int = FIRST
    """Number of the fleet that it is about; on a cluster what it and the others noticed is noted."""
    servers: frozenset[str] = ALL_SERVERS
    """Names of the servers that it can be planted in."""

    def server(self, number: int) -> str:
        servers = sorted(self.servers.intersection(INSTALLED))
        return servers[number % len(servers)]

    def scene(self, run: Run) -> AbstractAsyncContextManager[System]:
        return system(run.folder, self.shape, run.variant, INSTALLED[self.server(run.number)])

    @asynccontextmanager
    async def load(self, scene: System, run: Run) -> AsyncIterator[None]:
        """One for each fleet, which share the calls. All end at once."""
        fleets = await asyncio.to_thread(scene.fleets)
        workers = Plan.workers if self.is_under_load else 0
        share, seed = Plan(run.size.per_second / len(fleets), workers // len(fleets)), f"{run.name}-{run.number}"
        seeds = [f"{seed}-{fleet}" if scene.cluster else seed for fleet in fleets]
        scene.loads = [Load(scene.urls, share, seed, fleet) for seed, fleet in zip(seeds, fleets, strict=True)]
        await asyncio.gather(*(load.__aenter__() for load in scene.loads))
        try:
            yield
        finally:
            await asyncio.gather(*(load.__aexit__() for load in scene.loads))

    async def fault(self, scene: System, run: Run) -> tuple[float, int]:
        """The calls a second that succeed without it, and its effects."""
        del run
        await asyncio.sleep(BEFORE_SECONDS if self.is_under_load else 0)
        rate = sum(_rate(load) for load in scene.loads)
        plant = observed(self.plant, self.fleet) if scene.cluster else self.plant
        return rate, await plant(scene)

    async def judge(self, scene: System, run: Run, seen: tuple[float, int]) -> Record:
        rate, effects = seen
        await asyncio.sleep(AFTER_SECONDS)
        if not self.shape.embedded:  # else the store would end with them
            for dispatcher in scene.dispatchers:  # nothing may change between the look at the sessions and the audit
                dispatcher.kill()
        void = "" if effects else "no effect was seen"
        if self.is_under_load and rate < ENOUGH * run.size.per_second:
            void = f"{rate:.0f} calls per second instead of {run.size.per_second:.0f}"
        known = {"void": void, "calls_per_second": round(rate), "effects": effects}
        return known | await asyncio.to_thread(_record, scene)


def _rate(load: Load) -> float:
    """Rate of the calls that succeed, a second."""
    return load.ledger.good_between(load.started + 1, time.monotonic()) / (BEFORE_SECONDS - 1)


def _record(made: System) -> Record:
    loads = made.loads
    held = [(load, made.holder(load.fleet)) for load in loads]
    return {
        "seconds": round(max(load.ended - load.started for load in loads), 1),
        "good_answers": sum(len(load.ledger.good) for load in loads),
        **_verdict(judge(load.ledger, independent_audit.sessions(store, load.fleet)) for load, store in held),
        "longest_silence_seconds": round(max(load.longest_silence() for load in loads), 2),
        **noticed([event for one in made.dispatchers for event in one.events(EVENT)], *made.went_back),
        "audit": [broken for load, store in held for broken in independent_audit.audit(store, load.fleet)],
        "codes": dict(sum((load.ledger.codes for load in loads), Counter())),
        "notes": made.notes,
    }


def _verdict(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Verdict on all fleets together."""
    counts = [asdict(verdict) for verdict in verdicts]
    losses: Counter[str] = sum((Counter(one.pop("losses")) for one in counts), Counter())
    return {name: sum(one[name] for one in counts) for name in counts[0]} | {"losses": dict(losses)}
