"""Faults of a cluster of three masters: what happens to one of them, or to the slot of one fleet.

Each function also notes how long its fleet and the others got no good answer, and whether a dispatcher was not ready.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import wraps

import httpx

from lab.faults.load import Load
from lab.faults.scene import Scene, source_of
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
FIRST, MIDDLE = 0, 1
"""Numbers of masters, and of the fleets on them."""
FLEETS_KEY = "slta:fleets"
ASK_SECONDS = 0.1

Plant = Callable[[Scene], Awaitable[int]]


def observed(plant: Plant, fleet: int = FIRST) -> Plant:
    """A fault, and notes of what the fault's fleet and the others noticed of it."""

    @wraps(plant)
    async def watched(scene: Scene) -> int:
        before = [Counter(load.ledger.codes) for load in scene.loads]
        began, readiness = time.monotonic(), Counter[str]()
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(_ask_whether_ready(scene, readiness))
            effects = await plant(scene)
            asking.cancel()
        ended = time.monotonic()
        own = scene.loads[fleet]
        others = [load for load in scene.loads if load is not own]
        refused = [load.ledger.codes - codes for load, codes in zip(scene.loads, before, strict=True)]
        scene.notes |= {
            "silence before": _silence(scene.loads, own.started + 1, began),
            "silence": _silence([own], began, ended),
            "silence of others": _silence(others, began, ended),
            "refused": dict(refused.pop(fleet)),
            "refused of others": dict(sum(refused, Counter())),
            "readiness": dict(readiness),
        }
        return effects

    return watched


def _silence(loads: list[Load], began: float, ended: float) -> float:
    return round(max(load.ledger.longest_silence(began, ended) for load in loads), 2)


async def _ask_whether_ready(scene: Scene, readiness: Counter[str]) -> None:
    """Counts the statuses of /readyz, until it is cancelled."""
    async with httpx.AsyncClient(timeout=3) as client:
        while True:
            for url in scene.urls:
                readiness[str(await _status(client, f"{url}/readyz"))] += 1
            await asyncio.sleep(ASK_SECONDS)


async def _status(client: httpx.AsyncClient, url: str) -> int:
    """0 without an answer."""
    try:
        return (await client.get(url)).status_code
    except httpx.HTTPError:
        return 0


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
