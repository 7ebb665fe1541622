"""The memory of the library in the server, which keeps what it has derived from fleets."""

from __future__ import annotations

import pytest

from slta.store import Store, StoreSettings
from slta.store.library import Library, assemble
from tests.servers import own_server
from tests.store.conftest import Calls
from tests.store.fleets import create, pool_class, spec

MOST = "MAX_LEVELS = 524288"


@pytest.mark.parametrize("deleting", [True, False], ids=["deleted", "beyond the limit"])
async def test_it_does_not_grow_with_the_fleets_that_were_used(binary: str, calls: Calls, deleting: bool) -> None:
    source, digest = assemble()
    assert source.count(MOST) == 1
    narrow = source.replace(MOST, MOST if deleting else "MAX_LEVELS = 5000").replace(digest, "00000000")
    taken = []
    with own_server(binary) as server, server.client() as redis:
        store = Store(StoreSettings(server.url, deadline_seconds=60), calls, library=Library(narrow, "00000000"))
        for k in range(600):
            await create(store, spec(pool_class("small", capacity=1)), {"small": 1}, f"f-{k}")
            await store.fleets.tick(f"f-{k}")
            if deleting:
                await store.fleets.delete(f"f-{k}")
            taken.append(redis.info("memory")["used_memory_vm_functions"])
        await store.close()
    assert max(taken[200:]) - max(taken[:200]) < 500_000, "600 fleets take 3 to 9 MB"
