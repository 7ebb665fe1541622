"""A repair goes slice by slice: others are served meanwhile, anybody goes on with it, and a crash leaves it so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from slta.audit import audit_fleet, repair_fleet
from slta.core.policies import POLICIES
from slta.fleet_file import Specs
from slta.models import errors
from slta.store import Store, StoreSettings
from slta.store._encoding import put_arguments
from slta.store.library import LAYOUT
from slta.store.repairs import Repairs
from testbed.in_process import TINY, tick
from testbed.servers import TextRedis
from tests import rawstate
from tests.audit import violations
from tests.store.conftest import Calls, Clock
from tests.store.fleets import FLEET, apply, bring, occupancies, pass_seconds, place

OTHER = "other"


@pytest.fixture(params=sorted(POLICIES))
async def damaged(store: Store, redis: TextRedis, clock: Clock, request: pytest.FixtureRequest) -> dict[str, int]:
    """A fleet of which rows, sets and counts are gone, and a sound one beside it; the occupancies it had."""
    classes = [one | {"pools": 70} for one in TINY["classes"]]
    body = TINY | {"classes": classes, "policy": request.param, "lease_seconds": 300}
    for name in (FLEET, OTHER):
        await apply(store, body, name)
    await place(store, 250)
    await pass_seconds(store, clock, 3)
    await store.pools.set_status(FLEET, "small-1", "draining")
    before = await occupancies(store)
    redis.delete(f"{{{FLEET}}}:level:0:1", f"{{{FLEET}}}:used:1", f"{{{FLEET}}}:names", f"{{{FLEET}}}:ids:7")
    rawstate.poke(redis, FLEET, utility=1, sessions=2, rank=9)
    return before


async def begin(store: Store) -> None:
    document = await store.repairs.document(FLEET)
    spec = await Specs().of(document)
    await store.repairs.begin(FLEET, put_arguments(spec, document, None))


async def one_slice(store: Store, work: int) -> str:
    reply = await store.fleets._functions.change("repair", FLEET, work=work, patience=0)
    return str(reply[0])


async def test_what_was_damaged_is_as_it_was(store: Store, redis: TextRedis, damaged: dict[str, int]) -> None:
    repaired = await repair_fleet(store, Specs(), FLEET)
    assert repaired
    assert repaired.set_aside == 0
    assert violations(redis, FLEET) == []
    assert (await audit_fleet(store, Specs(), FLEET)).sentences == []
    assert await occupancies(store) == damaged
    assert (await store.fleets.snapshot(FLEET)).counters["repairs"] == 1


async def test_another_order_is_audited_and_comes_back_from_the_document(store: Store, redis: TextRedis) -> None:
    await apply(store, TINY | {"order": {"kind": "kink"}})
    await place(store, 5)
    order = redis.get(f"{{{FLEET}}}:order:full")
    assert (await audit_fleet(store, Specs(), FLEET)).sentences == []
    for name in ("order:full", "order"):
        redis.set(f"{{{FLEET}}}:{name}", order[-6:] + order[:-6])
    assert any(s.startswith("order:full") for s in (await audit_fleet(store, Specs(), FLEET)).sentences)
    assert await repair_fleet(store, Specs(), FLEET)
    assert redis.get(f"{{{FLEET}}}:order:full") == redis.get(f"{{{FLEET}}}:order") == order
    assert (await audit_fleet(store, Specs(), FLEET)).sentences == []
    assert rawstate.fields(redis, FLEET)["layout"] == str(LAYOUT)


@pytest.mark.slow
@pytest.mark.parametrize("work", [1, 40])
async def test_after_each_slice_another_dispatcher_goes_on(
    server: str, store: Store, redis: TextRedis, clock: Clock, damaged: dict[str, int], work: int
) -> None:
    await begin(store)
    slices, word = 0, "SLICE"
    while word == "SLICE":
        someone = Store(StoreSettings(server, call_timeout_seconds=30, deadline_seconds=60), Calls(), clock=clock)
        word = await one_slice(someone, work)
        await someone.close()
        slices += 1
    assert word == "REPAIRED"
    assert slices > 12
    assert violations(redis, FLEET) == []
    assert await occupancies(store) == damaged


@pytest.mark.parametrize("unknown", ["run", "stage"])
async def test_a_repair_of_another_run_or_in_no_stage_begins_again(
    store: Store, redis: TextRedis, damaged: dict[str, int], unknown: str
) -> None:
    """Cursors of the run before, or of a stage that does not exist, mean nothing."""
    await begin(store)
    for stage in ("pools", "records", "columns"):
        while redis.hget(f"{{{FLEET}}}:repair", "stage") != stage:
            assert await one_slice(store, 40) == "SLICE"
        redis.hset(f"{{{FLEET}}}:repair", mapping={unknown: "another", "cursor": "12:345"})
        assert await one_slice(store, 1) == "SLICE"
        assert redis.hget(f"{{{FLEET}}}:repair", "stage") in ("names", "aside")
    await store.repairs.finish(FLEET)
    assert violations(redis, FLEET) == []
    assert await occupancies(store) == damaged


CALLS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "assign": lambda store: store.sessions.assign(FLEET, "new", None),
    "complete": lambda store: store.sessions.complete(FLEET, "s1"),
    "look up": lambda store: store.sessions.get(FLEET, "s1"),
    "state": lambda store: store.fleets.snapshot(FLEET),
    "configuration": lambda store: store.fleets.config(FLEET),
    "delete": lambda store: store.fleets.delete(FLEET),
    "drain": lambda store: store.pools.set_status(FLEET, "small-2", "draining"),
    "audit": lambda store: store.audits.inspect(FLEET),
}


@pytest.fixture
async def begun(store: Store, damaged: dict[str, int]) -> AsyncIterator[None]:
    await begin(store)
    yield
    await store.repairs.finish(FLEET)


async def is_refused(call: Awaitable[object]) -> bool:
    try:
        await call
    except errors.RepairingError:
        return True
    return False


async def test_calls_of_the_fleet_are_refused_meanwhile_and_those_of_others_are_not(store: Store, begun: None) -> None:
    assert [name for name, call in CALLS.items() if not await is_refused(call(store))] == []
    await bring(store, "s", OTHER)
    await tick(store, OTHER)
    assert (await store.fleets.snapshot(OTHER)).sessions == 1


async def test_a_tick_goes_on_with_a_repair_that_was_left(store: Store, redis: TextRedis, begun: None) -> None:
    await tick(store, FLEET)
    assert redis.exists(f"{{{FLEET}}}:repair")
    redis.hset(f"{{{FLEET}}}:repair", "at", "1")
    await tick(store, FLEET)
    assert not redis.exists(f"{{{FLEET}}}:repair")
    assert violations(redis, FLEET) == []


async def test_a_sound_fleet_is_not_repaired_by_a_slice(store: Store, damaged: dict[str, int]) -> None:
    assert await Repairs(store.fleets._functions).finish(OTHER) is None
    await repair_fleet(store, Specs(), FLEET)


async def test_a_repaired_impossible_generation_keeps_its_ends(store: Store, redis: TextRedis, clock: Clock) -> None:
    await apply(store, TINY | {"retention_seconds": 60})
    await place(store, 5)
    rawstate.poke(redis, FLEET, ended_generation=3)
    await store.sessions.complete(FLEET, "s1")
    assert (await audit_fleet(store, Specs(), FLEET)).sentences[0] == "ended_generation: 3, expected 0 or 1"
    await repair_fleet(store, Specs(), FLEET)
    assert violations(redis, FLEET) == []
    await pass_seconds(store, clock, 125)
    assert (await store.sessions.complete(FLEET, "s1")).outcome == "already_ended"
