"""Latency of 50 assigns per second on one fleet beside 256 connections that assign on another one without pause.

Four dispatchers have 1,000 fleets of eight pools besides. The flood goes to the dispatcher of the calls that are
measured, or to another one. `python -m lab.benchmarks.beside_flood [--seconds 10] [--before CHECKOUT]`.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path
from statistics import quantiles
from typing import Any

import aiohttp

from lab.benchmarks.client import SCRIPT, read_wrk
from lab.benchmarks.load import Load, fleet_document
from lab.benchmarks.ticks import create, each_checkout, idle_dispatchers

CALLS_PER_SECOND = 50
CONNECTIONS = 256
QUIET, FLOODED = "1", "2"
"""The fleets: that of the calls that are measured, and that of the flood."""


async def call(http: aiohttp.ClientSession, url: str, session_id: str, due: float) -> float | None:
    """Seconds from `due` to the response of one assign; None if it is refused, as in an overload."""
    async with http.post(url, json={"session_id": session_id}) as response:
        await response.read()
    return asyncio.get_running_loop().time() - due if response.ok else None


async def latencies(url: str, seconds: float, prefix: str) -> list[float | None]:
    """Latencies of calls at a constant rate whatever is outstanding, each from its scheduled arrival."""
    loop = asyncio.get_running_loop()
    calls: list[asyncio.Task[float | None]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        began = loop.time() + 1
        for k in range(round(seconds * CALLS_PER_SECOND)):
            due = began + k / CALLS_PER_SECOND
            await asyncio.sleep(due - loop.time())
            calls.append(asyncio.create_task(call(http, f"{url}/v1/fleets/{QUIET}/assign", f"{prefix}-{k}", due)))
        return list(await asyncio.gather(*calls))


def flood(url: str, seconds: float, prefix: str) -> subprocess.Popen[str]:
    """The client that floods; it ends by itself."""
    words = ["assign", "/v1/fleets/" + FLOODED, 1, 0, 1, 1, prefix, "-"]
    options = ["-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT)]
    command = ["wrk", *options, url, "--", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def described(name: str, calls: list[float | None], beside: Mapping[str, Any] | None = None) -> str:
    """One line of the result; the latencies are those of calls that were not refused."""
    served = [latency for latency in calls if latency is not None]
    percentiles = quantiles(served, n=100)
    rate = f"; beside {beside['requests'] / beside['seconds']:,.0f} assigns/s" if beside else ""
    middle, late, longest = (value * 1e3 for value in (percentiles[49], percentiles[98], max(served)))
    return f"{name}: p50 {middle:.1f} p99 {late:.1f} longest {longest:.1f} ms, {len(calls) - len(served)} refused{rate}"


def measure(checkout: Path, fleets: int, dispatchers: int, seconds: float) -> list[str]:
    """Before a flood, beside one at the same dispatcher, and beside one at another dispatcher."""
    with idle_dispatchers(checkout, fleets, dispatchers) as (server, running):
        own, other = running.urls[0], running.urls[-1]
        asyncio.run(create(server.url, dict.fromkeys((QUIET, FLOODED), fleet_document(Load()))))
        lines = [described("before", asyncio.run(latencies(own, seconds, "before")))]
        for name, url in (("same dispatcher", own), ("another dispatcher", other)):
            client = flood(url, seconds + 2, name[0])
            calls = asyncio.run(latencies(own, seconds, name[0]))
            lines.append(described(name, calls, read_wrk(client.communicate()[0])))
    return lines


def main() -> None:
    """Measure, and print the lines of each checkout."""
    for name, lines in each_checkout(__doc__, 10.0, measure):
        print(f"{name}:", *lines, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
