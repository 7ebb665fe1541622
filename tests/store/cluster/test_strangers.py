"""Nodes of two clusters, in a URL or at an address that was given away, are not taken for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from slta.models import errors
from slta.store._client import cluster
from slta.store._client.preflight import ServerRequirements, UnsuitableStoreError
from testbed.cluster_nodes import Node
from testbed.clusters import SLOTS, Cluster
from testbed.servers import free_port
from tests.store.cluster.conftest import opened
from tests.store.cluster.test_readiness import until_checked
from tests.store.fleets import TWO_CLASSES, create, spec

pytestmark = pytest.mark.slow


@contextmanager
def stranger(folder: Path, binary: str, port: int) -> Iterator[Node]:
    """A cluster of one node, of a higher epoch than any other."""
    folder.mkdir()
    node = Node(folder, binary, (port, free_port()))
    node.start()
    try:
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", 99)
        node.ask("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
        yield node
    finally:
        node.stop()


async def test_a_url_with_nodes_of_two_clusters_is_refused_if_that_lasts(
    lonely: Cluster, tmp_path: Path, binary: str, opening: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stranger(tmp_path / "stranger", binary, free_port()) as other:
        store = await opened(f"{lonely.url},127.0.0.1:{other.port}", opening)
        with pytest.raises(errors.StoreUnavailableError):
            await store.preflight(ServerRequirements())
        monkeypatch.setattr(cluster, "APART_SECONDS", 0.0)
        with pytest.raises(UnsuitableStoreError, match="several clusters") as refused:
            await store.preflight(ServerRequirements())
        assert str(other.port) in str(refused.value)
        assert [node for node in lonely.nodes if str(node.port) in str(refused.value)] != [], refused.value
        assert other.ask("FUNCTION", "LIST") == []


async def test_a_node_of_another_cluster_at_the_address_of_a_master_is_counted_and_never_called(
    lonely: Cluster, tmp_path: Path, binary: str, opening: AsyncExitStack
) -> None:
    store = await opened(lonely.url, opening)
    fleets = [lonely.fleet_on(node) for node in lonely.masters()]
    for fleet in fleets:
        await create(store, spec(*TWO_CLASSES), {"small": 2}, fleet)
    replaced = lonely.masters()[0]
    replaced.kill()
    with stranger(tmp_path / "stranger", binary, replaced.port):
        await until_checked(store, lambda: store.foreign_nodes == 1)
        assert store.unowned_slots == SLOTS // 3
        with pytest.raises(errors.StoreUnavailableError):
            await store.sessions.assign(fleets[0], "s", None)
        for fleet in fleets[1:]:
            await store.sessions.assign(fleet, "s", None)
        for node in lonely.nodes[1:]:
            node.kill()
        await until_checked(store, lambda: store.readiness != "ready")
        assert store.unowned_slots == SLOTS // 3, "one that replies alone replaces nothing"
    for node in lonely.nodes:
        node.start()
    lonely.until(lambda: all(node.is_sound() for node in lonely.nodes))
    await until_checked(store, lambda: (store.foreign_nodes, store.shards) == (0, {"ready": 3}))
    await store.sessions.assign(fleets[0], "s", None)
