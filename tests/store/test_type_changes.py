"""Changes of a fleet's session types by a PUT: what is refused, what is kept, and what begins anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import PoolClass
from slta.models import errors
from slta.store import Store
from slta.store.sessions import report_option
from testbed.servers import TextRedis
from tests import rawstate
from tests.store.fleets import FLEET, LARGE, SMALL, create, field, findings, pool_class, repair

CLASSES = (pool_class("small", SMALL, 4), pool_class("large", LARGE, 6), pool_class("gpu", LARGE, 2))
TYPES: dict[str, Sequence[str]] = {"chat": ["small", "large"], "video": ["large", "gpu"]}


def typed(types: Mapping[str, Sequence[str]] = TYPES, classes: tuple[PoolClass, ...] = CLASSES) -> FleetSpec:
    return FleetSpec(classes, policy=POLICIES["jlmu"], lease_seconds=0, session_types=types)


@pytest.fixture
async def fleet(store: Store) -> None:
    await create(store, typed(), {"small": 2, "large": 2})


async def put(store: Store, types: Mapping[str, Sequence[str]], classes: tuple[PoolClass, ...] = CLASSES) -> None:
    await store.fleets.configure(FLEET, typed(types, classes), "{}")


async def assign(store: Store, session_id: str, session_type: str) -> str:
    placed = await store.sessions.assign(FLEET, session_id, None, session_type=session_type)
    return placed.pool_id


async def test_the_refusal_and_its_event_name_the_type_and_its_lost_classes(store: Store, fleet: None) -> None:
    await assign(store, "s", "video")
    await assign(store, "t", "chat")
    for types in ({"video": ["gpu"], "chat": TYPES["chat"]}, {"chat": ["small"], "video": TYPES["video"]}):
        with pytest.raises(errors.SessionTypeInUseError) as refused:
            await put(store, types)
        assert refused.value.context["pool_classes"] == "large"
        assert "takes large from the session type" in str(refused.value)
    found = [(event.outcome, event.session_type, event.sessions) for event in await store.fleets.events(FLEET)]
    assert found[:2] == [("session_type_in_use", "chat", 1), ("session_type_in_use", "video", 1)]


async def test_a_class_that_goes_with_the_same_put_may_leave_the_sets(store: Store, fleet: None) -> None:
    await assign(store, "s", "video")
    await put(store, {"chat": ["small", "large"], "video": ["large"]}, CLASSES[:2])
    assert (await store.sessions.get(FLEET, "s")).session_type == "video"


async def test_typed_sessions_follow_types_and_classes_that_move(store: Store, redis: TextRedis, fleet: None) -> None:
    for number, kind in enumerate(("chat", "video", "video", "default")):
        await assign(store, f"s{number}", kind)
    first = rawstate.fields(redis, FLEET)["type_held"]
    new = {"new": ["tpu"], "video": ["large"], "chat": ["small", "large", "tpu"]}
    await put(store, new, (pool_class("tpu", LARGE, 3), CLASSES[1], CLASSES[0]))
    assert (first, rawstate.fields(redis, FLEET)["type_held"]) == ("1 0 0 0 1 0 0 2 0", "0 0 1 0 0 0 0 2 0 0 1 0")


async def test_the_number_of_a_type_is_permanent(store: Store, redis: TextRedis, fleet: None) -> None:
    await put(store, {"new": ["gpu"], "video": TYPES["video"]})
    assert field(redis, "type_numbers") == "3 2", "not chat's, in the same change"


async def test_other_types_begin_a_window(store: Store, redis: TextRedis, fleet: None) -> None:
    await assign(store, "s", "chat")
    before = rawstate.fields(redis, FLEET)
    await put(store, TYPES | {"new": ["gpu"]})
    after = rawstate.fields(redis, FLEET)
    assert int(after["utilities_version"]) == int(before["utilities_version"]) + 1


async def test_types_and_their_counts_survive_observing_and_back(store: Store, redis: TextRedis, fleet: None) -> None:
    for number, kind in enumerate(("chat", "video", "default")):
        await assign(store, f"s{number}", kind)
    before = rawstate.fields(redis, FLEET)
    await store.fleets.configure(FLEET, replace(typed(), policy=POLICIES["observe"]), "{}")
    assert await findings(store, replace(typed(), policy=POLICIES["observe"])) == []
    with pytest.raises(errors.IncompatibleError):
        await store.sessions.report(FLEET, "s3", report_option("small-0", session_type="video"), None)
    reported = await store.sessions.report(FLEET, "s3", report_option("large-0", session_type="video"), None)
    assert reported.jlmu_choice
    assert reported.jlmu_choice.pool_class == "large", "small is free, and better"
    await put(store, TYPES)
    assert await findings(store, typed()) == []
    after = rawstate.fields(redis, FLEET)
    assert (before["type_sessions"], after["type_sessions"]) == ("1 1 1", "1 1 2")
    assert [after[name] for name in ("utilities_version", "type_assigned")] == [
        before[name] for name in ("utilities_version", "type_assigned")
    ]
    assert (await assign(store, "s4", "video")).startswith("large")


async def test_the_same_types_again_change_nothing(store: Store, redis: TextRedis, fleet: None) -> None:
    version = rawstate.fields(redis, FLEET)["utilities_version"]
    await put(store, TYPES)
    assert rawstate.fields(redis, FLEET)["utilities_version"] == version


async def test_a_fleet_without_types_any_more_is_as_one_that_never_had_them(store: Store, redis: TextRedis) -> None:
    await create(store, typed({}), {"small": 2, "large": 2})
    await put(store, TYPES)
    await assign(store, "s", "chat")
    await store.sessions.complete(FLEET, "s")
    await put(store, {})
    assert f"{{{FLEET}}}:types" not in redis.keys(f"{{{FLEET}}}:*")


async def test_a_repair_takes_a_type_away_that_may_not_be_there(store: Store, redis: TextRedis, fleet: None) -> None:
    await assign(store, "s", "video")
    key = f"{{{FLEET}}}:sessions"
    pool_id, _, *rest = redis.hget(key, "s").split()
    redis.hset(key, "s", " ".join([pool_id, "9", *rest]))
    assert await findings(store, typed())
    await repair(store, typed())
    assert (await store.sessions.get(FLEET, "s")).session_type == "default"
