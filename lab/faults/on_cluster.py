"""Faults of a cluster of three masters: what happens to one of them, or to the slot of one fleet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from lab.faults.observing import FIRST, MIDDLE
from lab.faults.on_group import offset
from lab.faults.scene import Scene, source_of
from slta_loadgen.client import Client
from tests.awaiting import until
from tests.clusters import Cluster, Node, slot_of
from tests.relay import Link, Rule, untouched

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


async def master_killed(scene: Scene) -> int:
    """kill -9 of a master, which comes back as a replica: failovers."""
    cluster, master = _cluster(scene), _master(scene, FIRST)
    master.kill()
    heir = await _promoted(scene, master)
    await asyncio.sleep(AWAY_SECONDS)
    await asyncio.to_thread(cluster.restart, master)
    return await _settled(scene, heir)


async def master_frozen(scene: Scene) -> int:
    """SIGSTOP of a master, which goes on later: failovers."""
    master = _master(scene, FIRST)
    master.freeze()
    heir = await _promoted(scene, master)
    await asyncio.sleep(FREEZE_SECONDS)
    master.thaw()
    return await _settled(scene, heir)


async def partitioned(scene: Scene) -> int:
    """A master hears no other node, but dispatchers hear it: failovers."""
    master = _master(scene, FIRST)
    heal = _cut_off(scene, master)
    master.is_up = False  # in the view of the others
    heir = await _promoted(scene, master)
    await asyncio.sleep(PARTITION_SECONDS)
    heal()
    master.is_up = True
    return await _settled(scene, heir)


def _cut_off(scene: Scene, master: Node) -> Callable[[], None]:
    """Let a node and all others not hear each other; returns what ends that."""
    whole = asyncio.Event()
    number = scene.servers.index(master)
    sources = {source_of(number) for number in range(len(scene.servers))}

    def silent(to: set[str]) -> Rule:
        async def rule(link: Link, data: bytes, _: bool) -> bytes:
            if link.source in to:
                await whole.wait()
            return data

        return rule

    def heal() -> None:
        whole.set()
        for relay in (*scene.relays, *scene.buses):
            relay.rule = untouched

    for relays in (scene.relays, scene.buses):
        for position, relay in enumerate(relays):
            relay.rule = silent(sources if position == number else {source_of(number)})
    return heal


async def slot_moved(scene: Scene) -> int:
    """The slot of a fleet moves there and back atomically: moves."""
    cluster, masters = _cluster(scene), [_master(scene, MIDDLE), _master(scene, FIRST)]
    for number in range(MOVES):
        await asyncio.to_thread(cluster.move, scene.load.fleet, masters[number % 2])
        await asyncio.sleep(BETWEEN_SECONDS)
    return await _settled(scene, masters[1]) * MOVES


async def slot_half_moved(scene: Scene) -> int:
    """The slot of a fleet moves key by key, slowly: steps."""
    target = _master(scene, MIDDLE)
    steps = await _steps(scene, _cluster(scene).move_stepwise(scene.load.fleet, target), STEP_SECONDS)
    return await _settled(scene, target) * steps


async def _steps(scene: Scene, move: Iterator[str], pause_seconds: float) -> int:
    steps = 0
    while await asyncio.to_thread(next, move, None):
        steps += 1
        await asyncio.sleep(pause_seconds)
    scene.notes["steps"] = steps
    return steps


async def master_added(scene: Scene) -> int:
    """A master joins and gets the slot of a fleet: 1, if it has it."""
    cluster = _cluster(scene)
    joined = await asyncio.to_thread(cluster.add_master)
    if await asyncio.to_thread(cluster.moves_atomically):
        await asyncio.to_thread(cluster.move, scene.load.fleet, joined)
    else:
        await _steps(scene, cluster.move_stepwise(scene.load.fleet, joined), 0)
    return await _settled(scene, joined)


async def list_away(scene: Scene) -> int:
    """kill -9 of the master with the list of fleets, which has no replica, and is started later: 1."""
    cluster = _cluster(scene)
    master = cluster.owner(slot_of(FLEETS_KEY))
    master.kill()
    await asyncio.sleep(LIST_AWAY_SECONDS)
    await asyncio.to_thread(cluster.restart, master)
    return await _settled(scene, master, MIDDLE)


async def replica_behind(scene: Scene) -> int:
    """A replica hears nothing, its master is killed, and it is promoted late: bytes that it did not have."""
    cluster, master = _cluster(scene), _master(scene, FIRST)
    [replica] = await asyncio.to_thread(cluster.replicas, master)
    replica.freeze()
    await asyncio.to_thread(master.ask, "CLIENT", "KILL", "TYPE", "replica")
    before = await offset(master)
    await asyncio.sleep(BEHIND_SECONDS)
    scene.notes["bytes behind"] = behind = await offset(master) - before
    master.kill()
    await asyncio.sleep(HELD_SECONDS)
    replica.thaw()
    await asyncio.to_thread(cluster.until, lambda: replica in cluster.masters() and replica.is_sound())
    scene.went_back = (time.time(),) * 2
    await asyncio.sleep(RECOVERY_SECONDS)
    await asyncio.to_thread(cluster.restart, master)
    return await _settled(scene, replica) * behind


async def shard_frozen(scene: Scene) -> int:
    """SIGSTOP of a master without a replica: leases of sessions on the others that ended meanwhile."""
    master = _master(scene, FIRST)
    master.freeze()
    late = await asyncio.gather(*(_lateness(scene, load.fleet) for load in scene.loads[1:]))
    scene.notes["leases late"] = round(max(late), 1)
    master.thaw()
    return await _settled(scene, master) * LEASED * len(late)


async def _lateness(scene: Scene, fleet: str) -> float:
    """How many seconds after their time the leases of new sessions end."""
    ids = [f"leased-{number}" for number in range(LEASED)]
    async with Client(scene.urls[0], fleet) as client:
        for id_ in ids:
            assert (await client.assign(id_, LEASE_SECONDS)).ok
    due, owner = time.monotonic() + LEASE_SECONDS, await asyncio.to_thread(_cluster(scene).owner, fleet)
    command = "HMGET", f"{{{fleet}}}:sessions", *ids
    await asyncio.to_thread(until, lambda: not any(owner.ask(*command)))
    return max(0, time.monotonic() - due)


async def _promoted(scene: Scene, master: Node) -> Node:
    """The replica that takes a master's place, which may lack what that one acknowledged last."""
    heir = await asyncio.to_thread(_cluster(scene).promoted, master)
    scene.went_back = (time.time(),) * 2
    return heir


async def _settled(scene: Scene, owner: Node, fleet: int = FIRST) -> int:
    """Wait until all nodes agree and the fleet is served: 1, or 0 if another node owns its slot."""
    cluster, load = _cluster(scene), scene.loads[fleet]
    await asyncio.to_thread(cluster.until, cluster.is_agreed)
    began = time.monotonic()
    await asyncio.to_thread(cluster.until, lambda: load.ledger.good_between(began, time.monotonic()))
    await asyncio.sleep(AFTER_SECONDS)
    return int(await asyncio.to_thread(cluster.owner, load.fleet) is owner)


def _master(scene: Scene, number: int) -> Node:
    return _cluster(scene).nodes[number]


def _cluster(scene: Scene) -> Cluster:
    assert scene.cluster, "the fault's shape is no cluster"
    return scene.cluster
