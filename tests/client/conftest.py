"""A real dispatcher with its embedded store, and a fleet for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from tests.client.fleets import Fleet
from tests.client.gate import Gate, gate
from tests.service_process import ServiceProcess


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def fleet(shared_service: ServiceProcess) -> Fleet:
    """Pools with room for all."""
    return Fleet.create(shared_service, f"f-{uuid4().hex[:8]}")


@pytest.fixture
async def between(shared_service: ServiceProcess) -> AsyncIterator[Gate]:
    """A gate before the dispatcher."""
    async with gate(shared_service.port) as made:
        yield made
