"""The audit of session types: each number kept of them, and the type in each record, is found if it is wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.store import Store
from slta.store.fleets import FLEETS_KEY
from slta.store.sessions import report_option
from tests import rawstate
from tests.servers import TextRedis
from tests.store.fleets import FLEET, LARGE, SMALL, create, pool_class

SPEC = replace(
    FleetSpec((pool_class("small", SMALL, 4), pool_class("large", LARGE, 6)), policy=POLICIES["jlmu"], lease_seconds=0),
    session_types={"chat": ["small"], "video": ["large"]},
)
PLACES = {"a": ("small-0", "chat"), "b": ("large-0", "video"), "c": ("large-1", "video"), "d": ("small-1", "chat")}
"""Of these `large-1` and `small-1` are drained."""
RECORDS = f"{{{FLEET}}}:sessions"


@pytest.fixture
async def fleet(store: Store, redis: TextRedis) -> AsyncIterator[None]:
    """Sessions of default, chat and video: 0, 1 and 1 on active pools, 0, 1 and 1 on others.

    The check of what a test leaves behind does not see the damage.
    """
    await create(store, SPEC, {"small": 2, "large": 2})
    for session_id, (pool_id, kind) in PLACES.items():
        await store.sessions.report(FLEET, session_id, report_option(pool_id, session_type=kind), None)
    for pool_id in ("small-1", "large-1"):
        await store.pools.set_status(FLEET, pool_id, "draining")
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
        ("type_filled", "2 0", "assigned sessions by class"),
        ("type_flow", "0 0 0 1 0 1", "assignment: type chat has sessions in class large"),
        ("type_flow", "0 0 1 0 0 0", "assigned sessions of type video"),
        ("type_optimum", "1", "optimum of the types"),
        ("type_since", "0 0 99999999999999999", "type_since of type video"),
    ],
)
async def test_a_wrong_number_is_found(
    store: Store, redis: TextRedis, fleet: None, field: str, wrong: str, finding: str
) -> None:
    rawstate.poke(redis, FLEET, **{field: wrong})
    assert any(sentence.startswith(finding) for sentence in await findings(store))


@pytest.mark.parametrize(
    ("word", "finding"),
    [
        ("t9", "session a: is of a type that the fleet does not have"),
        ("t2", "session a: may not use the class of its pool"),
    ],
)
async def test_a_record_of_a_wrong_type_is_found(
    store: Store, redis: TextRedis, fleet: None, word: str, finding: str
) -> None:
    redis.hset(RECORDS, "a", redis.hget(RECORDS, "a").replace(" t1", f" {word}"))
    assert finding in await findings(store)
