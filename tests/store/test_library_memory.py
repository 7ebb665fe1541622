"""The memory of the library in the server, which keeps what it has derived from fleets."""

from __future__ import annotations

import pytest
from redis import Redis

from slta.models import errors
from slta.store import Store, StoreSettings
from slta.store.library import Library, assemble
from testbed.in_process import tick
from testbed.servers import own_server
from tests import rawstate
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, create, field, pool_class, spec

MOST = "MAX_LEVELS = 524288"


@pytest.mark.parametrize("deleting", [True, False], ids=["deleted", "beyond the limit"])
async def test_it_does_not_grow_with_the_fleets_that_were_used(binary: str, calls: Calls, deleting: bool) -> None:
    source, digest = assemble()
    assert source.count(MOST) == 1
    narrow = source.replace(MOST, MOST if deleting else "MAX_LEVELS = 5000").replace(digest, "00000000")
    taken = []
    with own_server(binary) as server, server.client() as redis:
        store = Store(StoreSettings(server.url, deadline_seconds=60), calls, library=Library(narrow, "00000000"))
        for k in range(300):
            await create(store, spec(pool_class("small", capacity=1)), {"small": 1}, f"f-{k}")
            await tick(store, f"f-{k}")
            if deleting:
                await store.fleets.delete(f"f-{k}")
            taken.append(redis.info("memory")["used_memory_vm_functions"])
        await store.close()
    assert max(taken[150:]) - max(taken[:150]) < 600_000, (
        "150 fleets take 1.3 MB, and what is no longer used goes later"
    )


async def test_a_refused_change_leaves_nothing_of_an_incarnation_that_it_began(
    store: Store, fleet: None, redis: Redis
) -> None:
    await store.sessions.assign(FLEET, "s", None)
    incarnation, _, fork = field(redis, "incarnations").split()[-1].split(":")
    rawstate.poke(redis, FLEET, incarnations=f"{incarnation}:1:{fork}")  # of another process
    redis.function_flush()
    for _ in range(2):
        with pytest.raises(errors.FleetInUseError):
            await store.fleets.delete(FLEET)
    await store.sessions.assign(FLEET, "t", None)
    assert len(field(redis, "incarnations").split()) == 2
