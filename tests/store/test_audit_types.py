"""The audit of session types: each number kept of them, and the type in each record, is found if it is wrong."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.models import Findings
from slta.store import Store
from slta.store.audits import Audits
from slta.store.fleets import FLEETS_KEY
from slta.store.sessions import report_option
from testbed.servers import TextRedis
from tests import rawstate
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, LARGE, SMALL, create, pass_seconds, pool_class

SPEC = replace(
    FleetSpec((pool_class("small", SMALL, 4), pool_class("large", LARGE, 6)), policy=POLICIES["jlmu"], lease_seconds=0),
    session_types={"chat": ["small"], "video": ["large"]},
)
PLACES = {"a": ("small-0", "chat"), "b": ("large-0", "video"), "c": ("large-1", "video"), "d": ("small-1", "chat")}
"""Of these `large-1` and `small-1` are drained."""
RECORDS = f"{{{FLEET}}}:sessions"


@pytest.fixture
async def fleet(store: Store, redis: TextRedis, clock: Clock) -> AsyncIterator[None]:
    """Sessions of default, chat and video: 0, 1 and 1 on active pools, 0, 1 and 1 on others.

    The check of what a test leaves behind does not see the damage.
    """
    await create(store, SPEC, {"small": 2, "large": 2})
    await pass_seconds(store, clock, 2)
    for session_id, (pool_id, kind) in PLACES.items():
        await store.sessions.report(FLEET, session_id, report_option(pool_id, session_type=kind), None)
    for pool_id in ("small-1", "large-1"):
        await store.pools.set_status(FLEET, pool_id, "draining")
    await pass_seconds(store, clock, 2)
    yield
    redis.srem(FLEETS_KEY, FLEET)


async def findings(store: Store) -> list[str]:
    return list((await store.audits.inspect(FLEET)).sentences)


async def test_a_sound_fleet_has_no_findings(store: Store, redis: TextRedis, fleet: None) -> None:
    assert await findings(store) == []
    kept = rawstate.fields(redis, FLEET)
    assert (kept["type_sessions"], kept["type_others"]) == ("0 1 1", "0 1 1")


@pytest.mark.parametrize(
    ("field", "wrong", "finding"),
    [
        ("type_sessions", "0 1 2", "sessions of all types"),
        ("type_sessions", "0 2 0", "sessions of type chat"),
        ("type_others", "0 1 2", "sessions of all types on other pools"),
        ("type_others", "0 2 0", "sessions of type chat on other pools"),
        ("held", "2 0", "sessions by class"),
        ("type_held", "0 1 1 0 0 0", "sessions of types in all classes"),
        ("type_held", "0 0 0 1 0 1", "sessions of all types by class"),
        ("type_held", "0 1 1 0 0 0", "sessions of type video by class"),
        ("type_since", "0 0 99999999999999999", "type_since of type video"),
        ("type_since", "0 0 0", "type_since of type video: is not in the open interval"),
        ("type_high", "0 -9e9 9e9", "type_high of type chat: is below that of the newest history line"),
        ("type_low", "0 0 9", "type_high of type video: the high part of the integral"),
        ("type_sum", "0 0 9e9", "integrals of all types: grew by"),
        ("compatibility_low", "1e20", "compatibility_high: the high part of the integral"),
        ("compatibility_high", "-1", "compatibility: the integral of the bound is not between"),
        ("compatibility_high", "1e30", "compatibility: the integral of the bound is not between"),
        ("waiting", "1 2", "waiting: is no interval"),
        ("type_assigned", "0 0 -1", "type_assigned of type video: is negative"),
        ("type_assigned", "0 0 1", "assigned: 0, expected at least the 1 of all types"),
    ],
)
async def test_a_wrong_number_is_found(
    store: Store, redis: TextRedis, fleet: None, field: str, wrong: str, finding: str
) -> None:
    rawstate.poke(redis, FLEET, **{field: wrong})
    assert any(sentence.startswith(finding) for sentence in await findings(store))


ALL_CHATS = {"type_held": "0 0 2 0 0 0", "type_sessions": "0 2 0"}


async def audit_while_it_changes(store: Store, monkeypatch: pytest.MonkeyPatch, work: int) -> Findings:
    """An audit in slices of this work, after each of which a session begins or ends."""
    functions, present = store.fleets._functions, list[str]()
    slice_ = functions.slice

    async def followed_by_a_change(*names: str, **arguments: Any) -> Any:
        reply = await slice_(*names, **arguments)
        if present:
            await store.sessions.complete(FLEET, present.pop())
        else:
            present.append((await store.sessions.assign(FLEET, secrets.token_hex(8), None)).session_id)
        return reply

    with monkeypatch.context() as patched:
        patched.setattr(functions, "slice", followed_by_a_change)
        return await Audits(functions, work).inspect(FLEET)


@pytest.mark.parametrize("work", [1, 20])
async def test_the_sessions_of_a_fleet_at_rest_are_counted_however_small_the_slices(
    store: Store, redis: TextRedis, fleet: None, work: int
) -> None:
    assert (await Audits(store.fleets._functions, work).inspect(FLEET)).sentences == []
    rawstate.poke(redis, FLEET, **ALL_CHATS)
    found = await Audits(store.fleets._functions, work).inspect(FLEET)
    assert {"sessions of type chat: 2, expected 1", "sessions of type video: 0, expected 1"} <= set(found.sentences)
    assert found.unchecked is None


async def test_the_sessions_of_a_small_fleet_are_counted_though_it_changes(
    store: Store, redis: TextRedis, fleet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await audit_while_it_changes(store, monkeypatch, 20)).sentences == []
    rawstate.poke(redis, FLEET, **ALL_CHATS)
    found = await audit_while_it_changes(store, monkeypatch, 20)
    assert "sessions of type video: 0, expected 1" in found.sentences
    assert found.unchecked is None


async def test_of_a_larger_fleet_that_changes_the_audit_says_that_they_are_not_counted(
    store: Store, fleet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await audit_while_it_changes(store, monkeypatch, 1)
    assert (found.sentences, found.unchecked) == ([], "sessions of each type: the fleet changed during each count")


UNTOLD = {
    *("compatibility_high", "waiting", "interval_pools"),
    *("interval_optimum_high", "interval_optimum_low"),
}
"""Sums of what was; `compatibility` is noticed if it has fallen or is above the difference of two other integrals."""


async def test_each_number_of_the_types_is_noticed(store: Store, redis: TextRedis, fleet: None) -> None:
    saved, unnoticed = rawstate.unpack(redis, FLEET), set()
    for field in re.findall(r"\w+", " ".join(rawstate.TEXTS)):
        words = rawstate.fields(redis, FLEET)[field].split()
        for at, word in enumerate(words):
            rawstate.poke(redis, FLEET, **{field: " ".join([*words[:at], f"{float(word) + 3:.17g}", *words[at + 1 :]])})
            unnoticed |= set() if await findings(store) else {field}
            rawstate.pack(redis, FLEET, saved)
    assert unnoticed == UNTOLD


async def test_stored_types_that_are_missing_or_altered_are_found(store: Store, redis: TextRedis, fleet: None) -> None:
    key = f"{{{FLEET}}}:types"
    redis.hset(key, "checksum", "")
    assert any(finding.startswith("checksum of the session types") for finding in await findings(store))
    redis.hset(key, "numbers", "2 1")
    assert "session types: chat=1 video=2|1 2, expected chat=1 video=2|2 1" in await findings(store)
    redis.delete(key)
    assert "session types: are missing" in await findings(store)


@pytest.mark.parametrize(
    ("field", "count", "finding"),
    [
        ("full:9", "1", "session types: full:9 is not a count of a type"),
        ("incompatible:1", "x", "session types: incompatible:1 is not a count of a type"),
        ("inactive:1", "2", "session types: 2 refusals inactive more than the fleet counted"),
    ],
)
async def test_a_wrong_count_of_refusals_is_found(
    store: Store, redis: TextRedis, fleet: None, field: str, count: str, finding: str
) -> None:
    redis.hset(f"{{{FLEET}}}:types", field, count)
    assert await findings(store) == [finding]


@pytest.mark.parametrize(
    ("word", "finding"),
    [("t9", "session a: 0 2000000 0 0 small-0 1 t9, "), ("t2", "session a: 0 2000000 0 0 small-0 1 t2, ")],
)
async def test_a_record_of_a_wrong_type_is_found(
    store: Store, redis: TextRedis, fleet: None, word: str, finding: str
) -> None:
    redis.hset(RECORDS, "a", redis.hget(RECORDS, "a").replace(" t1", f" {word}"))
    assert finding + "expected 0 2000000 0 0 small-0 1" in await findings(store)
