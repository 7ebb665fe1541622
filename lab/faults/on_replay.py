"""Faults after which acknowledged calls must be replayed, or must not: restart and failover, with and without a loss.

Two dispatchers serve the load; the third is silent but for calls on sessions of a probe.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from lab.faults.ledger import Session
from lab.faults.load import DOCUMENT, FLEET
from lab.faults.on_group import moved
from lab.faults.on_store import ask, restart
from lab.faults.power import FILE
from lab.faults.scene import Scene
from slta_loadgen.client import Client
from tests.sentinels import NAME, until

SILENT = 2
"""The number of the silent dispatcher."""
PROBED = 50
SILENT_SECONDS = 15.0
LOST_SECONDS = 1.0
SHORT_LEASE, LONG_LEASE = 5.0, 3600.0
AFTER_SECONDS = 4.0
OTHER = "other"
"""A fleet that is deleted and made anew."""


class Probe:
    """Sessions of the load's fleet that are placed and ended through one dispatcher or another."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.sessions: list[Session] = []

    async def place(self, count: int) -> Sequence[Session]:
        """New sessions, through the silent dispatcher."""
        load, known = self._scene.load, len(self.sessions)
        placed = [load.ledger.open(f"probe-{known + k}") for k in range(count)]
        await asyncio.gather(*(load.assign(session, SILENT) for session in placed))
        self.sessions += placed
        return placed

    async def complete(self, sessions: Sequence[Session], number: int) -> None:
        """End them through a dispatcher."""
        await asyncio.gather(*(self._scene.load.complete(session, number) for session in sessions))

    async def renew(self, sessions: Sequence[Session], seconds: float, number: int) -> None:
        """Give them a lease through a dispatcher."""
        ids = [session.session_id for session in sessions]
        async with Client(self._scene.urls[number], FLEET) as client:
            assert (await client.renew(ids, seconds)).body["renewed"] == ids

    async def shortened(self, sessions: Sequence[Session]) -> int:
        """How many of them have no lease any more, or a shorter one than the longest that was acknowledged."""
        server = self._scene.servers[await asyncio.to_thread(self._scene.settled)]
        records = await ask(
            server, lambda redis: redis.hmget(f"{{{FLEET}}}:sessions", [s.session_id for s in sessions])
        )
        now = int(await ask(server, lambda redis: redis.time()[0]))
        starts = [record.split() for record in records if record]
        left = [int(due) - int(int(start) / 1e6) for _, start, _, due, *_ in starts]
        assert now
        return len(sessions) - sum(seconds > LONG_LEASE / 2 for seconds in left)


async def _with_leases(scene: Scene) -> tuple[Probe, Sequence[Session]]:
    """A probe whose sessions the silent dispatcher gave a short lease, and another one a long one later.

    As many more were placed by the silent one and ended by another. Then the silent one is silent.
    """
    scene.load.weights[SILENT] = 0.0
    probe = Probe(scene)
    kept, ended = await probe.place(PROBED), await probe.place(PROBED)
    await probe.renew(kept, SHORT_LEASE, SILENT)
    await probe.renew(kept, LONG_LEASE, 0)
    await probe.complete(ended, 1)
    await asyncio.sleep(SILENT_SECONDS)
    return probe, kept


async def _finished(scene: Scene, probe: Probe, kept: Sequence[Session]) -> None:
    await asyncio.sleep(AFTER_SECONDS)
    scene.notes["leases shortened"] = await probe.shortened(kept)


async def nothing_lost_by_restart(scene: Scene) -> int:
    """kill -9 of the store, which has all that was acknowledged: restarts."""
    probe, kept = await _with_leases(scene)
    await restart(scene.servers[0])
    await _finished(scene, probe, kept)
    return 1


async def nothing_lost_by_failover(scene: Scene) -> int:
    """SENTINEL FAILOVER: whether another server is the master."""
    probe, kept = await _with_leases(scene)
    with scene.sentinels[0].client() as sentinel:
        sentinel.execute_command("SENTINEL FAILOVER", NAME)
    await asyncio.to_thread(scene.promoted)
    seen = await moved(scene)
    await _finished(scene, probe, kept)
    return seen


async def made_anew(scene: Scene) -> int:
    """A fleet is deleted and made anew, then the store is killed: sessions that had ended, and did not come back."""
    scene.load.weights[SILENT] = 0.0
    ids = [f"other-{k}" for k in range(PROBED)]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Client(url, OTHER)) for url in scene.urls]
        await clients[SILENT].put_fleet(DOCUMENT)
        await asyncio.gather(*(clients[SILENT].assign(id_) for id_ in ids))
        await asyncio.gather(*(clients[0].complete(id_) for id_ in ids))
        await clients[0].call("DELETE", "")
        await clients[0].put_fleet(DOCUMENT)
        await asyncio.sleep(SILENT_SECONDS)
        await restart(scene.servers[0])
        await asyncio.sleep(AFTER_SECONDS)
    back: int = await ask(scene.servers[0], lambda redis: redis.hlen(f"{{{OTHER}}}:sessions"))
    scene.notes["back in the new fleet"] = back
    return PROBED - back


async def lost_and_overwritten(scene: Scene) -> int:
    """The store loses its last second while a dispatcher stands still, which looks when others wrote more: bytes lost.

    The file is cut to what it was a second before, so the store lacks what that dispatcher acknowledged last.
    """
    [server] = scene.servers
    scene.load.weights[SILENT] = 0.0
    probe = Probe(scene)
    ended = await probe.place(PROBED)
    await asyncio.sleep(SILENT_SECONDS)
    size = (server.folder / FILE).stat().st_size
    await probe.place(PROBED)
    await probe.complete(ended, SILENT)
    await asyncio.sleep(LOST_SECONDS / 2)
    scene.dispatchers[SILENT].signal(signal.SIGSTOP)
    await asyncio.sleep(LOST_SECONDS / 2)
    broke = time.time()
    server.kill()
    lost: int = (server.folder / FILE).stat().st_size - size
    os.truncate(server.folder / FILE, size)
    await asyncio.to_thread(server.start)
    scene.went_back = broke, time.time()
    await asyncio.to_thread(until, lambda: (server.folder / FILE).stat().st_size > size + 2 * lost)
    scene.dispatchers[SILENT].signal(signal.SIGCONT)
    await asyncio.sleep(AFTER_SECONDS)
    return lost
