"""A dispatcher repairs a suspect fleet beside its ticks, or says in its log and its metrics why it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from redis import Redis

from slta.auth.keys import Access
from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.metrics import Metrics
from slta.runtime.background import BackgroundTasks
from slta.store import Store, StoreSettings
from slta.store.client.preflight import ServerRequirements
from tests.audit import violations
from tests.in_process import TINY
from tests.servers import SERVERS, running_server

FLEET = TINY | {"classes": [one | {"pools": 8} for one in TINY["classes"]], "lease_seconds": 300}
SESSIONS = 40
Shown = Callable[[], Awaitable[list[str]]]


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    with running_server(SERVERS[request.param]) as url:
        yield url


@pytest.fixture
def redis(server: str) -> Iterator[Redis]:
    with Redis.from_url(server, encoding="latin-1", decode_responses=True) as client:
        yield client


@pytest.fixture
async def store(server: str) -> AsyncIterator[Store]:
    """With the fleets `f` and `g`, and sessions on `f`."""
    opened = Store(StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60), Metrics())
    for fleet in ("f", "g"):
        await apply_fleet(opened, Specs(), fleet, parse_document(json.dumps(FLEET)))
    await asyncio.gather(*(opened.sessions.assign("f", f"s{k}", None) for k in range(SESSIONS)))
    yield opened
    await opened.close()


@pytest.fixture
async def blocked(server: str, store: Store) -> AsyncIterator[Shown]:
    """Two dispatchers look after the fleets; the series of one that say whether a repair is blocked."""
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        for _ in range(2):
            opened = Store(StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60), metrics)
            stack.push_async_callback(opened.close)
            house = BackgroundTasks(opened, Specs(), Access.open(), None, None, ServerRequirements(), metrics)
            await stack.enter_async_context(house.under_way(lambda: None))

        async def shown() -> list[str]:
            pieces, _ = await metrics.render(store, Specs(), "")
            text = b"".join([piece async for piece in pieces]).decode()
            return [line for line in text.splitlines() if line.startswith("slta_repair_blocked")]

        yield shown


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Asks again and again; each time the store is asked."""
    while not await true():
        pass


class Log:
    """What the dispatchers have said so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str], store: Store) -> None:
        self._capsys = capsys
        self._store = store
        self.text = ""

    async def until(self, word: str) -> str:
        async def is_said() -> bool:
            await self._store.fleets.names()
            self.text += self._capsys.readouterr().out
            return word in self.text

        await until(is_said)
        return self.text


@pytest.fixture
def log(store: Store, capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys, store)


async def test_a_fleet_that_lost_its_fields_is_whole_again_and_no_session_is_lost(
    store: Store, redis: Redis, blocked: Shown, log: Log
) -> None:
    redis.delete("{f}:cold")
    await log.until("fleet_repaired")
    assert redis.hlen("{f}:sessions") == SESSIONS
    assert len((await store.pools.page("f", None, 100)).pools) == 16
    assert not redis.exists("{f}:aside")
    assert violations(redis, "f") == []


@pytest.mark.slow
async def test_one_that_lost_its_document_too_is_said_to_be_blocked_until_it_has_one(
    store: Store, redis: Redis, blocked: Shown, log: Log
) -> None:
    redis.delete("{f}:cold", "{f}:document")
    assert "its document is missing or unreadable" in await log.until("repair_blocked")
    assert 'slta_repair_blocked{fleet="f"} 1.0' in await blocked()
    assert (await store.sessions.complete("f", "s1")).outcome == "completed"
    assert redis.hlen("{f}:sessions") == SESSIONS - 1
    redis.set("{f}:document", redis.get("{g}:document"))
    redis.hset("{f}:repair", "claimed", "1")
    await log.until("fleet_repaired")
    assert violations(redis, "f") == []

    async def is_unblocked() -> bool:
        return 'slta_repair_blocked{fleet="f"} 0.0' in await blocked()

    await until(is_unblocked)


@pytest.mark.slow
async def test_what_is_set_aside_is_named_and_the_series_of_a_fleet_goes_with_it(
    store: Store, redis: Redis, blocked: Shown, log: Log
) -> None:
    redis.hset("{f}:pools", "ghost", "rubbish")
    redis.hset("{f}:cold", "suspect", "an error inside an operation")
    said = await log.until("fleet_repaired")
    assert "records_set_aside" in said
    assert "ghost" in said
    await store.fleets.delete("g")

    async def is_gone() -> bool:
        return await blocked() == ['slta_repair_blocked{fleet="f"} 0.0']

    await until(is_gone)
