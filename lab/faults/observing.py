"""Notes of what a fault's fleet and the others noticed: silences, refusals, and whether a dispatcher was ready."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import wraps

import httpx

from lab.faults.load import Load
from lab.faults.system import System

FIRST, MIDDLE = 0, 1
"""Numbers of masters, and of the fleets on them."""
ASK_SECONDS = 0.1

Plant = Callable[[System], Awaitable[int]]


def observed(plant: Plant, fleet: int = FIRST) -> Plant:
    """A fault, and notes of what the fault's fleet and the others noticed of it."""

    @wraps(plant)
    async def watched(system: System) -> int:
        before = [Counter(load.ledger.codes) for load in system.loads]
        began, readiness = time.monotonic(), Counter[str]()
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(_ask_whether_ready(system, readiness))
            effects = await plant(system)
            asking.cancel()
        ended = time.monotonic()
        own = system.loads[fleet]
        others = [load for load in system.loads if load is not own]
        refused = [load.ledger.codes - codes for load, codes in zip(system.loads, before, strict=True)]
        system.notes |= {
            "silence before": _silence(system.loads, own.started + 1, began),
            "silence": _silence([own], began, ended),
            "silence of others": _silence(others, began, ended),
            "refused": dict(refused.pop(fleet)),
            "refused of others": dict(sum(refused, Counter())),
            "readiness": dict(readiness),
        }
        return effects

    return watched


def _silence(loads: list[Load], began: float, ended: float) -> float:
    return round(max(load.ledger.longest_silence(began, ended) for load in loads), 2)


async def _ask_whether_ready(system: System, readiness: Counter[str]) -> None:
    """Counts the statuses of /readyz, until it is cancelled."""
    async with httpx.AsyncClient(timeout=3) as client:
        while True:
            for url in system.urls:
                readiness[str(await _status(client, f"{url}/readyz"))] += 1
            await asyncio.sleep(ASK_SECONDS)


async def _status(client: httpx.AsyncClient, url: str) -> int:
    """0 without an answer."""
    try:
        return (await client.get(url)).status_code
    except httpx.HTTPError:
        return 0
