"""Session types under load: sets are widened, the master fails, and no session is refused or changes its type."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.models import errors
from slta.store import Store, StoreSettings
from testbed.awaiting import eventually
from testbed.sentinels import Group, group, sentinel_url, until, watching
from testbed.servers import TextRedis
from tests.audit import violations
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, LARGE, SMALL, create, pool_class
from tests.store.moving import opened
from tests.store.test_rollback import counted, cut_off, promote, second_passes

CLASSES = tuple(pool_class(name, curve, 200) for name, curve in {"small": SMALL, "large": LARGE, "gpu": LARGE}.items())
TYPED = FleetSpec(
    CLASSES, policy=POLICIES["jlmu"], lease_seconds=600, session_types={"chat": ["small", "large"], "video": ["large"]}
)
POOLS = dict.fromkeys(("small", "large", "gpu"), 4)
AWAY = (errors.StoreUnavailableError, errors.OutcomeUnknownError)


@dataclass
class Load:
    """Sessions that begin and end all the time, eight at once; those that are acknowledged and not ended, by type."""

    store: Store
    acknowledged: dict[str, str] = field(default_factory=dict)
    ends: bool = False
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def one(self) -> None:
        while not self.ends:
            number = next(self.numbers)
            kind = ("default", "chat", "video")[number % 3]
            with suppress(*AWAY):
                await self.store.sessions.assign(FLEET, f"s{number}", None, session_type=kind)
                self.acknowledged[f"s{number}"] = kind
            if number % 4 == 0 and (id_ := f"s{number - 16}") in self.acknowledged:
                del self.acknowledged[id_]
                await self.end(id_)

    async def end(self, id_: str) -> None:
        """End it, however often the store is away or recovers."""
        try:
            await self.store.sessions.complete(FLEET, id_)
        except (*AWAY, errors.RecoveringError):
            await asyncio.sleep(0.01)
            await self.end(id_)

    async def more(self, count: int) -> None:
        """Until so many more are acknowledged."""
        first = len(self.acknowledged)
        await eventually(lambda: len(self.acknowledged) >= first + count)


@asynccontextmanager
async def load(store: Store) -> AsyncIterator[Load]:
    made = Load(store)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(made.one())
        yield made
        made.ends = True


async def check(store: Store) -> None:
    """What a dispatcher does to find the master, and to put back what it lacks."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_often(store.check))
        tasks.create_task(_often(store.recover))


async def _often(work: Callable[[], Awaitable[object]]) -> None:
    while True:
        await work()
        await asyncio.sleep(0.1)


async def kept(store: Store, acknowledged: dict[str, str]) -> dict[str, str]:
    """The types that these sessions have now."""
    return {id_: (await store.sessions.get(FLEET, id_)).session_type for id_ in acknowledged}


async def test_sets_that_are_widened_under_load_refuse_nobody(store: Store, redis: TextRedis) -> None:
    await create(store, TYPED, POOLS)
    wider = {"chat": ["small", "large"], "video": ["large", "gpu"]}
    async with load(store) as running:
        for types in (wider, wider | {"train": ["gpu"]}, {"video": ["small", "large", "gpu"], **wider}):
            await running.more(40)
            await store.fleets.configure(FLEET, replace(TYPED, session_types=types), "{}")
        await running.more(40)
    assert await kept(store, running.acknowledged) == running.acknowledged
    assert violations(redis, FLEET) == []


async def test_sessions_that_a_replica_lacks_are_put_back_with_types(pair: Group, opening: AsyncExitStack) -> None:
    store = await opened(opening, pair.url(0))
    await create(store, TYPED, POOLS)
    await second_passes(store)
    async with load(store) as running:
        await running.more(60)
        cut_off(pair)
        await running.more(60)
        pair.servers[0].kill()
        promote(pair)
        await store.move(pair.ports[1])
        recovering = asyncio.create_task(_often(store.recover))
        await running.more(60)
    recovering.cancel()
    for _ in range(2):
        await second_passes(store)
    assert (await counted(store))[0] == 1, "it went back"
    assert await kept(store, running.acknowledged) == running.acknowledged
    with pair.servers[1].client() as redis:
        assert violations(redis, FLEET) == []


@pytest.mark.slow
async def test_the_types_survive_a_failover_by_sentinels_under_load(tmp_path: Path, binary: str) -> None:
    with group(tmp_path, binary, 3) as servers, watching(tmp_path, binary, servers) as sentinels:
        store = Store(StoreSettings(sentinel_url([one.port for one in sentinels])), Calls())
        await create(store, TYPED, POOLS)
        await second_passes(store)
        async with load(store) as running:
            await running.more(60)
            until(lambda: servers.follows(1, 0) and servers.follows(2, 0))
            servers.servers[0].kill()
            checking = asyncio.create_task(check(store))
            await running.more(200)
        checking.cancel()
        for _ in range(2):
            await second_passes(store)
        assert await kept(store, running.acknowledged) == running.acknowledged
        await store.close()
