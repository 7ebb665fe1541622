"""The list of fleets is one key of a cluster, whose master may be away while the fleets of others are not."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from slta.audit import audit_all
from slta.fleet_file import Specs
from slta.models import errors
from slta.store import Store
from slta.store.fleets import FLEETS_KEY
from testbed.cluster_nodes import Node
from testbed.clusters import Cluster
from testbed.in_process import tick
from tests.store.cluster.conftest import opened
from tests.store.fleets import TWO_CLASSES, create, spec

pytestmark = pytest.mark.slow


def away(nodes: Cluster) -> Node:
    """The list's master, which is killed."""
    master = nodes.owner(FLEETS_KEY)
    master.kill()
    return master


async def with_fleets(nodes: Cluster, store: Store) -> tuple[list[str], str]:
    """The fleets of each other master, and one of the list's."""
    names = {node.port: nodes.fleet_on(node) for node in nodes.masters()}
    for name in names.values():
        await create(store, spec(*TWO_CLASSES), {"small": 2}, name)
    own = names.pop(nodes.owner(FLEETS_KEY).port)
    return sorted(names.values()), own


async def test_the_names_last_read_are_used_and_others_are_served(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    others, own = await with_fleets(lonely, store)
    names = await store.fleets.names()
    away(lonely)
    for _ in range(2):
        await store.check()
        assert await store.fleets.names() == names == sorted([*others, own])
        store.keep_only(names)
    assert store.readiness == "ready"
    assert store.shards["ready"] == 2
    assert [store.is_refusing(fleet) for fleet in (*others, own)] == [False, False, True]
    for fleet in others:
        await store.sessions.assign(fleet, "s", None)
        await tick(store, fleet)


async def test_a_new_dispatcher_takes_names_from_masters_and_requests(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    others, own = await with_fleets(lonely, store)
    master = away(lonely)
    new = await opened(lonely.url, opening)
    assert await new.fleets.names() == others
    await create_unlisted(store, lonely, others[0])
    lonely.restart(master)
    await new.fleets.snapshot(own)
    master.kill()
    assert await new.fleets.names() == sorted([*others, own])


async def create_unlisted(store: Store, nodes: Cluster, fleet: str) -> None:
    """An existing fleet is changed while the list is away."""
    assert not (await store.fleets.configure(fleet, spec(*TWO_CLASSES), "{}")).created


async def test_no_fleet_is_created_or_deleted_without_the_list(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    others, _ = await with_fleets(lonely, store)
    away(lonely)
    new = next(name for name in map(str, range(100)) if lonely.owner(name).is_up)
    unavailable = (errors.StoreUnavailableError, errors.OutcomeUnknownError)
    with pytest.raises(unavailable):
        await store.fleets.configure(new, spec(*TWO_CLASSES), "{}")
    with pytest.raises(errors.UnknownFleetError):
        await store.fleets.config(new)
    with pytest.raises(unavailable):
        await store.fleets.delete(others[0])
    assert (await store.fleets.config(others[0]))[1] == 1


async def test_an_audit_sees_the_fleets_of_all_masters_listed_or_not(lonely: Cluster, opening: AsyncExitStack) -> None:
    store = await opened(lonely.url, opening)
    others, own = await with_fleets(lonely, store)
    lonely.owner(FLEETS_KEY).ask("SREM", FLEETS_KEY, others[0])
    found = {one.fleet: one.sentences for one in await audit_all(store, Specs())}
    assert found.keys() == {*others, own}
    assert "name: is not on the list slta:fleets" in found[others[0]]
