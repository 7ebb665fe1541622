"""A real dispatcher with its embedded store, and a fleet for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from uuid import uuid4

import httpx
import pytest

from tests.client.fleets import Fleet
from tests.client.gate import Gate, gate
from tests.service_process import ServiceProcess

NewFleet = Callable[..., Fleet]


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10) as made:
        yield made


@pytest.fixture
def new_fleet(shared_service: ServiceProcess, http: httpx.Client) -> NewFleet:
    """Makes fleets on the dispatcher that stays."""

    def new(**size: int) -> Fleet:
        return Fleet.create(shared_service, http, f"f-{uuid4().hex[:8]}", **size)

    return new


@pytest.fixture
def fleet(new_fleet: NewFleet) -> Fleet:
    """Pools with room for all."""
    return new_fleet()


@pytest.fixture
async def between(shared_service: ServiceProcess) -> AsyncIterator[Gate]:
    """A gate before the dispatcher."""
    async with gate(shared_service.port) as made:
        yield made
