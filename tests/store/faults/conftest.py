"""A store behind a proxy that loses and refuses, and stores on a server of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from slta.store import Store, StoreSettings
from testbed.faults import Proxy
from testbed.servers import SERVERS, Server, own_server
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, TWO_CLASSES, create, spec

QUICK: dict[str, Any] = {"call_timeout_seconds": 0.2, "connect_timeout_seconds": 0.2, "deadline_seconds": 0.5}
PATIENT: dict[str, Any] = {"call_timeout_seconds": 30, "connect_timeout_seconds": 30, "deadline_seconds": 60}
"""For what must succeed on a slow machine too."""
BRIEF = PATIENT | {"deadline_seconds": 0.1}
"""For what is refused at once, again and again until the deadline."""


@pytest.fixture
async def distant(between: tuple[Proxy, str], store: Store, calls: Calls, clock: Clock) -> AsyncIterator[Store]:
    """A store behind the proxy; the fleet has two pools of each of two classes."""
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    opened = Store(StoreSettings(between[1], call_timeout_seconds=30, deadline_seconds=60), calls, clock=clock)
    await opened.sessions.assign(FLEET, "before", None)
    calls.errors.clear()  # the first call on a fresh server finds no library there
    yield opened
    between[0].open.set()
    await opened.close()


@pytest.fixture(params=sorted(SERVERS))
def own(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of the test's own, that it may freeze and kill; its fleet is audited afterwards."""
    # While the disk is busy, a server that syncs once a second answers before it has written: a kill would lose that.
    with own_server(SERVERS[request.param], "--appendfsync", "always") as server:
        yield server
        with server.client() as client:
            assert violations(client, FLEET) == []


@pytest.fixture
async def patient(own: Server, calls: Calls) -> AsyncIterator[Store]:
    """On the test's own server; two pools of each of two classes."""
    opened = Store(StoreSettings(own.url, **PATIENT), calls)
    await create(opened, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    yield opened
    await opened.close()


@pytest.fixture
async def impatient(patient: Store, own: Server, calls: Calls) -> AsyncIterator[Store]:
    """Another on the same server, for what must fail."""
    opened = Store(StoreSettings(own.url, **QUICK), calls)
    yield opened
    await opened.close()
