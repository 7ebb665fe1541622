"""Latency of single calls beside four callers of 1,000 operations each, on one fleet.

Single calls arrive at a constant rate whatever is outstanding; a latency counts from the scheduled arrival.
`python -m lab.benchmarks.beside_bulk [SECONDS]` prints their median, 99th percentile and maximum.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable
from statistics import quantiles

import aiohttp

from lab.benchmarks.client import begin, read_wrk, wrk_command
from lab.benchmarks.load import Load
from lab.benchmarks.running import running
from lab.benchmarks.sides import SIDES

CALLS_PER_SECOND = 400
SIDE = SIDES["bulk-1000"]


async def call(http: aiohttp.ClientSession, url: str, session_id: str, due: float) -> float:
    """Seconds from `due` to the response of one call. Raises ClientResponseError for an error."""
    async with http.post(url, json={"session_id": session_id}, raise_for_status=True) as response:
        await response.read()
    return asyncio.get_running_loop().time() - due


async def single_calls(base: str, seconds: float) -> list[float]:
    """Latencies of assigns and completes in turn."""
    loop = asyncio.get_running_loop()
    calls: list[Awaitable[float]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        began = loop.time() + 1
        for k in range(round(seconds * CALLS_PER_SECOND)):
            due = began + k / CALLS_PER_SECOND
            await asyncio.sleep(due - loop.time())
            name, session = ("complete", k - CALLS_PER_SECOND) if k % 2 and k > CALLS_PER_SECOND else ("assign", k)
            calls.append(asyncio.ensure_future(call(http, f"{base}/{name}", f"single-{session - session % 2}", due)))
        return list(await asyncio.gather(*calls))


def main() -> None:
    """Measure and print one run."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    load = Load(seconds=seconds + 2)
    with running(SIDE.server, 1, needs_key=False) as server:
        base = begin(SIDE, server, load, "beside")
        command = wrk_command(SIDE, server.urls[0], base, load, "", "d0")
        bulk = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        latencies = asyncio.run(single_calls(server.urls[0] + base.replace("%d", "1"), seconds))
        rate = read_wrk(bulk.communicate()[0])
    percentiles = quantiles(latencies, n=100)
    print(
        f"single calls: p50 {percentiles[49] * 1e3:.1f} p99 {percentiles[98] * 1e3:.1f} longest "
        f"{max(latencies) * 1e3:.1f} ms; beside {rate['requests'] * 1000 / rate['seconds']:,.0f} operations/s in bulk"
    )


if __name__ == "__main__":
    main()
