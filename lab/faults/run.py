"""One run: a scene, a load, a fault, and what the ledger says afterwards."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.faults import independent_audit
from lab.faults.ledger import judge
from lab.faults.load import Load, Plan
from lab.faults.noticed import noticed
from lab.faults.scene import Scene, scene
from lab.faults.table import FAULTS, Fault
from tests.servers import INSTALLED

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
    server = sorted(INSTALLED)[number % len(INSTALLED)]
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
    async with scene(folder, fault.shape, mode, binary) as made:
        async with Load(made.urls, plan, seed) as made.load:
            await asyncio.sleep(BEFORE_SECONDS if plan.workers else 0)
            rate = made.load.ledger.good_between(made.load.started + 1, time.monotonic()) / (BEFORE_SECONDS - 1)
            effects = await fault.plant(made)
        await asyncio.sleep(AFTER_SECONDS)
        if not fault.shape.embedded:  # else the store would end with them
            for dispatcher in made.dispatchers:  # nothing may change between the look at the sessions and the audit
                dispatcher.kill()
        return await asyncio.to_thread(_record, made, plan, rate, effects)


def _record(made: Scene, plan: Plan, rate: float, effects: int) -> Record:
    load, store = made.load, made.servers[made.settled()]
    void = "" if effects else "no effect was seen"
    if plan.workers and rate < ENOUGH * plan.per_second:
        void = f"{rate:.0f} calls per second instead of {plan.per_second:.0f}"
    return {
        "void": void,
        "calls_per_second": round(rate),
        "effects": effects,
        "seconds": round(load.ended - load.started, 1),
        "good_answers": len(load.ledger.good),
        **asdict(judge(load.ledger, independent_audit.sessions(store))),
        "longest_silence_seconds": round(load.ledger.longest_silence(load.started, load.ended), 2),
        **noticed(made.logs, *made.went_back),
        "audit": independent_audit.audit(store),
        "codes": dict(load.ledger.codes),
        "notes": made.notes,
    }


def _commit() -> str:
    """The last one that changed the service."""
    command = ["git", "log", "-1", "--format=%h", "--", "service"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
