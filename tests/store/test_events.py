"""Who changed what: written in the same step as the change, at most a hundred, and never in a change's way."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import get_args

import pytest

from slta.api.http.openapi import ERRORS
from slta.models import PoolSpec, errors
from slta.models.request_record import MAX_WORD, Action, Author, Event, Facts
from slta.store import Store
from slta.store._outcomes import REFUSALS
from testbed.servers import TextRedis
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, TWO_CLASSES, create, end, findings, place, repair, spec

KEY = f"{{{FLEET}}}:events"
CHANGES = {
    *(errors.PoolInOtherClassError, errors.PoolLimitError, errors.PoolNotEmptyError, errors.FleetInUseError),
    *(errors.ClassInUseError, errors.CapacityBelowOccupancyError, errors.SessionTypeInUseError),
    errors.VersionMismatchError,
}
SESSIONS = {
    *(errors.SessionEndedError, errors.StaleReportError, errors.UtilitiesChangedError, errors.FleetObservesError),
    *(errors.OverCapacityError, errors.IncompatibleError, errors.ReportedPoolUnknownError, errors.WouldSetAsideError),
}
"""Refused with 409 too, and no changes of a fleet."""


def author(request_id: str = "r-1") -> Author:
    return Author(request_id, "ops", "192.0.2.7")


def told(events: list[Event]) -> list[tuple[str, str, str | None]]:
    return [(event.action, event.outcome, event.pool_id) for event in events]


async def test_each_change_is_told_with_what_was_before_and_after(store: Store, clock: Clock) -> None:
    who = author()
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}", author=who)
    clock.advance(1)
    await store.pools.move(FLEET, PoolSpec("p", "small"), who)
    await store.pools.move(FLEET, PoolSpec("p", "large"), who)
    await store.pools.set_status(FLEET, "p", "draining", who)
    await store.pools.remove(FLEET, "p", who)
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES, policy="jlmu"), "{}", author=who)
    found = (await store.fleets.events(FLEET))[::-1]
    small, large = Facts(pool_class="small", status="active"), Facts(pool_class="large", status="active")
    draining = Facts(pool_class="large", status="draining")
    one, two = Facts(config_version=1, policy="slta"), Facts(config_version=2, policy="jlmu")
    assert [(event.action, event.pool_id, event.before, event.after) for event in found] == [
        ("put_fleet", None, None, one),
        ("add_pools", "p", None, small),
        ("move_pool", "p", small, large),
        ("set_status", "p", large, draining),
        ("remove_pool", "p", draining, None),
        ("put_fleet", None, one, two),
    ]
    assert {(event.outcome, event.request_id, event.key_id, event.address) for event in found} == {
        ("done", "r-1", "ops", "192.0.2.7")
    }
    assert [event.at for event in found] == [1_700_000_000.0] + [1_700_000_001.0] * 5
    assert who.events == found, "who asked is told the same"


async def test_what_changes_nothing_is_no_event(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1, "large": 1})
    await place(store, 3)
    before = await store.fleets.events(FLEET)
    await store.pools.add(FLEET, [PoolSpec("small-0", "small")], author())
    await store.pools.move(FLEET, PoolSpec("small-0", "small"), author())
    await store.pools.set_status(FLEET, "small-0", "active", author())
    for refused in (
        store.pools.set_status(FLEET, "nowhere", "draining", author()),
        store.pools.remove(FLEET, "nowhere", author()),
        store.pools.move(FLEET, PoolSpec("new", "unheard-of"), author()),
        store.fleets.delete("no-fleet", None, author()),
    ):
        with pytest.raises(errors.DispatchError):
            await refused
    await end(store, ["s0"])
    assert await store.fleets.events(FLEET) == before


async def test_a_refusal_is_told_and_the_same_once_more_counts(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1, "large": 1})
    await place(store, 4)
    for _ in range(3):
        with pytest.raises(errors.PoolNotEmptyError):
            await store.pools.remove(FLEET, "large-0", author())
    with pytest.raises(errors.VersionMismatchError):
        await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}", 7, author())
    with pytest.raises(errors.FleetInUseError):
        await store.fleets.delete(FLEET, None, author())
    with pytest.raises(errors.VersionMismatchError):
        await store.fleets.delete(FLEET, 7, author())
    with pytest.raises(errors.PoolInOtherClassError):
        await store.pools.add(FLEET, [PoolSpec("new", "small"), PoolSpec("small-0", "large")], author())
    found = (await store.fleets.events(FLEET))[:5]
    assert [(*one, event.times) for one, event in zip(told(found), found, strict=True)] == [
        ("add_pools", "pool_in_other_class", "small-0", 1),
        ("delete_fleet", "version_mismatch", None, 1),
        ("delete_fleet", "fleet_in_use", None, 1),
        ("put_fleet", "version_mismatch", None, 1),
        ("remove_pool", "pool_not_empty", "large-0", 3),
    ]
    assert [event for event in found if not (event.before == event.after and event.pools is None)] == []


async def test_pools_of_one_request_are_one_event_and_of_two_are_two(store: Store) -> None:
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}")
    who = author()
    await store.pools.add(FLEET, [PoolSpec(f"a-{k}", "small") for k in range(2500)], who)
    await store.pools.add(FLEET, [PoolSpec("b-1", "small"), PoolSpec("b-2", "large")], author("r-2"))
    second, first, _ = await store.fleets.events(FLEET)
    assert (first.pools, first.pool_id, first.after) == (2500, None, Facts(pool_class="small", status="active"))
    assert (second.pools, second.after) == (2, Facts(status="active"))
    assert who.events == [first]


async def test_a_hundred_are_kept_and_the_newest_come_first(store: Store, redis: TextRedis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    for k in range(60):
        await store.pools.set_status(FLEET, "small-0", "draining", author(f"{k}-off"))
        await store.pools.set_status(FLEET, "small-0", "active", author(f"{k}-on"))
    found = await store.fleets.events(FLEET)
    assert redis.llen(KEY) == len(found) == 100
    assert [event.request_id for event in found[:3]] == ["59-on", "59-off", "58-on"]


async def test_a_deletion_is_told_to_who_asked_and_leaves_no_key(store: Store, redis: TextRedis) -> None:
    who = author()
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    await store.fleets.delete(FLEET, 1, who)
    assert [(event.action, event.before, event.after) for event in who.events] == [
        ("delete_fleet", Facts(config_version=1, policy="slta"), None)
    ]
    assert redis.keys("*") == []


async def test_a_refusal_where_there_is_no_fleet_leaves_no_key(store: Store, redis: TextRedis) -> None:
    who = author()
    with pytest.raises(errors.VersionMismatchError):
        await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}", 3, who)
    assert told(who.events) == [("put_fleet", "version_mismatch", None)]
    assert not redis.exists(KEY)


async def test_a_list_that_cannot_be_written_to_stops_no_change_and_is_mended(store: Store, redis: TextRedis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2})
    redis.delete(KEY)
    redis.set(KEY, "x")
    assert (await store.pools.set_status(FLEET, "small-0", "draining", author())).status == "draining"
    assert await findings(store, spec(*TWO_CLASSES))
    await repair(store, spec(*TWO_CLASSES))
    assert told(await store.fleets.events(FLEET)) == [("repair", "done", None)]
    assert await findings(store, spec(*TWO_CLASSES)) == []


async def test_events_that_nobody_can_read_are_found_and_dropped(store: Store, redis: TextRedis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2})
    sound = await store.fleets.events(FLEET)
    for rubbish in ("rubbish", "[]", json.dumps(json.loads(redis.lindex(KEY, 0)) | {"at": "now"})):
        redis.lpush(KEY, rubbish)
    assert await store.fleets.events(FLEET) == sound
    assert await findings(store, spec(*TWO_CLASSES)) == [f"{KEY}: has unreadable entries"]
    await repair(store, spec(*TWO_CLASSES))
    assert (await store.fleets.events(FLEET))[1:] == sound


async def test_a_client_cannot_make_an_event_long(store: Store, redis: TextRedis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2})
    await store.pools.set_status(FLEET, "small-0", "draining", Author("r" * 5000, "k k", "a" * 5000))
    newest, *_ = await store.fleets.events(FLEET)
    assert (newest.request_id, newest.key_id, newest.address) == ("r" * MAX_WORD, "kk", "a" * MAX_WORD)
    assert len(redis.lindex(KEY, 0)) < 1000


def test_the_store_keeps_what_the_api_refuses_with_409_and_412() -> None:
    lua = (resources.files("slta.store") / "lua/state/events.lua").read_text(encoding="utf-8")
    block = lua[lua.index("local REFUSED") : lua.index("local DONE")]
    assert {REFUSALS[word] for word in re.findall(r"(\w+) = true", block)} == CHANGES
    assert {error for error in ERRORS if error.status in (409, 412)} == CHANGES | SESSIONS


def test_every_action_of_the_library_is_one_of_an_event() -> None:
    """The library names them where events begin, and where a tick notes them."""
    files = (Path(str(resources.files("slta.store"))) / "lua").rglob("*.lua")
    lua = "".join(file.read_text(encoding="utf-8") for file in files)
    named = re.findall(r"(?:events\.(?:begin|note|of_pools)|register_of_pool)\((?:fleet, )?'(\w+)'", lua)
    assert set(named) == set(get_args(Action))
