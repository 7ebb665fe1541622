"""The memory of the library in the server, which keeps what it has derived from fleets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest
from redis import Redis

from slta.core.policies import PLACING
from slta.models import errors
from slta.store import Store, StoreSettings
from slta.store.library import Library, assemble
from testbed.in_process import tick
from testbed.servers import own_server
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, TWO_CLASSES, begin_in_another_process, create, field, pool_class, spec
from tests.toy.uniform import LIBRARY

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
    begin_in_another_process(redis)
    for _ in range(2):
        with pytest.raises(errors.FleetInUseError):
            await store.fleets.delete(FLEET)
    await store.sessions.assign(FLEET, "t", None)
    assert len(field(redis, "incarnations").split()) == 2


# Two versions in one server


@pytest.fixture
async def other(server: str, calls: Calls, clock: Clock) -> AsyncIterator[Store]:
    """A store whose library is of another version, with a memory of its own."""
    settings = StoreSettings(server, connect_timeout_seconds=5, call_timeout_seconds=30, deadline_seconds=60)
    opened = Store(settings, calls, library=LIBRARY, draw=Random(2).random, clock=clock)
    yield opened
    await opened.close()


@pytest.mark.parametrize("policy", sorted(PLACING))
async def test_each_version_sees_what_the_other_one_changed_at_the_same_instant(
    store: Store, other: Store, redis: Redis, policy: str
) -> None:
    await create(store, spec(*TWO_CLASSES, policy=policy), {"small": 2, "large": 2})
    for k in range(8):
        await (store, other)[k % 2].sessions.assign(FLEET, f"s-{k}", None)
        await (store, other)[k % 3 % 2].sessions.assign(FLEET, f"t-{k}", None)
        await (other, store)[k % 2].sessions.complete(FLEET, f"s-{k}")
    assert field(redis, "sessions") == "8"
    assert violations(redis, FLEET) == []


async def test_each_version_sees_that_the_other_one_went_on_in_time(
    store: Store, other: Store, fleet: None, redis: Redis, clock: Clock
) -> None:
    await tick(store, FLEET)
    before = int(field(redis, "time"))
    for one in (other, store) * 2:
        clock.advance(3)
        await tick(one, FLEET)
    assert int(field(redis, "time")) - before == 12_000_000, "of a gap of 6 s only 5 s would count"


async def test_a_fleet_that_the_other_version_made_anew_at_the_same_instant_is_not_taken_for_the_one_before(
    store: Store, other: Store, redis: Redis
) -> None:
    await create(other, spec(*TWO_CLASSES, policy="jlmu"), {"small": 2, "large": 2})
    await other.sessions.assign(FLEET, "s", None)
    redis.flushall()
    await create(store, spec(*TWO_CLASSES, policy="slta"), {"small": 2, "large": 2})
    assert (await other.sessions.assign(FLEET, "s", None)).token == "yellow"
    assert violations(redis, FLEET) == []
