"""Every store test runs on every server found, and leaves fleets whose invariants hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from redis import Redis

from slta.store import Store, StoreSettings
from slta.store.fleets import FLEETS_KEY
from testbed.in_process import StatedClock
from testbed.sentinels import Group, group
from testbed.servers import SERVERS, Server, own_server
from testbed.stores import connect_as_text, running_store
from tests.audit import violations
from tests.store.fleets import FLEET, TWO_CLASSES, create, spec

Clock = StatedClock


@dataclass
class Calls:
    """What a store observed of its calls."""

    functions: list[tuple[str, int]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: Counter[str] = field(default_factory=Counter)

    def call(self, function: str, seconds: float, operations: int) -> None:  # noqa: ARG002
        self.functions.append((function, operations))

    def error(self, kind: str) -> None:
        self.errors.append(kind)

    def not_restored(self, kind: str, reason: str, changes: int) -> None:
        self.lost[kind, reason] += changes

    def sampled(self, outcome: str, count: int) -> None:
        self.samples[outcome] += count


@pytest.fixture
async def opening() -> AsyncIterator[AsyncExitStack]:
    """What a test opens is closed with it."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture(scope="session", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a running server of each kind."""
    with running_store(SERVERS[request.param]) as url:
        yield url


@pytest.fixture(params=sorted(SERVERS))
def binary(request: pytest.FixtureRequest) -> str:
    return SERVERS[request.param]


@pytest.fixture
def own(binary: str) -> Iterator[Server]:
    """A server that a test may stop, and the audit of the fleet that it leaves behind."""
    with own_server(binary, "--appendfsync", "always") as server:
        yield server
        with server.client() as client:
            assert violations(client, FLEET) == []


@pytest.fixture
def pair(tmp_path: Path, binary: str) -> Iterator[Group]:
    """A master and its replica, which a test may freeze."""
    with group(tmp_path, binary, 2) as made:
        yield made
        with suppress(ProcessLookupError):  # a test has killed it
            made.servers[1].thaw()


@pytest.fixture
def redis(server: str) -> Iterator[Redis]:
    """An empty server through plain commands, and the audit of every fleet that a test leaves behind."""
    with connect_as_text(server) as client:
        client.flushall()
        yield client
        for fleet in client.smembers(FLEETS_KEY):
            if client.exists(f"{{{fleet}}}:fleet"):
                assert violations(client, fleet) == []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
async def store(server: str, redis: Redis, clock: Clock, calls: Calls) -> AsyncIterator[Store]:
    """A store that is patient with a slow machine, whose clock stands still unless the test moves it."""
    settings = StoreSettings(server, connect_timeout_seconds=5, call_timeout_seconds=30, deadline_seconds=60)
    opened = Store(settings, calls, draw=Random(1).random, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def fleet(store: Store) -> None:
    """Two pools of a class `small` and two of `large`; ended ids are kept for 600 seconds."""
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
