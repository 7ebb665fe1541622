"""A master of a cluster fails under load: its fleets go on at its replica, and the others do not notice."""

from __future__ import annotations

import asyncio

import pytest

from slta.store import Store
from testbed.clusters import Cluster
from tests.store.cluster.witness import calling

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("failure", ["kill", "freeze"])
async def test_a_failing_master_loses_no_session_and_delays_none(nodes: Cluster, store: Store, failure: str) -> None:
    failed, *_ = nodes.masters()
    fleets = [nodes.fleet_on(master) for master in nodes.masters()]

    async with calling(store, fleets) as witnesses:
        getattr(failed, failure)()
        await asyncio.to_thread(nodes.promoted, failed)
        for witness in witnesses:
            await witness.served()

    assert [witness.faults(nodes) for witness in witnesses] == [[], [], []]
    assert [witness.refused for witness in witnesses[1:]] == [{}, {}]
    assert store.readiness == "ready"


async def test_sessions_that_were_placed_before_are_replayed_on_their_pools(nodes: Cluster, store: Store) -> None:
    master = nodes.masters()[0]
    async with calling(store, [nodes.fleet_on(master)]) as [witness]:
        pass
    before = dict(witness.pools)

    master.kill()
    await asyncio.to_thread(nodes.promoted, master)

    assert {session: await witness.assign(session) for session in before} == before
