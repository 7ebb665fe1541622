"""A fleet file, the options of a service that has it; and a server, stores and dispatchers of one test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

import pytest
from redis import Redis

from slta.auth.keys import Access
from slta.calculations.client import Calculator
from slta.fleet_file import LoadedFleet, Specs
from slta.metrics import Metrics
from slta.runtime.background import BackgroundTasks
from slta.runtime.jobs import AutomaticRepairs, SelfAudits
from slta.runtime.ticks import Ticks
from slta.runtime.type_bounds import TypeBounds
from slta.store import Store, StoreSettings
from slta.store._client.preflight import ServerRequirements
from testbed.servers import running_server
from testbed.service_process import FLEET
from tests.store.fleets import TWO_CLASSES, create, spec

Opening = Callable[[], Store]


@pytest.fixture
def fleet_file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


@pytest.fixture
def options(tmp_path: Path, fleet_file: Path) -> list[str]:
    return [str(fleet_file)]


@pytest.fixture
def server() -> Iterator[str]:
    with running_server() as url:
        yield url


@pytest.fixture
def redis(server: str) -> Iterator[Redis]:
    with Redis.from_url(server, encoding="latin-1", decode_responses=True) as client:
        yield client


@pytest.fixture
async def opening(server: str) -> AsyncIterator[Opening]:
    """Patient stores, each as another dispatcher has it."""
    async with AsyncExitStack() as stack:

        def opened() -> Store:
            made = Store(StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60), Metrics())
            stack.push_async_callback(made.close)
            return made

        yield opened


@pytest.fixture
async def store(opening: Opening) -> Store:
    """With the fleets `a` and `b`, and a session `s` on each."""
    opened = opening()
    for fleet in ("a", "b"):
        await create(opened, spec(*TWO_CLASSES), {"small": 1}, fleet)
        await opened.sessions.assign(fleet, "s", None)
    return opened


def ticks_of(store: Store, audits: SelfAudits | None = None, vanished: Callable[[str], None] = lambda _: None) -> Ticks:
    """Ticks without a dispatcher around them."""
    repairs = AutomaticRepairs(store, Specs(), lambda *_: None)
    queue = audits or SelfAudits(store, Specs(), lambda _: None)
    return Ticks(store, repairs, queue, TypeBounds(store, Specs(), Calculator()), vanished)


def dispatching(
    store: Store, access: Access | None = None, metrics: Metrics | None = None, file: LoadedFleet | None = None
) -> AbstractAsyncContextManager[None]:
    """The tasks of a dispatcher meanwhile."""
    given = access or Access.open(), None, file, ServerRequirements(), metrics or Metrics()
    return BackgroundTasks(store, Specs(), *given).under_way(lambda: None)
