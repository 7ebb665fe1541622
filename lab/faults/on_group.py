"""Faults of a master with two replicas and three sentinels: failover, lag, partition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from lab.faults.on_store import ask
from lab.faults.scene import NEIGHBOUR, Scene
from tests.relay import CutError, Link, untouched
from tests.sentinels import until
from tests.servers import Server

FREEZE_SECONDS = 6.0
LAG_SECONDS = 0.4
"""Below what makes sentinels call the master down."""
JOINED_SECONDS = 3.0
"""How long a replica that joined confirms what the other one has not received."""
AWAY_SECONDS = 4.0
PARTITION_SECONDS = 8.0
AFTER_SECONDS = 3.0


async def master_killed(scene: Scene) -> int:
    """kill -9 of the master, which comes back as a replica: whether another one is the master."""
    scene.servers[0].kill()
    await asyncio.sleep(AWAY_SECONDS)
    await asyncio.to_thread(scene.servers[0].start)
    return await moved(scene)


async def master_frozen(scene: Scene) -> int:
    """SIGSTOP of the master, which goes on later: whether another one is the master."""
    scene.servers[0].freeze()
    await asyncio.sleep(FREEZE_SECONDS)
    scene.servers[0].thaw()
    return await moved(scene)


async def replicas_behind(scene: Scene) -> int:
    """Replicas hear nothing for a moment, then the master is killed: bytes that none of them had heard."""
    authorizer = asyncio.Event()

    async def rule(link: Link, data: bytes, _: bool) -> bytes:
        if link.source == NEIGHBOUR:
            await authorizer.wait()
            raise CutError
        return data

    scene.relays[0].rule = rule
    await asyncio.sleep(LAG_SECONDS)
    behind = await offset(scene.servers[0]) - max([await offset(replica) for replica in scene.servers[1:]])
    return behind if await _killed_while_behind(scene, authorizer, behind) else 0


async def replica_joined(scene: Scene) -> int:
    """A replica of priority 0 joins, the other one lags, the master is killed, and the lagging one is promoted.

    Bytes that it had not received.
    """
    authorizer, others = asyncio.Event(), await _replica_links(scene)
    scene.servers.append(await asyncio.to_thread(scene.join, "--replica-priority", "0"))

    async def rule(link: Link, data: bytes, from_client: bool) -> bytes:
        if link in others and not from_client:
            await authorizer.wait()
            raise CutError
        return data

    scene.relays[0].rule = rule
    await asyncio.to_thread(until, lambda: all(sentinel.replicas() == 2 for sentinel in scene.sentinels))
    await asyncio.sleep(JOINED_SECONDS)
    behind = await offset(scene.servers[0]) - await offset(scene.servers[1])
    return behind if await _killed_while_behind(scene, authorizer, behind) else 0


async def _replica_links(scene: Scene) -> Collection[Link]:
    """The connections of replicas to the first master: what they acknowledge tells them from those of sentinels."""
    found: set[Link] = set()

    async def rule(link: Link, data: bytes, from_client: bool) -> bytes:
        if from_client and b"REPLCONF" in data:
            found.add(link)
        return data

    scene.relays[0].rule = rule
    await asyncio.to_thread(until, lambda: found)
    scene.relays[0].rule = untouched
    return found


async def _killed_while_behind(scene: Scene, authorizer: asyncio.Event, behind: int) -> int:
    """The master is killed, and what the `authorizer` holds back is dropped: 1, once another one is the master."""
    scene.servers[0].kill()
    authorizer.set()
    killed, served = time.time(), asyncio.create_task(_served_again(scene))
    await asyncio.sleep(AWAY_SECONDS)
    scene.relays[0].rule = untouched
    await asyncio.to_thread(scene.servers[0].start)  # where all replicas must confirm, nobody is served before
    scene.went_back = killed, await served
    scene.notes["bytes behind"] = behind
    return await moved(scene)


async def _served_again(scene: Scene) -> float:
    """When the first call succeeds from now on, in seconds since 1970."""
    ledger, began = scene.load.ledger, time.monotonic()
    await asyncio.to_thread(until, lambda: ledger.good_between(began, time.monotonic()))
    return time.time()


async def offset(server: Server) -> int:
    """Bytes that it has sent to replicas, or received as one."""
    return int(await ask(server, lambda redis: redis.info("replication")["master_repl_offset"]))


async def partitioned(scene: Scene) -> int:
    """The master is cut off, with every dispatcher: 1, if there were two masters then."""
    return (await _partition(scene, cut_off=range(len(scene.dispatchers)))).masters - 1


async def overtaken(scene: Scene) -> int:
    """The master is cut off with one dispatcher, and most calls go to the other: 1, if its master did no less."""
    scene.load.weights = [1.0, 3.0]
    seen = await _partition(scene, cut_off=[0])
    return seen.masters - 1 if seen.new >= seen.old else 0


class Partition(NamedTuple):
    """In a partition: masters at its end, and calls of functions that the old one and the new one took meanwhile."""

    masters: int
    old: int
    new: int


async def _partition(scene: Scene, cut_off: Sequence[int]) -> Partition:
    heal = _divide(scene, cut_off)
    both = scene.servers[0], scene.servers[await asyncio.to_thread(scene.promoted)]
    before = [await _calls(server) for server in both]
    await asyncio.sleep(PARTITION_SECONDS)
    after = [await _calls(server) for server in both]
    masters = sum([await ask(server, lambda redis: redis.role()[0] == "master") for server in both])
    heal()
    scene.went_back = (time.time(),) * 2
    await moved(scene)
    seen = Partition(masters, *(late - early for early, late in zip(before, after, strict=True)))
    scene.notes["seen"] = seen._asdict()
    return seen


def _divide(scene: Scene, cut_off: Sequence[int]) -> Callable[[], None]:
    """The master hears nothing of its neighbours, some dispatchers nothing of the sentinels; what ends that."""
    whole = asyncio.Event()

    async def apart(link: Link, data: bytes, _: bool) -> bytes:
        if link.source == NEIGHBOUR:
            await whole.wait()
        return data

    async def blind(_: Link, data: bytes, __: bool) -> bytes:
        await whole.wait()
        return data

    scene.relays[0].rule = apart
    for relay in (relay for number in cut_off for relay in scene.views[number]):
        relay.rule = blind

    def heal() -> None:
        whole.set()
        for relay in (scene.relays[0], *(relay for view in scene.views for relay in view)):
            relay.rule = untouched

    return heal


async def _calls(server: Server) -> int:
    """Calls of functions that it took."""
    stats = await ask(server, lambda redis: redis.info("commandstats"))
    return int(stats.get("cmdstat_fcall", {"calls": 0})["calls"])


async def moved(scene: Scene) -> int:
    """Wait until all follow the new master: 1, or 0 if it is the old one."""
    new = await asyncio.to_thread(scene.settled)
    await asyncio.sleep(AFTER_SECONDS)
    return int(new != 0)
