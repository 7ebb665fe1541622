"""Tests of a real cluster, by default of six nodes, on every server found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from slta.store import Store, StoreSettings
from testbed.clusters import Cluster, cluster
from tests.store.conftest import Calls
from tests.store.moving import PATIENT


async def opened(url: str, opening: AsyncExitStack) -> Store:
    """A patient store, whose calls soon give up on a master that is away. It is closed with `opening`."""
    store = await Store.open(StoreSettings(url, **PATIENT | {"deadline_seconds": 1.0}), Calls())
    opening.push_async_callback(store.close)
    return store


@pytest.fixture
def nodes(tmp_path: Path, binary: str) -> Iterator[Cluster]:
    """Three masters and their replicas, which a test may break."""
    with cluster(tmp_path, binary) as made:
        yield made


@pytest.fixture
def lonely(tmp_path: Path, binary: str) -> Iterator[Cluster]:
    """Three masters without replicas, which a test may break."""
    with cluster(tmp_path, binary, replicas=0) as made:
        yield made


@pytest.fixture
async def store(nodes: Cluster, calls: Calls) -> AsyncIterator[Store]:
    """A dispatcher's store, as it is by default."""
    store = await Store.open(StoreSettings(nodes.url), calls)
    yield store
    await store.close()
