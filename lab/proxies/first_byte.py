"""Time to the first byte: the pool itself, the proxy without a question to slta, the proxy with one; in turns."""

from __future__ import annotations

import asyncio
import time

from lab.proxies.load import milliseconds
from testbed.proxies.system import NAMES, System

ROUNDS = 2000


async def run(system: System, scale: float = 1.0) -> bool:
    """Print them, and what the question adds."""
    pool = system.pools.ports[NAMES[0]]
    ways = {"pool": (pool, "/asset"), "not asked": (system.setup.port, "/asset"), "asked": (system.setup.port, "/play")}
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(int(ROUNDS * scale)):
        for way, (port, target) in ways.items():
            taken[way].append(await _first_byte(port, target))
    for way, seconds in taken.items():
        print(f"  {way:9}: {milliseconds(seconds)}")
    asked, not_asked = sorted(taken["asked"]), sorted(taken["not asked"])
    p50, p99 = len(asked) // 2, len(asked) * 99 // 100
    print(f"  added: p50 {1e3 * (asked[p50] - not_asked[p50]):.2f} p99 {1e3 * (asked[p99] - not_asked[p99]):.2f} ms")
    return True


async def _first_byte(port: int, target: str) -> float:
    """Time to the first byte of a request on a connection of its own; seconds."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.readexactly(12)).endswith(b"200")
    taken = time.perf_counter() - began
    await reader.read()
    writer.close()
    return taken
