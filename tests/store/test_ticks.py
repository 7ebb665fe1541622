"""Ticks that several dispatchers share: of two within half a second the second one changes nothing."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from redis import Redis

from slta.models import Ticked
from slta.models.errors import DispatchError, NewerFleetError, UnknownFleetError
from slta.store import Store, StoreSettings
from slta.store._client.functions import FunctionClient
from tests import rawstate
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, TWO_CLASSES, create, field, place, spec
from tests.toy.uniform import LIBRARY

Bytes = dict[str, object]


async def tick(store: Store, fleet: str = FLEET) -> Ticked | DispatchError:
    return (await store.fleets.tick([fleet]))[fleet]


async def is_recent(store: Store) -> bool:
    ticked = await tick(store)
    assert isinstance(ticked, Ticked)
    return ticked.recent


def stored(redis: Redis) -> Bytes:
    return {str(key): redis.dump(key) for key in redis.keys(f"{{{FLEET}}}:*")}


async def other_dispatcher(opening: AsyncExitStack, server: str, clock: Clock) -> Store:
    store = Store(StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60), Calls(), clock=clock)
    opening.push_async_callback(store.close)
    return store


async def test_two_dispatchers_within_half_a_second_write_once(
    store: Store, fleet: None, server: str, opening: AsyncExitStack, clock: Clock, redis: Redis
) -> None:
    other = await other_dispatcher(opening, server, clock)
    assert not await is_recent(store)
    before = stored(redis)
    clock.advance(0.49)
    assert await is_recent(other)
    assert stored(redis) == before
    clock.advance(0.01)
    assert not await is_recent(other)
    assert stored(redis) != before


async def test_a_tick_that_changes_nothing_has_the_stamp_of_the_fleet(store: Store, fleet: None, clock: Clock) -> None:
    functions: FunctionClient = store._functions
    _, full = await functions.send_stamped("tick", FLEET, shared=True)
    await store.sessions.assign(FLEET, "s", None)
    reply, stamp = await functions.send_stamped("tick", FLEET, shared=True)
    assert reply[:3] == ["TICKED", 0, "recent"]
    assert stamp == (full.incarnation, full.revision + 1)


async def test_expired_leases_are_ended_in_half_a_second(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    await store.sessions.assign(FLEET, "s", 2)
    clock.advance(2.9)
    assert not await is_recent(store)
    assert field(redis, "expired") == "0"
    clock.advance(0.2)
    assert not await is_recent(store)
    assert field(redis, "expired") == "1"


async def test_leases_that_are_left_make_no_tick_recent(store: Store, clock: Clock, redis: Redis) -> None:
    await create(store, spec(*TWO_CLASSES, lease=2), {"large": 20})
    await place(store, 80)
    clock.advance(4)
    ticks = [await tick(store) for _ in range(4)]
    assert [(one.remain, one.recent) for one in ticks if isinstance(one, Ticked)] == [
        (True, False),
        (True, False),
        (False, False),
        (False, True),
    ]
    assert field(redis, "expired") == "80"


async def test_a_suspect_fleet_is_never_recent(store: Store, fleet: None, redis: Redis) -> None:
    assert not await is_recent(store)
    rawstate.poke(redis, FLEET, suspect="why")
    for ours in (True, False):
        suspect = await tick(store)
        assert isinstance(suspect, Ticked)
        assert suspect.suspect
        assert suspect.suspect.ours is ours
    rawstate.poke(redis, FLEET, suspect="")


@pytest.mark.parametrize("seconds", [-1.001, -3600, 3600])
async def test_a_tick_takes_a_new_clock(store: Store, fleet: None, clock: Clock, redis: Redis, seconds: float) -> None:
    assert not await is_recent(store)
    clock.advance(seconds)
    assert not await is_recent(store)
    assert float(field(redis, "clock")) == clock.now
    assert await is_recent(store)


async def test_a_fleet_of_the_same_name_is_not_recent(store: Store, fleet: None) -> None:
    assert not await is_recent(store)
    await store.fleets.delete(FLEET)
    await create(store, spec(*TWO_CLASSES), {"small": 2})
    assert not await is_recent(store)


async def test_a_tick_of_another_process_is_not_recent(store: Store, fleet: None, clock: Clock, redis: Redis) -> None:
    """The state is one that another process wrote: it has an incarnation of its own."""
    assert not await is_recent(store)
    rawstate.poke(redis, FLEET, incarnation=int(field(redis, "incarnation")) + 1)
    incarnation = field(redis, "incarnation")
    assert not await is_recent(store)
    assert field(redis, "incarnation") != incarnation


async def test_a_dispatcher_of_another_version_and_this_one_tick_beside_each_other(
    store: Store, fleet: None, server: str, opening: AsyncExitStack, clock: Clock, redis: Redis
) -> None:
    other = Store(StoreSettings(server, call_timeout_seconds=30), Calls(), library=LIBRARY, clock=clock)
    opening.push_async_callback(other.close)
    for _ in range(3):
        clock.advance(0.4)
        assert not await is_recent(other)
        assert float(field(redis, "clock")) == clock.now
        clock.advance(0.4)
        assert not await is_recent(store)


async def test_the_error_of_a_fleet_in_a_packet_concerns_it_only(store: Store, fleet: None, redis: Redis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1}, "newer")
    layout = field(redis, "layout", "newer")
    rawstate.poke(redis, "newer", layout=int(layout) + 1)
    ticked = await store.fleets.tick(["nobody", "newer", FLEET])
    assert list(map(type, ticked.values())) == [UnknownFleetError, NewerFleetError, Ticked]
    rawstate.poke(redis, "newer", layout=layout)


async def test_a_packet_that_finds_no_library_loads_it(store: Store, fleet: None, redis: Redis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1}, "second")
    redis.function_flush()
    ticked = await store.fleets.tick([FLEET, "second"])
    assert list(map(type, ticked.values())) == [Ticked, Ticked]


async def test_a_packet_is_one_call_of_the_client(store: Store, fleet: None, calls: Calls) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1}, "second")
    calls.functions.clear()
    await store.fleets.tick([FLEET, "second"])
    assert calls.functions == [("tick", 2)]
