"""Clients at a fixed rate, and calls of slta beside them on one connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from statistics import quantiles
from typing import Any

import aiohttp

from testbed.proxies.system import FLEET, System


class Calls:
    """slta's API below the fleet."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client

    async def pool_of(self, session: str) -> str | None:
        """Where slta has the session; None if it does not know it."""
        async with self._client.get(f"/v1/fleets/{FLEET}/sessions/{session}") as answer:
            return (await answer.json())["pool_id"] if answer.ok else None

    async def active(self) -> int:
        """Sessions on active pools."""
        async with self._client.get(f"/v1/fleets/{FLEET}/state") as answer:
            return int((await answer.json())["sessions"]["active"])


@asynccontextmanager
async def calls(system: System) -> AsyncIterator[Calls]:
    """Calls with the key of the system."""
    headers = {"Authorization": f"Bearer {system.key}"}
    async with aiohttp.ClientSession(system.service.url, headers=headers) as client:
        yield Calls(client)


async def at_rate(rate: float, count: int, begin: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Begin `count` clients, `rate` a second, and wait for all."""
    clock = asyncio.get_running_loop().time
    began = clock()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - clock()))
            group.create_task(begin(number))


async def counts(system: System, slta: Calls) -> tuple[int, int]:
    """Sessions in slta, and connections that the proxy counts itself, at about the same time."""
    active, live = await asyncio.gather(slta.active(), asyncio.to_thread(system.live))
    return active, live


def milliseconds(seconds: list[float]) -> str:
    """Median, 99th percentile and maximum."""
    points = quantiles(seconds, n=100, method="inclusive")
    return f"p50 {points[49] * 1e3:.1f} p99 {points[98] * 1e3:.1f} max {max(seconds) * 1e3:.1f} ms"
