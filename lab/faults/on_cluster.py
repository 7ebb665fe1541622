"""Faults of a cluster of three masters: what happens to one of them, or to the slot of one fleet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from lab.faults.observing import FIRST, MIDDLE
from lab.faults.on_group import offset
from lab.faults.system import System, source_of
from slta_loadgen.client import Client
from testbed.awaiting import until
from testbed.cluster_nodes import Node
from testbed.clusters import Cluster, slot_of
from testbed.relay import Link, Rule, untouched

AWAY_SECONDS = 4.0
FREEZE_SECONDS = 6.0
LIST_AWAY_SECONDS = 10.0
PARTITION_SECONDS = 8.0
MOVES = 20
BETWEEN_SECONDS = 0.5
STEP_SECONDS = 0.1
AFTER_SECONDS = 3.0
BEHIND_SECONDS = 3.0
HELD_SECONDS = 11.0
"""For which a replica does not see that its master is dead."""
RECOVERY_SECONDS = 10.0
LEASED, LEASE_SECONDS = 20, 3.0
FLEETS_KEY = "slta:fleets"


async def master_killed(system: System) -> int:
    """kill -9 of a master, which comes back as a replica: failovers."""
    cluster, master = _cluster(system), _master(system, FIRST)
    master.kill()
    heir = await _promoted(system, master)
    await asyncio.sleep(AWAY_SECONDS)
    await asyncio.to_thread(cluster.restart, master)
    return await _settled(system, heir)


async def master_frozen(system: System) -> int:
    """SIGSTOP of a master, which goes on later: failovers."""
    master = _master(system, FIRST)
    master.freeze()
    heir = await _promoted(system, master)
    await asyncio.sleep(FREEZE_SECONDS)
    master.thaw()
    return await _settled(system, heir)


async def partitioned(system: System) -> int:
    """A master hears no other node, but dispatchers hear it: failovers."""
    master = _master(system, FIRST)
    heal = _cut_off(system, master)
    master.is_up = False  # in the view of the others
    heir = await _promoted(system, master)
    await asyncio.sleep(PARTITION_SECONDS)
    heal()
    master.is_up = True
    return await _settled(system, heir)


def _cut_off(system: System, master: Node) -> Callable[[], None]:
    """Let a node and all others not hear each other; returns what ends that."""
    whole = asyncio.Event()
    number = system.servers.index(master)
    sources = {source_of(number) for number in range(len(system.servers))}

    def silent(to: set[str]) -> Rule:
        async def rule(link: Link, data: bytes, _: bool) -> bytes:
            if link.source in to:
                await whole.wait()
            return data

        return rule

    def heal() -> None:
        whole.set()
        for relay in (*system.relays, *system.buses):
            relay.rule = untouched

    for relays in (system.relays, system.buses):
        for position, relay in enumerate(relays):
            relay.rule = silent(sources if position == number else {source_of(number)})
    return heal


async def slot_moved(system: System) -> int:
    """The slot of a fleet moves there and back atomically: moves."""
    cluster, masters = _cluster(system), [_master(system, MIDDLE), _master(system, FIRST)]
    for number in range(MOVES):
        await asyncio.to_thread(cluster.move, system.load.fleet, masters[number % 2])
        await asyncio.sleep(BETWEEN_SECONDS)
    return await _settled(system, masters[1]) * MOVES


async def slot_half_moved(system: System) -> int:
    """The slot of a fleet moves key by key, slowly: steps."""
    target = _master(system, MIDDLE)
    steps = await _steps(system, _cluster(system).move_stepwise(system.load.fleet, target), STEP_SECONDS)
    return await _settled(system, target) * steps


async def _steps(system: System, move: Iterator[str], pause_seconds: float) -> int:
    steps = 0
    while await asyncio.to_thread(next, move, None):
        steps += 1
        await asyncio.sleep(pause_seconds)
    system.notes["steps"] = steps
    return steps


async def master_added(system: System) -> int:
    """A master joins and gets the slot of a fleet: 1, if it has it."""
    cluster = _cluster(system)
    joined = await asyncio.to_thread(cluster.add_master)
    if await asyncio.to_thread(cluster.moves_atomically):
        await asyncio.to_thread(cluster.move, system.load.fleet, joined)
    else:
        await _steps(system, cluster.move_stepwise(system.load.fleet, joined), 0)
    return await _settled(system, joined)


async def list_away(system: System) -> int:
    """kill -9 of the master with the list of fleets, which has no replica, and is started later: 1."""
    cluster = _cluster(system)
    master = cluster.owner(slot_of(FLEETS_KEY))
    master.kill()
    await asyncio.sleep(LIST_AWAY_SECONDS)
    await asyncio.to_thread(cluster.restart, master)
    return await _settled(system, master, MIDDLE)


async def replica_behind(system: System) -> int:
    """A replica hears nothing, its master is killed, and it is promoted late: bytes that it did not have."""
    cluster, master = _cluster(system), _master(system, FIRST)
    [replica] = await asyncio.to_thread(cluster.replicas, master)
    replica.freeze()
    await asyncio.to_thread(master.ask, "CLIENT", "KILL", "TYPE", "replica")
    before = await offset(master)
    await asyncio.sleep(BEHIND_SECONDS)
    system.notes["bytes behind"] = behind = await offset(master) - before
    master.kill()
    await asyncio.sleep(HELD_SECONDS)
    replica.thaw()
    await asyncio.to_thread(cluster.until, lambda: replica in cluster.masters() and replica.is_sound())
    system.went_back = (time.time(),) * 2
    await asyncio.sleep(RECOVERY_SECONDS)
    await asyncio.to_thread(cluster.restart, master)
    return await _settled(system, replica) * behind


async def shard_frozen(system: System) -> int:
    """SIGSTOP of a master without a replica: leases of sessions on the others that ended meanwhile."""
    master = _master(system, FIRST)
    master.freeze()
    late = await asyncio.gather(*(_lateness(system, load.fleet) for load in system.loads[1:]))
    system.notes["leases late"] = round(max(late), 1)
    master.thaw()
    return await _settled(system, master) * LEASED * len(late)


async def _lateness(system: System, fleet: str) -> float:
    """Delay in seconds with which the leases of new sessions end."""
    ids = [f"leased-{number}" for number in range(LEASED)]
    async with Client(system.urls[0], fleet) as client:
        for id_ in ids:
            assert (await client.assign(id_, LEASE_SECONDS)).ok
    due, owner = time.monotonic() + LEASE_SECONDS, await asyncio.to_thread(_cluster(system).owner, fleet)
    command = "HMGET", f"{{{fleet}}}:sessions", *ids
    await asyncio.to_thread(until, lambda: not any(owner.ask(*command)))
    return max(0, time.monotonic() - due)


async def _promoted(system: System, master: Node) -> Node:
    """The replica that takes a master's place, which may lack what that one acknowledged last."""
    heir = await asyncio.to_thread(_cluster(system).promoted, master)
    system.went_back = (time.time(),) * 2
    return heir


async def _settled(system: System, owner: Node, fleet: int = FIRST) -> int:
    """Wait until all nodes agree and the fleet is served: 1, or 0 if another node owns its slot."""
    cluster, load = _cluster(system), system.loads[fleet]
    await asyncio.to_thread(cluster.until, cluster.is_agreed)
    began = time.monotonic()
    await asyncio.to_thread(cluster.until, lambda: load.ledger.good_between(began, time.monotonic()))
    await asyncio.sleep(AFTER_SECONDS)
    return int(await asyncio.to_thread(cluster.owner, load.fleet) is owner)


def _master(system: System, number: int) -> Node:
    return _cluster(system).nodes[number]


def _cluster(system: System) -> Cluster:
    assert system.cluster, "the fault's shape is no cluster"
    return system.cluster
