"""Differences at placing and placement gap while slta places 1, 10, 50 and 100 % of the sessions of HAProxy."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Any

from lab.proxies.evaluation import MEAN_SECONDS, session
from lab.proxies.load import at_rate
from testbed.proxies.haproxy import HAPROXY, set_share
from testbed.proxies.system import System

SHARES = (1, 10, 50, 100)
RATE, SECONDS = 50.0, 60.0
RESOURCES = {"small": 60, "large": 120}
CAPACITY = 2000


async def run(system: System, scale: float = 1.0) -> bool:
    """Print a line for each share; whether slta placed as many sessions as it says, within three standard errors."""
    if system.proxy.name != HAPROXY.name:
        print("  its recipe has no share")
        return True
    await asyncio.to_thread(system.call, "PUT", "", {"classes": _classes()})
    draws = random.Random(13)
    right = [await _step(system, percent, draws, SECONDS * scale) for percent in SHARES]
    set_share(system.setup, SHARES[-1])
    return all(right)


async def _step(system: System, percent: int, draws: random.Random, seconds: float) -> bool:
    set_share(system.setup, percent)
    warm_up = 3 * MEAN_SECONDS
    load = asyncio.create_task(at_rate(RATE, int(RATE * (warm_up + seconds)), lambda _: session(system, draws)))
    await asyncio.sleep(warm_up)
    begin = await asyncio.to_thread(system.call, "GET", "/state")
    await asyncio.sleep(seconds)
    end = await asyncio.to_thread(system.call, "GET", "/state")
    means = await asyncio.to_thread(system.call, "GET", f"/averages?since={begin['integrals']}")
    await load
    placed, reported = (end["counters"][name] - begin["counters"][name] for name in ("assigned", "adopted"))
    print(f"  {percent} %: placed {placed}, reported {reported}; load price {end['load_price']:.4f}")
    for source, found in means["difference_at_placing_by_source"].items():
        print(f"    {source}: {_shown(found)}")
    print(f"    placement gap {100 * means['relative_placement_gap']:.2f} % of the bound", flush=True)
    share, total = percent / 100, placed + reported
    return bool(abs(placed - share * total) <= 3 * math.sqrt(total * share * (1 - share)))


def _classes() -> list[dict[str, Any]]:
    return [
        {"name": name, "utility": {"kind": "log_share", "resource": resource}, "capacity": CAPACITY}
        for name, resource in RESOURCES.items()
    ]


def _shown(found: dict[str, Any]) -> str:
    """Mean, standard error and standard deviation of the drawn sessions."""
    error = found["standard_error"]
    if error is None:
        return f"{found['sessions']} drawn"
    deviation = error * math.sqrt(found["sessions"])
    return f"{found['sessions']} drawn, {found['mean']:.4f} ± {error:.4f}, standard deviation {deviation:.4f}"
