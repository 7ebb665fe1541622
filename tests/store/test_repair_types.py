"""Repairs of session types: a session keeps its type, or becomes `default` if nothing tells which number is which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.models import errors
from slta.store import Store
from slta.store._encoding import put_arguments
from testbed.servers import TextRedis
from tests import rawstate
from tests.store.fleets import FLEET, LARGE, SMALL, create, pool_class, repair_by_itself

CLASSES = (pool_class("small", SMALL, 4), pool_class("large", LARGE, 6))
BOTH = ["small", "large"]
NEVER_CHANGED: Mapping[str, Sequence[str]] = {"chat": BOTH, "video": BOTH}
CHANGED: Mapping[str, Sequence[str]] = {"new": BOTH, "video": BOTH}
"""The types after a change: `new` has number 3, `video` still 2. Each may use any class: no class tells a type."""
KEY = f"{{{FLEET}}}:types"


def typed(types: Mapping[str, Sequence[str]]) -> FleetSpec:
    return FleetSpec(CLASSES, policy=POLICIES["jlmu"], lease_seconds=0, session_types=types)


async def sessions_of(store: Store, types: Mapping[str, Sequence[str]]) -> None:
    """A fleet of these types with a session of each, and of `default`."""
    await create(store, typed(NEVER_CHANGED), {"small": 2, "large": 2})
    await store.fleets.configure(FLEET, typed(types), "{}")
    for kind in ("default", *types):
        await store.sessions.assign(FLEET, f"of-{kind}", None, session_type=kind)


async def repair(store: Store, types: Mapping[str, Sequence[str]], *, put_back: bool = False) -> list[int]:
    """Repair by a document with these types; the numbers of sessions that lost theirs, as logged."""
    with capture_logs() as logs:
        await store.repairs.begin(FLEET, put_arguments(typed(types), "{}", None), put_back=put_back)
        await store.repairs.finish(FLEET)
    assert (await store.audits.inspect(FLEET)).sentences == []
    return [line["sessions"] for line in logs if line["event"] == "session_types_lost"]


async def kinds(store: Store, types: Mapping[str, Sequence[str]]) -> list[str]:
    return [(await store.sessions.get(FLEET, f"of-{kind}")).session_type for kind in ("default", *types)]


DAMAGES = {"DEL": [], "HDEL": ["numbers"], "SET": ["x"]}


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("types", [NEVER_CHANGED, CHANGED])
async def test_lost_numbers_are_found_by_the_digest_or_given_up(
    store: Store, redis: TextRedis, types: Mapping[str, Sequence[str]], damage: str, cached: bool
) -> None:
    await sessions_of(store, types)
    redis.execute_command(damage, KEY, *DAMAGES[damage])
    if not cached:
        redis.execute_command("FUNCTION", "FLUSH")
    assert (await store.audits.inspect(FLEET)).sentences
    is_known = types is NEVER_CHANGED
    assert await repair(store, types) == ([] if is_known else [2])
    assert await kinds(store, types) == (["default", *types] if is_known else ["default"] * 3)


@pytest.mark.parametrize("kind", ["default", "video"])
async def test_without_stored_types_placements_fail_until_the_repair(store: Store, redis: TextRedis, kind: str) -> None:
    await sessions_of(store, NEVER_CHANGED)
    redis.delete(KEY)
    redis.execute_command("FUNCTION", "FLUSH")
    with pytest.raises(errors.DispatchError):
        await store.sessions.assign(FLEET, "s", None, session_type=kind)
    with suppress(errors.DispatchError):
        await store.sessions.complete(FLEET, "of-video")
    await repair_by_itself(store, typed(NEVER_CHANGED))
    assert (await store.audits.inspect(FLEET)).sentences == []
    assert (await store.sessions.get(FLEET, "of-chat")).session_type == "chat"


async def test_types_whose_numbers_were_given_up_take_sessions_again(store: Store, redis: TextRedis) -> None:
    await sessions_of(store, CHANGED)
    redis.delete(KEY)
    await repair(store, CHANGED)
    await store.sessions.assign(FLEET, "later", None, session_type="video")
    assert await repair(store, CHANGED) == []
    assert (await store.sessions.get(FLEET, "later")).session_type == "video"


async def test_altered_numbers_give_no_session_another_type(store: Store, redis: TextRedis) -> None:
    await sessions_of(store, CHANGED)
    redis.hset(KEY, "numbers", "2 3")
    await repair(store, CHANGED)
    assert await kinds(store, CHANGED) == ["default"] * 3


@pytest.mark.parametrize("damage", [{"tables": 5}, {"pools": "2 0"}])
async def test_whole_types_survive_other_damage(store: Store, redis: TextRedis, damage: Mapping[str, object]) -> None:
    await sessions_of(store, CHANGED)
    rawstate.poke(redis, FLEET, **damage)
    assert await repair(store, CHANGED) == []
    assert await kinds(store, CHANGED) == ["default", *CHANGED]


async def test_types_of_another_document_keep_their_numbers_by_name(store: Store, redis: TextRedis) -> None:
    await sessions_of(store, CHANGED)
    redis.hset(KEY, "incompatible:2", 5)
    wider = {"video": BOTH, "more": ["small"], "new": BOTH}
    assert await repair(store, wider) == []
    assert await kinds(store, CHANGED) == ["default", "new", "video"]
    types = (await store.fleets.snapshot(FLEET)).types
    assert {one.name: one.assigned for one in types} == {"default": 1, "video": 1, "more": 0, "new": 1}
    assert {one.name: one.refused["incompatible"] for one in types} == {"default": 0, "video": 5, "more": 0, "new": 0}


async def test_without_a_state_the_stored_types_are_those_of_the_document(store: Store, redis: TextRedis) -> None:
    await sessions_of(store, CHANGED)
    redis.delete(f"{{{FLEET}}}:fleet")
    assert await repair(store, CHANGED) == []
    assert await kinds(store, CHANGED) == ["default", "new", "video"]


async def test_a_repair_that_begins_anew_still_knows_the_numbers(store: Store, redis: TextRedis) -> None:
    await sessions_of(store, CHANGED)
    redis.delete(f"{{{FLEET}}}:fleet")
    await store.repairs.begin(FLEET, put_arguments(typed(CHANGED), "{}", None))
    stage = ""
    while stage != "totals":
        _, stage, _ = await store.fleets._functions.slice("repair", FLEET, writes=True, work=3000, patience=0)
    redis.hset(f"{{{FLEET}}}:repair", "at", "0")  # abandoned long ago
    assert await repair(store, CHANGED) == []
    assert await kinds(store, CHANGED) == ["default", "new", "video"]


async def test_a_session_that_was_set_aside_comes_back_as_default(store: Store, redis: TextRedis) -> None:
    await sessions_of(store, CHANGED)
    record = redis.hget(f"{{{FLEET}}}:sessions", "of-new")
    await store.sessions.complete(FLEET, "of-new")
    redis.hset(f"{{{FLEET}}}:aside", "session later", record)
    assert await repair(store, CHANGED, put_back=True) == [1]
    assert (await store.sessions.get(FLEET, "later")).session_type == "default"
