"""A dispatcher repairs a suspect fleet beside its ticks, or says in its log and its metrics why it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from unittest.mock import AsyncMock

import pytest
from redis import Redis

from slta.fleet_file import Specs, parse_document
from slta.fleet_file.applying import apply_fleet
from slta.metrics import Metrics
from slta.models import Suspect
from slta.models.errors import StoreUnavailableError, UnknownFleetError
from slta.runtime import jobs
from slta.runtime.jobs import AutomaticRepairs
from slta.store import Store
from testbed.in_process import TINY
from testbed.servers import SERVERS, running_server
from tests import rawstate
from tests.audit import violations
from tests.expositions import scrape
from tests.runtime.conftest import Opening, dispatching

FLEET = TINY | {"classes": [one | {"pools": 8} for one in TINY["classes"]], "lease_seconds": 300}
SESSIONS = 40
Shown = Callable[[], Awaitable[list[str]]]


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    with running_server(SERVERS[request.param]) as url:
        yield url


@pytest.fixture
async def store(opening: Opening) -> Store:
    """With the fleets `f` and `g`, and sessions on `f`."""
    opened = opening()
    for fleet in ("f", "g"):
        await apply_fleet(opened, Specs(), fleet, parse_document(json.dumps(FLEET)))
    await asyncio.gather(*(opened.sessions.assign("f", f"s{k}", None) for k in range(SESSIONS)))
    return opened


@pytest.fixture
async def blocked(opening: Opening, store: Store) -> AsyncIterator[Shown]:
    """Two dispatchers look after the fleets; the series of one that say whether a repair is blocked."""
    metrics = Metrics()

    async def shown() -> list[str]:
        lines = (await scrape(metrics, store)).splitlines()
        return [line for line in lines if line.startswith("slta_repair_blocked")]

    async with dispatching(opening(), metrics=metrics), dispatching(opening(), metrics=metrics):
        yield shown


class Log:
    """What the dispatchers have said so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str], store: Store) -> None:
        self._capsys = capsys
        self._store = store
        self.text = ""

    async def until(self, word: str) -> str:
        while word not in self.text:
            await self._store.fleets.names()
            self.text += self._capsys.readouterr().out
        return self.text


@pytest.fixture
def log(store: Store, capsys: pytest.CaptureFixture[str]) -> Log:
    return Log(capsys, store)


async def test_a_fleet_that_lost_its_state_is_whole(store: Store, redis: Redis, blocked: Shown, log: Log) -> None:
    redis.delete("{f}:fleet")
    await log.until("fleet_repaired")
    assert redis.hlen("{f}:sessions") == SESSIONS
    assert len((await store.pools.page("f", None, 100)).pools) == 16
    assert not redis.exists("{f}:aside")
    assert violations(redis, "f") == []


async def test_a_repair_that_fails_is_tried_again_until_its_fleet_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = AsyncMock(side_effect=[StoreUnavailableError, UnknownFleetError])
    monkeypatch.setattr(jobs, "repair_suspect", tried)
    no_store: Any = None
    repairs = AutomaticRepairs(no_store, Specs(), lambda *_: None)
    repairs.claimed("f")
    for is_idle in (False, True):
        await repairs.round()
        assert repairs.is_idle is is_idle


def test_each_change_of_whether_a_repair_is_blocked_is_shown_once() -> None:
    shown: list[object] = []
    no_store: Any = None
    repairs = AutomaticRepairs(no_store, Specs(), lambda *given: shown.append(given))
    for suspect in (None, None, Suspect(ours=False, blocked="why"), Suspect(ours=False, blocked="why"), None):
        repairs.ticked("f", suspect)
    repairs.keep_only([])
    assert shown == [("f", False), ("f", True), ("f", False), ("f", None)]


@pytest.mark.slow
async def test_a_suspect_one_without_a_document_is_blocked_until_it_has_one(
    store: Store, redis: Redis, blocked: Shown, log: Log
) -> None:
    redis.delete("{f}:document")
    rawstate.poke(redis, "f", suspect="an error inside an operation")
    assert "its document is missing or unreadable" in await log.until("repair_blocked")
    assert 'slta_repair_blocked{fleet="f"} 1.0' in await blocked()
    assert (await store.sessions.complete("f", "s1")).outcome == "completed"
    assert redis.hlen("{f}:sessions") == SESSIONS - 1
    redis.copy("{g}:document", "{f}:document")
    redis.function_flush()  # else a minute later
    await log.until("fleet_repaired")
    assert violations(redis, "f") == []
    while 'slta_repair_blocked{fleet="f"} 0.0' not in await blocked():
        pass


async def test_one_that_lost_its_document_only_is_blocked(store: Store, redis: Redis, blocked: Shown, log: Log) -> None:
    redis.delete("{f}:document")
    assert "its document is missing or unreadable" in await log.until("repair_blocked")
    assert 'slta_repair_blocked{fleet="f"} 1.0' in await blocked()


@pytest.mark.slow
async def test_what_is_set_aside_is_logged_by_name(store: Store, redis: Redis, blocked: Shown, log: Log) -> None:
    redis.hset("{f}:records", "ghost", "rubbish")
    rawstate.poke(redis, "f", suspect="an error inside an operation")
    said = await log.until("fleet_repaired")
    assert "records_set_aside" in said
    assert "ghost" in said
    await store.fleets.delete("g")
    while await blocked() != ['slta_repair_blocked{fleet="f"} 0.0']:
        pass
