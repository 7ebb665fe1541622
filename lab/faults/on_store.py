"""Faults of one store: killed, frozen, flushed, filled. Each function plants one and counts what was seen of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from lab.faults.system import System
from testbed.servers import Server

KILLS = 4
FREEZES = 3
FREEZE_SECONDS = 2.0
FLUSHES = 20
SWEEPS = 40
FILLS = 3
REWRITES = 3
BETWEEN_SECONDS = 1.0


async def ask(server: Server, what: Callable[[Any], Any]) -> Any:
    """Ask a server, from another thread, so that the load goes on."""

    def call() -> Any:
        with server.client() as redis:
            return what(redis)

    return await asyncio.to_thread(call)


async def killed(system: System) -> int:
    """kill -9, and started again: servers that had another run id afterwards."""
    [server] = system.servers[:1]
    seen = set()
    for _ in range(KILLS):
        seen.add(await _run_id(server))
        await restart(server)
        await asyncio.sleep(BETWEEN_SECONDS)
    return len(seen | {await _run_id(server)}) - 1


async def restart(server: Server) -> None:
    """kill -9, and start on the same data."""
    server.kill()
    await asyncio.to_thread(server.start)


async def _run_id(server: Server) -> str:
    return str(await ask(server, lambda redis: redis.info("server")["run_id"]))


async def frozen(system: System) -> int:
    """SIGSTOP for some seconds: the times in which no call succeeded meanwhile."""
    silent = 0
    for _ in range(FREEZES):
        system.servers[0].freeze()
        began = time.monotonic()
        await asyncio.sleep(FREEZE_SECONDS)
        silent += not system.load.ledger.good_between(began + 0.2, time.monotonic())
        system.servers[0].thaw()
        await asyncio.sleep(BETWEEN_SECONDS)
    return silent


async def functions_flushed(system: System) -> int:
    """FUNCTION FLUSH: the times after which the library was there again."""
    loaded = 0
    for _ in range(FLUSHES):
        await ask(system.servers[0], lambda redis: redis.function_flush("SYNC"))
        await asyncio.sleep(0.3)
        loaded += bool(await ask(system.servers[0], lambda redis: redis.function_list()))
    return loaded


async def clients_killed(system: System) -> int:
    """CLIENT KILL of all others: connections that were cut."""
    cut = 0
    for _ in range(SWEEPS):
        cut += await ask(system.servers[0], lambda redis: redis.execute_command("CLIENT", "KILL", "TYPE", "normal"))
        await asyncio.sleep(0.15)
    return cut


async def filled(system: System) -> int:
    """A memory limit below what is used, for a second: assigns that were refused for it."""
    before = system.load.ledger.codes["store_unavailable"]
    for _ in range(FILLS):
        await ask(system.servers[0], lambda redis: redis.config_set("maxmemory", "1mb"))
        await asyncio.sleep(BETWEEN_SECONDS)
        await ask(system.servers[0], lambda redis: redis.config_set("maxmemory", "0"))
        await asyncio.sleep(BETWEEN_SECONDS)
    return system.load.ledger.codes["store_unavailable"] - before


async def rewritten_and_killed(system: System) -> int:
    """BGREWRITEAOF, and kill -9 while it runs or just after: rewrites that were under way or had ended."""
    seen = 0
    for _ in range(REWRITES):
        before = await ask(system.servers[0], lambda redis: redis.info("persistence")["aof_rewrites"])
        await ask(system.servers[0], lambda redis: redis.bgrewriteaof())
        now = await ask(system.servers[0], lambda redis: redis.info("persistence"))
        seen += bool(now["aof_rewrite_in_progress"]) or now["aof_rewrites"] > before
        await restart(system.servers[0])
        await asyncio.sleep(BETWEEN_SECONDS)
    return seen
