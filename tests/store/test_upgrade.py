"""A fleet of layout 1 is upgraded in one step: nothing is lost, and nobody else changes it."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from service import errors
from service.store import Store
from tests import rawstate
from tests.audit import violations
from tests.store.conftest import Clock
from tests.store.fleets import FLEET, TWO_CLASSES, create, everything, field, occupancies, pass_seconds, place, spec

NOT_IN_LAYOUT_1 = {"layout", "classes", "tables", "older_ended", "early_completes"}


def to_layout_1(redis: Redis, fleet: str = FLEET) -> None:
    """As the versions before wrote it: all fields as text in a hash at {fleet}:state."""
    fields = rawstate.fields(redis, fleet)
    names = ("sessions", "utility", "optimum")
    fields["integrals"] = " ".join(fields.pop(f"{name}_{part}") for name in names for part in ("high", "low"))
    redis.delete(f"{{{fleet}}}:state", f"{{{fleet}}}:cold")
    redis.hset(f"{{{fleet}}}:state", mapping={k: v for k, v in fields.items() if k not in NOT_IN_LAYOUT_1})


@pytest.fixture(params=["slta", "jlmu"])
async def older(store: Store, redis: Redis, clock: Clock, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A fleet of layout 1 with all that there is: ended ids of both generations, leases, a drained pool, history."""
    await create(store, spec(*TWO_CLASSES, policy=request.param, lease=300, retention=10), {"small": 2, "large": 3})
    await place(store, 12)
    await store.sessions.complete(FLEET, "s0")
    await pass_seconds(store, clock, 12)
    await store.sessions.complete(FLEET, "s1")
    await store.pools.set_status(FLEET, "large-2", "draining")
    before = {"snapshot": await store.fleets.snapshot(FLEET), "pools": await occupancies(store)}
    to_layout_1(redis)
    return before


async def test_until_it_is_upgraded_every_call_says_so_and_changes_nothing(
    store: Store, redis: Redis, older: dict[str, Any]
) -> None:
    before = everything(redis)
    for call in (
        lambda: store.sessions.assign(FLEET, "new", None),
        lambda: store.sessions.complete(FLEET, "s2"),
        lambda: store.fleets.tick(FLEET),
        lambda: store.fleets.snapshot(FLEET),
        lambda: store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}"),
        lambda: store.fleets.delete(FLEET),
    ):
        with pytest.raises(errors.OlderFleet):
            await call()
    assert everything(redis) == before
    await store.fleets.upgrade(FLEET)


async def test_after_it_everything_is_as_it_was(
    store: Store, redis: Redis, clock: Clock, older: dict[str, Any]
) -> None:
    assert await store.fleets.upgrade(FLEET)
    assert violations(redis, FLEET) == []
    assert await store.fleets.snapshot(FLEET) == older["snapshot"]
    assert await occupancies(store) == older["pools"]
    for ended in ("s0", "s1"):
        with pytest.raises(errors.SessionEnded):
            await store.sessions.assign(FLEET, ended, None)
    assert (await store.sessions.assign(FLEET, "s2", None)).replayed
    assert not (await store.sessions.assign(FLEET, "new", None)).replayed
    clock.advance(1)
    await store.fleets.tick(FLEET)
    assert field(redis, "time") == str(older["snapshot"].time + 1_000_000)


async def test_it_can_be_repeated(store: Store, redis: Redis, older: dict[str, Any]) -> None:
    assert await store.fleets.upgrade(FLEET)
    before = everything(redis)
    assert not await store.fleets.upgrade(FLEET)
    assert everything(redis) == before
    with pytest.raises(errors.UnknownFleet):
        await store.fleets.upgrade("nowhere")


async def test_whoever_knows_layout_1_alone_hears_an_error_from_then_on(
    store: Store, redis: Redis, older: dict[str, Any]
) -> None:
    """Versions before began each call with HMGET on the hash."""
    await store.fleets.upgrade(FLEET)
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        redis.hmget(f"{{{FLEET}}}:state", "policy", "next_due")
