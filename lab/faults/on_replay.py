"""Faults after which acknowledged calls must be replayed, or must not: restart and failover, with and without a loss.

Two dispatchers serve the load; the third is silent but for calls on sessions of a probe. Without a load, two of them
share the calls of the last second that the store loses.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from lab.faults.ledger import Session
from lab.faults.load import DOCUMENT, FLEET, PAUSE_SECONDS, Load
from lab.faults.on_group import moved, replicas_behind
from lab.faults.on_store import ask, restart
from lab.faults.power import FILE
from lab.faults.system import System
from slta_loadgen.client import Client, ServiceError
from testbed.sentinels import NAME, until

SILENT = 2
"""The number of the silent dispatcher."""
PROBED = 50
SILENT_SECONDS = 15.0
LOST_SECONDS = 1.0
SHORT_LEASE, LONG_LEASE = 5.0, 3600.0
AFTER_SECONDS = 4.0
OTHER = "other"
"""A fleet that is deleted and made anew."""
ROOM = sum(of_class["capacity"] * of_class["pools"] for of_class in DOCUMENT["classes"])
MADE = 20
AT_ONCE = 100
TRIED_AGAIN_SECONDS = 12.0
"""Dispatchers try facts that do not fit for ten."""

Lose = Callable[[System, Coroutine[Any, Any, None]], Awaitable[int]]
"""Lets a store lose what calls have changed in it."""


class Probe:
    """Sessions of the load's fleet that are placed and ended through one dispatcher or another."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.sessions: list[Session] = []

    async def place(self, count: int) -> Sequence[Session]:
        """New sessions, through the silent dispatcher."""
        load, known = self._system.load, len(self.sessions)
        placed = [load.ledger.open(f"probe-{known + k}") for k in range(count)]
        await asyncio.gather(*(load.assign(session, SILENT) for session in placed))
        self.sessions += placed
        return placed

    async def complete(self, sessions: Sequence[Session], number: int) -> None:
        """End them through a dispatcher."""
        await asyncio.gather(*(self._system.load.complete(session, number) for session in sessions))

    async def renew(self, sessions: Sequence[Session], seconds: float, number: int) -> None:
        """Give them a lease through a dispatcher."""
        ids = [session.session_id for session in sessions]
        async with Client(self._system.urls[number], FLEET) as client:
            assert (await client.renew(ids, seconds)).body["renewed"] == ids

    async def shortened(self, sessions: Sequence[Session]) -> int:
        """Number of sessions that have no lease any more, or a shorter one than the longest that was acknowledged."""
        server = self._system.servers[await asyncio.to_thread(self._system.settled)]
        records = await ask(
            server, lambda redis: redis.hmget(f"{{{FLEET}}}:sessions", [s.session_id for s in sessions])
        )
        now = int(await ask(server, lambda redis: redis.time()[0]))
        starts = [record.split() for record in records if record]
        left = [int(due) - int(int(start) / 1e6) for _, _, start, _, due, *_ in starts]
        assert now
        return len(sessions) - sum(seconds > LONG_LEASE / 2 for seconds in left)


async def _with_leases(system: System) -> tuple[Probe, Sequence[Session]]:
    """A probe whose sessions the silent dispatcher gave a short lease, and another one a long one later.

    As many more were placed by the silent one and ended by another. Then the silent one is silent.
    """
    system.load.weights[SILENT] = 0.0
    probe = Probe(system)
    kept, ended = await probe.place(PROBED), await probe.place(PROBED)
    await probe.renew(kept, SHORT_LEASE, SILENT)
    await probe.renew(kept, LONG_LEASE, 0)
    await probe.complete(ended, 1)
    await asyncio.sleep(SILENT_SECONDS)
    return probe, kept


async def _finished(system: System, probe: Probe, kept: Sequence[Session]) -> None:
    await asyncio.sleep(AFTER_SECONDS)
    system.notes["leases shortened"] = await probe.shortened(kept)


async def nothing_lost_by_restart(system: System) -> int:
    """kill -9 of the store, which has all that was acknowledged: restarts."""
    probe, kept = await _with_leases(system)
    await restart(system.servers[0])
    await _finished(system, probe, kept)
    return 1


async def nothing_lost_by_failover(system: System) -> int:
    """SENTINEL FAILOVER: whether another server is the master."""
    probe, kept = await _with_leases(system)
    with system.sentinels[0].client() as sentinel:
        sentinel.execute_command("SENTINEL FAILOVER", NAME)
    await asyncio.to_thread(system.promoted)
    seen = await moved(system)
    await _finished(system, probe, kept)
    return seen


async def made_anew(system: System) -> int:
    """A fleet is deleted and made anew, then the store is killed: sessions that had ended, and did not come back."""
    system.load.weights[SILENT] = 0.0
    ids = [f"other-{k}" for k in range(PROBED)]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(url, OTHER)) for url in system.urls]
        await clients[SILENT].put_fleet(DOCUMENT)
        await asyncio.gather(*(clients[SILENT].assign(id_) for id_ in ids))
        await asyncio.gather(*(clients[0].complete(id_) for id_ in ids))
        await clients[0].call("DELETE", "")
        await clients[0].put_fleet(DOCUMENT)
        await asyncio.sleep(SILENT_SECONDS)
        await restart(system.servers[0])
        await asyncio.sleep(AFTER_SECONDS)
    back: int = await ask(system.servers[0], lambda redis: redis.hlen(f"{{{OTHER}}}:sessions"))
    system.notes["back in the new fleet"] = back
    return PROBED - back


async def lost_and_overwritten(system: System) -> int:
    """The store loses its last second while a dispatcher stands still, which looks when others wrote more: bytes lost.

    The file is cut to what it was a second before, so the store lacks what that dispatcher acknowledged last.
    """
    [server] = system.servers
    system.load.weights[SILENT] = 0.0
    probe = Probe(system)
    ended = await probe.place(PROBED)
    await asyncio.sleep(SILENT_SECONDS)

    async def last_second() -> None:
        await probe.place(PROBED)
        await probe.complete(ended, SILENT)
        await asyncio.sleep(LOST_SECONDS / 2)
        system.dispatchers[SILENT].signal(signal.SIGSTOP)
        await asyncio.sleep(LOST_SECONDS / 2)

    lost = await cut(system, last_second())
    size = (server.folder / FILE).stat().st_size
    await asyncio.to_thread(until, lambda: (server.folder / FILE).stat().st_size > size + 2 * lost)
    system.dispatchers[SILENT].signal(signal.SIGCONT)
    await asyncio.sleep(AFTER_SECONDS)
    return lost


async def cut(system: System, last: Coroutine[Any, Any, None]) -> int:
    """Lose what the store writes during `last`, unless its disk has it: bytes."""
    [server] = system.servers
    file = server.folder / FILE
    size = file.stat().st_size
    await last
    broke = time.time()
    server.kill()
    lost = file.stat().st_size - size
    if system.mode == "async":
        os.truncate(file, size)
    await asyncio.to_thread(server.start)
    system.went_back = broke, time.time()
    return lost


async def behind(system: System, last: Coroutine[Any, Any, None]) -> int:
    """Lose what the master does during `last` and no replica has: bytes."""
    async with asyncio.TaskGroup() as tasks:
        last_calls = tasks.create_task(last)
        knocking = tasks.create_task(_knock(system.load))
        lost = await replicas_behind(system)
        await last_calls
        knocking.cancel()
    return lost


async def _knock(load: Load) -> None:
    """Ask for the first session again and again, as replies tell when the store is served again."""
    first = next(iter(load.ledger.sessions.values()))
    while True:
        await load.assign(first)
        await asyncio.sleep(PAUSE_SECONDS)


async def full(system: System, lose: Lose) -> int:
    """A fleet is full; one dispatcher ends sessions, another fills their places, and the store loses both: bytes."""
    sessions = await _place(system, "old", ROOM)

    async def swap() -> None:
        await asyncio.gather(*(system.load.complete(session, 1) for session in sessions[1 : PROBED + 1]))
        await _place(system, "new", PROBED, [0])

    lost = await lose(system, swap())
    await asyncio.sleep(TRIED_AGAIN_SECONDS)
    return lost


async def pools_made(system: System, lose: Lose) -> int:
    """Pools are made, sessions are placed on them, and the store loses both: bytes."""
    await _place(system, "old", 1)
    pools = [{"pool_id": f"made-{number}", "pool_class": "small"} for number in range(MADE)]

    async def scale() -> None:
        await _make(system, pools)
        await _place(system, "new", 2 * PROBED)

    lost = await lose(system, scale())
    await asyncio.sleep(TRIED_AGAIN_SECONDS)
    async with Client(system.urls[0], FLEET) as client:
        system.notes["pools missing"] = len(
            {pool["pool_id"] for pool in pools} - {p["pool_id"] for p in await client.pools()}
        )
    return lost


async def _make(system: System, pools: Sequence[Mapping[str, str]]) -> None:
    async with Client(system.urls[0], FLEET) as client:
        while True:
            with suppress(ServiceError):
                await client.call("POST", "pools", body={"pools": pools})
                return
            await asyncio.sleep(PAUSE_SECONDS)


async def _place(system: System, name: str, count: int, by: Sequence[int] = (0, 1)) -> Sequence[Session]:
    """New sessions, through these dispatchers in turn."""
    load = system.load
    placed = [load.ledger.open(f"{name}-{number}") for number in range(count)]
    for start in range(0, count, AT_ONCE):
        part = enumerate(placed[start : start + AT_ONCE])
        await asyncio.gather(*(load.assign(session, by[number % len(by)]) for number, session in part))
    return placed
