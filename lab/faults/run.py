"""One run: a system, a load, a fault, and what the ledger says afterwards."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.faults import independent_audit
from lab.faults.fault import Fault
from lab.faults.ledger import Verdict, judge
from lab.faults.load import Load, Plan
from lab.faults.noticed import noticed
from lab.faults.starting import system
from lab.faults.system import System
from lab.faults.table import FAULTS
from testbed.servers import INSTALLED

BEFORE_SECONDS = 3.0
"""Load without a fault, by which the rate is judged."""
AFTER_SECONDS = 3.0
"""Without load, in which dispatchers put back what they still hold."""
ENOUGH = 0.75
"""The share of the wanted calls that must succeed in it."""

Record = dict[str, Any]


def play(name: str, mode: str, number: int, per_second: float) -> Record:
    """One run, as it is kept. `void` says why it does not count, '' if it does."""
    fault = FAULTS[name]
    servers = sorted(fault.servers.intersection(INSTALLED))
    server = servers[number % len(servers)]
    with tempfile.TemporaryDirectory(prefix="slta-") as folder:
        made = asyncio.run(_play(fault, mode, Path(folder), INSTALLED[server], Plan(per_second), f"{name}-{number}"))
    return {
        "fault": name,
        "mode": mode,
        "run": number,
        "server": server,
        "date": f"{datetime.now(tz=UTC):%Y-%m-%d}",
        "commit": _commit(),
        **made,
    }


async def _play(fault: Fault, mode: str, folder: Path, binary: str, plan: Plan, seed: str) -> Record:
    if not fault.is_under_load:
        plan = Plan(plan.per_second, workers=0)
    async with system(folder, fault.shape, mode, binary) as made:
        async with _loads(made, plan, seed) as made.loads:
            await asyncio.sleep(BEFORE_SECONDS if plan.workers else 0)
            rate = sum(_rate(load) for load in made.loads)
            effects = await fault.plant(made)
        await asyncio.sleep(AFTER_SECONDS)
        if not fault.shape.embedded:  # else the store would end with them
            for dispatcher in made.dispatchers:  # nothing may change between the look at the sessions and the audit
                dispatcher.kill()
        return await asyncio.to_thread(_record, made, plan, rate, effects)


@asynccontextmanager
async def _loads(made: System, plan: Plan, seed: str) -> AsyncIterator[list[Load]]:
    """One for each fleet, which share the calls. All end at once."""
    fleets = await asyncio.to_thread(made.fleets)
    share = Plan(plan.per_second / len(fleets), plan.workers // len(fleets))
    loads = [Load(made.urls, share, f"{seed}-{fleet}" if made.cluster else seed, fleet) for fleet in fleets]
    await asyncio.gather(*(load.__aenter__() for load in loads))
    try:
        yield loads
    finally:
        await asyncio.gather(*(load.__aexit__() for load in loads))


def _rate(load: Load) -> float:
    """Of the calls that succeed, a second."""
    return load.ledger.good_between(load.started + 1, time.monotonic()) / (BEFORE_SECONDS - 1)


def _record(made: System, plan: Plan, rate: float, effects: int) -> Record:
    loads = made.loads
    void = "" if effects else "no effect was seen"
    if plan.workers and rate < ENOUGH * plan.per_second:
        void = f"{rate:.0f} calls per second instead of {plan.per_second:.0f}"
    held = [(load, made.holder(load.fleet)) for load in loads]
    return {
        "void": void,
        "calls_per_second": round(rate),
        "effects": effects,
        "seconds": round(max(load.ended - load.started for load in loads), 1),
        "good_answers": sum(len(load.ledger.good) for load in loads),
        **_verdict(judge(load.ledger, independent_audit.sessions(store, load.fleet)) for load, store in held),
        "longest_silence_seconds": round(max(load.longest_silence() for load in loads), 2),
        **noticed(made.logs, *made.went_back),
        "audit": [broken for load, store in held for broken in independent_audit.audit(store, load.fleet)],
        "codes": dict(sum((load.ledger.codes for load in loads), Counter())),
        "notes": made.notes,
    }


def _verdict(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Of all fleets together."""
    counts = [asdict(verdict) for verdict in verdicts]
    losses: Counter[str] = sum((Counter(one.pop("losses")) for one in counts), Counter())
    return {name: sum(one[name] for one in counts) for name in counts[0]} | {"losses": dict(losses)}


def _commit() -> str:
    """The last one that changed the service."""
    command = ["git", "log", "-1", "--format=%h", "--", "service"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
