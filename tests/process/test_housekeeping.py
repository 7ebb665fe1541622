"""What a dispatcher does every second goes on, whatever one fleet, the key file or a defect puts in its way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis

from service.access.keys import Access, generate_key
from service.fleet_file import Specs
from service.metrics import Metrics
from service.process.housekeeping import Housekeeping
from service.store import Store, StoreSettings
from service.store.requirements import Demands
from tests import rawstate
from tests.servers import running_server
from tests.store.fleets import TWO_CLASSES, create, spec

KEYS = "keys:\n  - {id: %s, sha256: %s, scopes: [admin]}\n"


@pytest.fixture
def server() -> Iterator[str]:
    with running_server() as url:
        yield url


@pytest.fixture
def redis(server: str) -> Iterator[Redis]:
    with Redis.from_url(server, encoding="latin-1", decode_responses=True) as client:
        yield client


@pytest.fixture
async def store(server: str) -> AsyncIterator[Store]:
    """With the fleets `a` and `b`."""
    opened = Store(StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60), Metrics())
    for fleet in ("a", "b"):
        await create(opened, spec(*TWO_CLASSES), {"small": 1}, fleet)
    yield opened
    await opened.close()


@asynccontextmanager
async def rounds(store: Store, access: Access) -> AsyncIterator[None]:
    """The tasks of a dispatcher meanwhile."""
    house = Housekeeping(store, Specs(), access, None, None, Demands())
    async with house.under_way(lambda: None):
        yield


async def until_ticked(store: Store, redis: Redis, fleet: str) -> None:
    """Looks again and again."""
    while not ticked(redis, fleet):
        await store.check()


def ticked(redis: Redis, fleet: str) -> bool:
    return bool(redis.exists(f"{{{fleet}}}:past:60"))


async def test_a_fleet_that_cannot_be_ticked_keeps_no_other_from_its_tick(store: Store, redis: Redis) -> None:
    rawstate.poke(redis, "a", layout=99)
    async with rounds(store, Access.open()):
        await until_ticked(store, redis, "b")
    assert not ticked(redis, "a")


async def test_it_ends_also_while_a_call_is_under_way(store: Store, redis: Redis) -> None:
    for _ in range(5):
        redis.delete("{b}:past:60")
        async with rounds(store, Access.open()):
            await until_ticked(store, redis, "b")  # the reply to this tick is on its way


async def test_a_defect_in_one_round_does_not_end_the_rounds(
    store: Store, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.fleets, "names", _failing_once(store.fleets.names))
    async with rounds(store, Access.open()):
        await until_ticked(store, redis, "b")


def _failing_once(names: Callable[[], Awaitable[list[str]]]) -> Callable[[], Awaitable[list[str]]]:
    defects = [ZeroDivisionError("a defect")]

    async def fail_once() -> list[str]:
        if defects:
            raise defects.pop()
        return await names()

    return fail_once


async def test_an_unusable_key_file_ends_neither_the_keys_nor_the_rounds(
    store: Store, redis: Redis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, entry = generate_key({"admin"})
    file = tmp_path / "keys.yaml"
    file.write_text(KEYS % (entry.id, entry.sha256))
    access = Access.load(file)
    file.write_text("keys: [nonsense")
    async with rounds(store, access):
        await until_ticked(store, redis, "b")
    said = capsys.readouterr().out
    assert ("file_not_reloaded" in said, "round_failed" in said) == (True, False)
    holder = access.identify(f"Bearer {key}")
    assert holder is not None
    assert holder.key_id == entry.id
