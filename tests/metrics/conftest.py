"""What the tests of metrics share: a patient store, and how long callbacks hold the event loop."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from slta.fleet_file import FleetFile, compile_spec
from slta.metrics import Metrics
from slta.store import Store, StoreSettings
from testbed.servers import Server, own_server

PATIENT = partial(StoreSettings, connect_timeout_seconds=5, call_timeout_seconds=30, deadline_seconds=60)
"""A slow machine is not a store that is gone."""
CALLBACK_SECONDS = 0.02 if sys.gettrace() is None else 0.08
"""Of processor time, for which the event loop may be held; coverage makes each line take several times as long."""


@pytest.fixture
def server() -> Iterator[Server]:
    with own_server() as running:
        yield running


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def store(server: Server, metrics: Metrics) -> AsyncIterator[Store]:
    opened = await Store.open(PATIENT(server.url), metrics)
    yield opened
    await metrics.end()
    await opened.close()


async def define(store: Store, fleet: str, file: FleetFile) -> None:
    """The fleet, and the pools of its file."""
    await store.fleets.configure(fleet, compile_spec(file), file.document())
    await store.pools.add(fleet, file.wanted_pools())
