"""One round of one side: the state in which it begins, and its client."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from lab.benchmarks import peers
from lab.benchmarks.bench_tables import Run
from lab.benchmarks.load import Load, fleet_document
from lab.benchmarks.processor import spent_by, with_processor_time
from lab.benchmarks.running import Running
from lab.benchmarks.sides import Side
from lab.benchmarks.store_alone import measure_store

SCRIPT = Path(__file__).with_name("wrk.lua")
FILLING_CALLS = 64
ATTEMPTS = 6


def measure(side: Side, running: Running, load: Load, round_: int) -> Run:
    """One round of one side, from a state of its own."""
    if side.kind == "store":
        return measure_store(side, running, load, round_)
    base = begin(side, running, load, f"round{round_}-{side.operations}{side.kind}")
    commands = [wrk_command(side, url, base, load, running.key, f"d{k}") for k, url in enumerate(running.urls)]
    before = spent_by(running)
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    said = [client.communicate()[0] for client in clients]
    run = combined(side, round_, [read_wrk(text) for text in said])
    operations = run.operations_per_second * load.seconds
    return with_processor_time(run, operations, before, spent_by(running))


def wrk_command(side: Side, url: str, base: str, load: Load, key: str, prefix: str) -> list[str]:
    connections = str(load.connections_of(side))
    fleets = base or "-", load.fleets, load.live(side)
    words = side.kind, *fleets, side.operations, load.young(side), prefix, key or "-"
    options = ["-t", "1", "-c", connections, "-d", f"{load.seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT)]
    return ["wrk", *options, url, "--", *map(str, words)]


def read_wrk(text: str) -> Mapping[str, Any]:
    """The line of JSON with which wrk.lua ends. Raises ValueError with what wrk said instead."""
    lines = text.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise ValueError(f"wrk gave no result:\n{text}")
    result: Mapping[str, Any] = json.loads(lines[-1])
    return result


def combined(side: Side, round_: int, results: Sequence[Mapping[str, Any]]) -> Run:
    """Clients that ran at the same time: rates add up, without what was refused; the slowest one's latencies count."""
    return Run(
        side=side.name,
        round=round_,
        operations_per_second=sum((r["requests"] * side.operations - r["refused"]) / r["seconds"] for r in results),
        p50_ms=max(r["p50_ms"] for r in results),
        p99_ms=max(r["p99_ms"] for r in results),
        refused=sum(r["refused"] for r in results),
        broken=sum(r["broken"] for r in results),
    )


def begin(side: Side, running: Running, load: Load, name: str) -> str:
    """Give the side its pools and sessions; the path before a call's name, %d being the fleet's number."""
    if running.store is None:
        return ""
    with running.store.client() as redis:
        redis.flushall()
        if not side.is_ours:
            peers.add_pools(redis, load.pools, load.classes)
    base = f"/v1/fleets/{name}-%d" if side.is_ours else ""
    asyncio.run(_fill(side, running, load, base))
    return base


async def _fill(side: Side, running: Running, load: Load, base: str) -> None:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {running.key}"} if running.key else {})
    async with aiohttp.ClientSession(headers=headers) as http:
        for fleet in range(1, load.fleets + 1):
            path = base.replace("%d", str(fleet))
            if side.is_ours:
                await _send(
                    http,
                    "PUT",
                    running.urls[0] + path,
                    json.dumps(fleet_document(load, has_addresses=side.has_addresses)),
                )
            for k, url in enumerate(running.urls):
                bodies = (f'{{"session_id": "d{k}p{fleet}-{n}"}}' for n in range(1, load.live(side) + 1))
                await _assign_all(http, f"{url}{path}/assign", bodies)


async def _assign_all(http: aiohttp.ClientSession, url: str, bodies: Iterator[str]) -> None:
    async def in_turn() -> None:
        for body in bodies:
            await _send(http, "POST", url, body)

    async with asyncio.TaskGroup() as group:
        for _ in range(FILLING_CALLS):
            group.create_task(in_turn())


async def _send(http: aiohttp.ClientSession, method: str, url: str, body: str) -> None:
    """Ask again while the answer is that it is unavailable: each of these calls may be repeated."""
    for attempt in range(ATTEMPTS):
        async with http.request(method, url, data=body) as response:
            if response.ok:
                return
            if response.status != 503 or attempt == ATTEMPTS - 1:
                raise RuntimeError(f"{method} {url}: {response.status} {await response.text()}")
        await asyncio.sleep(0.1 * 2**attempt)
