"""Many pools drain, return or fail in one call: all of them or none, with one event."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis import Redis

from slta.models import Snapshot, errors
from slta.models.request_record import Author, Facts
from slta.store import Store, StoreSettings
from slta.store.library import Library, assemble
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, TWO_CLASSES, all_pools, create, everything, place, spec, unchanged

LARGE = [f"large-{k}" for k in range(3)]
LIMITS = "MAX_POOLS, MAX_SESSIONS = "


@pytest.fixture
async def fleet(store: Store) -> None:
    """Three pools of a class `small` and three of `large`, with 15 sessions."""
    await create(store, spec(*TWO_CLASSES), {"small": 3, "large": 3})
    await place(store, 15)


@pytest.fixture
async def narrow(server: str, redis: Redis, clock: Clock, calls: Calls) -> AsyncIterator[Store]:
    """A store that changes at most 4 pools with 8 sessions in one call."""
    source, digest = assemble()
    assert source.count(f"{LIMITS}1000, 50000") == 1
    source = source.replace(f"{LIMITS}1000, 50000", f"{LIMITS}4, 8").replace(digest, "00000000")
    opened = Store(StoreSettings(server), calls, clock=clock, library=Library(source, "00000000"))
    yield opened
    await opened.close()


def totals(snapshot: Snapshot) -> list[object]:
    return [snapshot.sessions, snapshot.utility, snapshot.optimum, [c.counts for c in snapshot.classes]]


async def statuses(store: Store) -> dict[str, str]:
    return {pool.pool_id: pool.status for pool in await all_pools(store)}


async def test_one_pool_that_does_not_exist_leaves_the_others_be(store: Store, fleet: None, redis: Redis) -> None:
    with unchanged(redis), pytest.raises(errors.UnknownPoolError) as refused:
        await store.pools.set_statuses(FLEET, "draining", ["large-0", "nowhere", "large-1"])
    assert refused.value.context == {"name": "nowhere"}


async def test_an_unknown_class_is_refused(store: Store, fleet: None) -> None:
    with pytest.raises(errors.UnknownClassError) as refused:
        await store.pools.set_statuses(FLEET, "draining", "nothing")
    assert refused.value.context == {"name": "nothing"}


@pytest.mark.parametrize(
    ("pools", "sessions", "selection", "size"),
    [
        ({"large": 4, "small": 5}, 0, "small", "5 pools"),
        ({"large": 5}, 10, ["large-0", "large-1", "large-2", "large-3", "large-4"], "10 sessions"),
    ],
)
async def test_a_change_beyond_the_limits_is_refused_with_its_size(
    narrow: Store, redis: Redis, pools: dict[str, int], sessions: int, selection: str | list[str], size: str
) -> None:
    await create(narrow, spec(*TWO_CLASSES, policy="jlmu"), pools)
    await place(narrow, sessions)
    with unchanged(redis), pytest.raises(errors.ChangeTooLargeError) as refused:
        await narrow.pools.set_statuses(FLEET, "draining", selection)
    assert refused.value.context == {"size": size}


async def test_a_change_at_the_limits_is_made(narrow: Store) -> None:
    await create(narrow, spec(*TWO_CLASSES, policy="jlmu"), {"large": 4})
    await place(narrow, 8)
    assert len((await narrow.pools.set_statuses(FLEET, "draining", "large")).changed) == 4


async def test_many_changes_are_one_event_with_their_number_and_the_first_ids(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 7})
    who, before = Author("r-1", "ops", "192.0.2.7"), len(await store.fleets.events(FLEET))
    await store.pools.set_statuses(FLEET, "draining", "small", who)
    newest, *older = await store.fleets.events(FLEET)
    assert len(older) == before
    assert (newest.action, newest.pool_id, newest.pools) == ("set_status", None, 7)
    assert newest.pool_ids == [f"small-{k}" for k in range(5)]
    assert newest.before == Facts(pool_class="small", status="active")
    assert newest.after == Facts(pool_class="small", status="draining")
    assert who.events == [newest]


async def test_an_event_of_unlike_pools_leaves_out_in_what_they_differ(store: Store, fleet: None) -> None:
    await store.pools.set_status(FLEET, "large-0", "draining")
    await store.pools.set_statuses(FLEET, "failed", ["large-0", "small-0"])
    newest, *_ = await store.fleets.events(FLEET)
    assert (newest.before, newest.after) == (Facts(), Facts(status="failed"))


async def test_two_changes_of_one_request_are_two_events(store: Store, fleet: None) -> None:
    author = Author("r-1")
    for status in ("draining", "active"):
        await store.pools.set_statuses(FLEET, status, LARGE, author)
    returned, drained, *_ = await store.fleets.events(FLEET)
    assert [(event.pools, event.after) for event in (drained, returned)] == [
        (3, Facts(pool_class="large", status="draining")),
        (3, Facts(pool_class="large", status="active")),
    ]
    assert author.events == [drained, returned]


async def test_a_change_of_nothing_is_no_event(store: Store, fleet: None, redis: Redis) -> None:
    before = [everything(redis), await store.fleets.events(FLEET)]
    assert (await store.pools.set_statuses(FLEET, "active", "large")).changed == []
    assert [everything(redis), await store.fleets.events(FLEET)] == before
