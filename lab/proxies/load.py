"""Clients at a fixed rate, and what slta and the proxy count meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from statistics import quantiles
from typing import Any

from testbed.proxies.system import System


async def at_rate(rate: float, count: int, begin: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Begin `count` clients, `rate` a second, and wait for all."""
    clock = asyncio.get_running_loop().time
    began = clock()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - clock()))
            group.create_task(begin(number))


async def counts(system: System) -> tuple[int, int]:
    """Sessions in slta, and connections that the proxy counts itself, at about the same time."""
    active, live = await asyncio.gather(asyncio.to_thread(system.active), asyncio.to_thread(system.live))
    return active, live


def milliseconds(seconds: list[float]) -> str:
    """Median, 99th percentile and maximum."""
    points = quantiles(seconds, n=100, method="inclusive")
    return f"p50 {points[49] * 1e3:.1f} p99 {points[98] * 1e3:.1f} max {max(seconds) * 1e3:.1f} ms"
