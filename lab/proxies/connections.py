"""Sessions in slta beside connections in the proxy's own statistics, every second of a load."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from lab.proxies.load import at_rate, counts
from testbed.proxies.clients import KINDS
from testbed.proxies.system import System

CONNECTIONS, RATE = 1000, 50.0
HOLD_SECONDS = (0.05, 10.0)
ALLOWED = 2 + 0.5 * RATE
"""Difference of the counts: two, and what begins in half a second."""
END_SECONDS = 10


async def run(system: System, scale: float = 1.0) -> bool:
    """Print the counts of each second; whether all was as it should be. `scale` shortens the run."""
    seen: Counter[str] = Counter()
    draws = random.Random(7)
    total = int(CONNECTIONS * scale)

    async def connection(number: int) -> None:
        kind = list(KINDS)[number % len(KINDS)]
        hold = draws.uniform(*HOLD_SECONDS)
        async with KINDS[kind](system) as served:
            named = await asyncio.to_thread(system.find, served.session)
            seen["named pool" if named == served.pool else "ANOTHER POOL"] += 1
            await asyncio.sleep(hold)

    load = asyncio.create_task(at_rate(RATE, total, connection))
    greatest = await _watch(system, load)
    await load
    seconds = await until_empty(system)
    print(f"  {dict(seen)}; greatest difference {greatest} (allowed {ALLOWED:g}); 0 and 0 after {seconds} s")
    return seen == {"named pool": total} and greatest <= ALLOWED and seconds is not None


async def _watch(system: System, load: asyncio.Task[None]) -> int:
    """Print the counts every second while the load runs; their greatest difference."""
    greatest, second = 0, 0
    while not load.done():
        active, live = await counts(system)
        greatest = max(greatest, abs(active - live))
        print(f"  {second:3d} s: slta {active:4d}  proxy {live:4d}  difference {active - live:+d}", flush=True)
        second += 1
        await asyncio.wait([load], timeout=1.0)
    return greatest


async def until_empty(system: System) -> float | None:
    """Seconds until neither slta nor the proxy has a session; None if that takes too long."""
    for tenth in range(10 * END_SECONDS):
        if await counts(system) == (0, 0):
            return tenth / 10
        await asyncio.sleep(0.1)
    return None
