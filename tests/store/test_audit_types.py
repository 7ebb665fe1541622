"""The audit of session types: each number kept of them, and the type in each record, is found if it is wrong."""

from __future__ import annotations

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
async def test_sessions_of_a_resting_fleet_are_counted(store: Store, redis: TextRedis, fleet: None, work: int) -> None:
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


async def test_a_large_busy_fleet_is_not_counted(store: Store, fleet: None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await audit_while_it_changes(store, monkeypatch, 1)
    assert (found.sentences, found.unchecked) == ([], "sessions of each type: the fleet changed during each count")
