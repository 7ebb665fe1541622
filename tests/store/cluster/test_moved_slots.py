"""The slot of a fleet moves to another master, atomically or key by key, while it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import pytest

from slta.models import PoolSpec
from slta.store import Store, StoreSettings
from testbed.cluster_nodes import Node
from testbed.clusters import Cluster
from testbed.in_process import tick
from tests import rawstate
from tests.audit import violations
from tests.store.cluster.witness import AGAIN, ROOMY, calling
from tests.store.conftest import Calls
from tests.store.fleets import create, findings

pytestmark = pytest.mark.slow

MOVES = 6
UNMOVED = ("store_epoch", "went_back")
"""Fields that no move changes: the epoch, and losses that were noticed. Leases are held for seconds."""
Call = Callable[[Store, str], Awaitable[object]]
CALLS: dict[str, Call] = {
    "assign": lambda store, fleet: store.sessions.assign(fleet, "new", None),
    "replay": lambda store, fleet: store.sessions.assign(fleet, "s0", None),
    "complete": lambda store, fleet: store.sessions.complete(fleet, "s1"),
    "renew": lambda store, fleet: store.sessions.renew(fleet, ["s2"], 30),
    "report": lambda store, fleet: store.sessions.report(fleet, "reported", "small-0", None),
    "session": lambda store, fleet: store.sessions.get(fleet, "s0"),
    "pool": lambda store, fleet: store.pools.get(fleet, "small-0"),
    "pools": lambda store, fleet: store.pools.page(fleet, None, 10),
    "add a pool": lambda store, fleet: store.pools.add(fleet, [PoolSpec("small-9", "small")]),
    "drain": lambda store, fleet: store.pools.set_status(fleet, "small-0", "draining"),
    "fail": lambda store, fleet: store.pools.fail(fleet, "small-0"),
    "reconcile": lambda store, fleet: store.pools.reconcile(fleet, "small-0", "0:0", []),
    "state": lambda store, fleet: store.fleets.snapshot(fleet),
    "events": lambda store, fleet: store.fleets.events(fleet),
    "tick": tick,
    "configure": lambda store, fleet: store.fleets.configure(fleet, ROOMY, "{}"),
    "delete": lambda store, fleet: store.fleets.delete(fleet),
    "audit": lambda store, fleet: findings(store, ROOMY, fleet),
}


CHECKSUM_BYTES = 10
"""Version and checksum at the end of a DUMP."""


def state_of(node: Node, fleet: str) -> dict[str, str]:
    with node.client() as redis:
        return rawstate.fields(redis, fleet)


async def test_a_slot_that_moves_atomically_under_load_loses_and_doubles_nothing(nodes: Cluster, store: Store) -> None:
    if not nodes.moves_atomically():
        pytest.skip("these servers have no CLUSTER MIGRATESLOTS")
    there, here, _ = nodes.masters()
    async with calling(store, [nodes.fleet_on(here)]) as [witness]:
        before = state_of(here, witness.fleet)
        for target in (there, here) * (MOVES // 2):
            await asyncio.to_thread(nodes.move, witness.fleet, target)
            await witness.served()

    assert witness.faults(nodes) == []
    after = state_of(here, witness.fleet)
    assert [after[field] for field in UNMOVED] == [before[field] for field in UNMOVED], "nothing had failed"


@pytest.mark.campaign
async def test_twenty_atomic_moves_under_the_load_of_256_callers(nodes: Cluster, store: Store) -> None:
    """Prints operations a second, the longest silence, and what callers had to repeat."""
    if not nodes.moves_atomically():
        pytest.skip("these servers have no CLUSTER MIGRATESLOTS")
    there, here, _ = nodes.masters()
    async with calling(store, [nodes.fleet_on(here)], callers=256) as [witness]:
        before, began = state_of(here, witness.fleet), monotonic()
        for target in (there, here) * 10:
            await asyncio.to_thread(nodes.move, witness.fleet, target)
            await asyncio.sleep(0.5)
        seconds = monotonic() - began

    rate = sum(moment >= began for moment in witness.answered) / seconds
    print(f"{rate:,.0f} operations/s, silence {witness.longest_silence():.2f} s, repeated {dict(witness.refused)}")
    assert witness.faults(nodes) == []
    after = state_of(here, witness.fleet)
    assert [after[field] for field in UNMOVED] == [before[field] for field in UNMOVED]


@pytest.mark.timeout(240)
async def test_no_function_runs_while_a_slot_is_half_moved(nodes: Cluster, store: Store) -> None:
    source, target, _ = nodes.masters()
    fleet = nodes.fleet_on(source)
    await create(store, ROOMY, {"small": 2, "large": 2}, fleet)
    for number in range(3):
        await store.sessions.assign(fleet, f"s{number}", None)
    hurried = await Store.open(StoreSettings(nodes.url, deadline_seconds=0.2), Calls())
    before = dumped(nodes, fleet)

    for step in nodes.move_stepwise(fleet, target):
        if step == "migrating" or step in before:
            outcomes = await asyncio.gather(*(call(hurried, fleet) for call in CALLS.values()), return_exceptions=True)
            for name, outcome in zip(CALLS, outcomes, strict=True):
                assert isinstance(outcome, AGAIN), f"{name} was answered with {outcome!r} after {step}"
            assert dumped(nodes, fleet) == before, step

    await hurried.close()
    assert not await tick(store, fleet)
    with target.client() as redis:
        assert violations(redis, fleet) == []


def dumped(nodes: Cluster, fleet: str) -> dict[str, list[int]]:
    """All keys of a fleet, wherever they lie, and the bytes that they hold, sorted: nodes order hashes differently."""
    found: dict[str, list[int]] = {}
    for node in nodes.masters():
        with node.client() as redis:
            for key in redis.scan_iter(f"{{{fleet}}}:*", count=100_000):
                asking = redis.pipeline(transaction=False).execute_command("ASKING").dump(key)
                found[key] = sorted(asking.execute()[1][:-CHECKSUM_BYTES])
    return found
