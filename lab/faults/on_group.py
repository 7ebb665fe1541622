"""Faults of a master with two replicas and three sentinels: failover, lag, partition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from lab.faults.on_store import ask
from lab.faults.system import NEIGHBOUR, System
from testbed.relay import CutError, Link, untouched
from testbed.sentinels import until
from testbed.servers import Server

FREEZE_SECONDS = 6.0
LAG_SECONDS = 0.4
"""Below what makes sentinels call the master down."""
JOINED_SECONDS = 3.0
"""Time for which a replica that joined confirms what the other one has not received."""
AWAY_SECONDS = 4.0
PARTITION_SECONDS = 8.0
AFTER_SECONDS = 3.0


async def master_killed(system: System) -> int:
    """kill -9 of the master, which comes back as a replica: whether another one is the master."""
    system.servers[0].kill()
    await asyncio.sleep(AWAY_SECONDS)
    await asyncio.to_thread(system.servers[0].start)
    return await moved(system)


async def master_frozen(system: System) -> int:
    """SIGSTOP of the master, which goes on later: whether another one is the master."""
    system.servers[0].freeze()
    await asyncio.sleep(FREEZE_SECONDS)
    system.servers[0].thaw()
    return await moved(system)


async def replicas_behind(system: System) -> int:
    """Replicas hear nothing for a moment, then the master is killed: bytes that none of them had heard."""
    authorizer = asyncio.Event()

    async def rule(link: Link, data: bytes, _: bool) -> bytes:
        if link.source == NEIGHBOUR:
            await authorizer.wait()
            raise CutError
        return data

    system.relays[0].rule = rule
    await asyncio.sleep(LAG_SECONDS)
    behind = await offset(system.servers[0]) - max([await offset(replica) for replica in system.servers[1:]])
    return behind if await _killed_while_behind(system, authorizer, behind) else 0


async def replica_joined(system: System) -> int:
    """A replica of priority 0 joins, the other one lags, the master is killed, and the lagging one is promoted.

    Bytes that it had not received.
    """
    authorizer, others = asyncio.Event(), await _replica_links(system)
    system.servers.append(await asyncio.to_thread(system.join, "--replica-priority", "0"))

    async def rule(link: Link, data: bytes, from_client: bool) -> bytes:
        if link in others and not from_client:
            await authorizer.wait()
            raise CutError
        return data

    system.relays[0].rule = rule
    await asyncio.to_thread(until, lambda: all(sentinel.replicas() == 2 for sentinel in system.sentinels))
    await asyncio.sleep(JOINED_SECONDS)
    behind = await offset(system.servers[0]) - await offset(system.servers[1])
    return behind if await _killed_while_behind(system, authorizer, behind) else 0


async def _replica_links(system: System) -> Collection[Link]:
    """The connections of replicas to the first master: what they acknowledge tells them from those of sentinels."""
    found: set[Link] = set()

    async def rule(link: Link, data: bytes, from_client: bool) -> bytes:
        if from_client and b"REPLCONF" in data:
            found.add(link)
        return data

    system.relays[0].rule = rule
    await asyncio.to_thread(until, lambda: found)
    system.relays[0].rule = untouched
    return found


async def _killed_while_behind(system: System, authorizer: asyncio.Event, behind: int) -> int:
    """The master is killed, and what the `authorizer` holds back is dropped: 1, once another one is the master."""
    system.servers[0].kill()
    authorizer.set()
    killed, served = time.time(), asyncio.create_task(_served_again(system))
    await asyncio.sleep(AWAY_SECONDS)
    system.relays[0].rule = untouched
    await asyncio.to_thread(system.servers[0].start)  # where all replicas must confirm, nobody is served before
    system.went_back = killed, await served
    system.notes["bytes behind"] = behind
    return await moved(system)


async def _served_again(system: System) -> float:
    """When the first call succeeds from now on, in seconds since 1970."""
    ledger, began = system.load.ledger, time.monotonic()
    await asyncio.to_thread(until, lambda: ledger.good_between(began, time.monotonic()))
    return time.time()


async def offset(server: Server) -> int:
    """Bytes that it has sent to replicas, or received as one."""
    return int(await ask(server, lambda redis: redis.info("replication")["master_repl_offset"]))


async def partitioned(system: System) -> int:
    """The master is cut off, with every dispatcher: 1, if there were two masters then."""
    return (await _partition(system, cut_off=range(len(system.dispatchers)))).masters - 1


async def overtaken(system: System) -> int:
    """The master is cut off with one dispatcher, and most calls go to the other: 1, if its master did no less."""
    system.load.weights = [1.0, 3.0]
    seen = await _partition(system, cut_off=[0])
    return seen.masters - 1 if seen.new >= seen.old else 0


class Partition(NamedTuple):
    """In a partition: masters at its end, and calls of functions that the old one and the new one took meanwhile."""

    masters: int
    old: int
    new: int


async def _partition(system: System, cut_off: Sequence[int]) -> Partition:
    heal = _divide(system, cut_off)
    both = system.servers[0], system.servers[await asyncio.to_thread(system.promoted)]
    before = [await _calls(server) for server in both]
    await asyncio.sleep(PARTITION_SECONDS)
    after = [await _calls(server) for server in both]
    masters = sum([await ask(server, lambda redis: redis.role()[0] == "master") for server in both])
    heal()
    system.went_back = (time.time(),) * 2
    await moved(system)
    seen = Partition(masters, *(late - early for early, late in zip(before, after, strict=True)))
    system.notes["seen"] = seen._asdict()
    return seen


def _divide(system: System, cut_off: Sequence[int]) -> Callable[[], None]:
    """The master hears nothing of its neighbours, some dispatchers nothing of the sentinels; what ends that."""
    whole = asyncio.Event()

    async def apart(link: Link, data: bytes, _: bool) -> bytes:
        if link.source == NEIGHBOUR:
            await whole.wait()
        return data

    async def blind(_: Link, data: bytes, __: bool) -> bytes:
        await whole.wait()
        return data

    system.relays[0].rule = apart
    for relay in (relay for number in cut_off for relay in system.views[number]):
        relay.rule = blind

    def heal() -> None:
        whole.set()
        for relay in (system.relays[0], *(relay for view in system.views for relay in view)):
            relay.rule = untouched

    return heal


async def _calls(server: Server) -> int:
    """Calls of functions that it took."""
    stats = await ask(server, lambda redis: redis.info("commandstats"))
    return int(stats.get("cmdstat_fcall", {"calls": 0})["calls"])


async def moved(system: System) -> int:
    """Wait until all follow the new master: 1, or 0 if it is the old one."""
    new = await asyncio.to_thread(system.settled)
    await asyncio.sleep(AFTER_SECONDS)
    return int(new != 0)
