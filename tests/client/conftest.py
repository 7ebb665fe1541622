"""A real dispatcher with its embedded store, and a fleet for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from testbed.gate import Gate
from testbed.live_fleet import Fleet
from testbed.service_process import ServiceProcess
from tests.client.scripted import Scripted

NewFleet = Callable[..., Fleet]


@pytest.fixture
def new_fleet(shared_service: ServiceProcess) -> NewFleet:
    """Makes fleets on the dispatcher that stays."""

    def new(**size: int) -> Fleet:
        return Fleet.create(shared_service, **size)

    return new


@pytest.fixture
def fleet(new_fleet: NewFleet) -> Fleet:
    """Pools with room for all."""
    return new_fleet()


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def between(shared_service: ServiceProcess) -> AsyncIterator[Gate]:
    """A gate before the dispatcher."""
    async with Gate(shared_service.port) as made:
        yield made
