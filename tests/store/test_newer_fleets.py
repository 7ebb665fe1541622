"""What a library does not know it leaves alone: fleets of a newer layout, policy, pool status or field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.models import PoolSpec, errors
from slta.store import Store
from slta.store._encoding import put_arguments
from slta.store.fleets import FLEETS_KEY
from slta.store.library import LAYOUT, Library, assemble
from slta.store.operations import Word, encode
from testbed.in_process import tick
from tests import rawstate
from tests.audit import violations
from tests.store.fleets import (
    FLEET,
    LARGE,
    SMALL,
    TWO_CLASSES,
    create,
    field,
    place,
    pool_class,
    spec,
    unchanged,
    with_policy,
)
from tests.toy.uniform import LIBRARY, WITH_UNIFORM

Call = Callable[..., list[Any]]


@pytest.fixture
def newer(redis: Redis) -> Call:
    """Calls a function of a library that knows one policy and one layout more than ours."""
    redis.execute_command("FUNCTION", "LOAD", "REPLACE", LIBRARY.source)

    def call(function: str, *arguments: Any) -> list[Any]:
        words = (f"slta_{LIBRARY.digest}_{function}", 1, f"{{{FLEET}}}:fleet", "", *arguments)
        reply: list[Any] = redis.execute_command("FCALL", *words)
        return reply

    return call


def configuration(fleet: FleetSpec) -> list[Word]:
    """Words of a configuration."""
    return encode("begin_survey", put_arguments(fleet, "{}", None))


def put(policy: str) -> list[Word]:
    """What the function `put` is given for two classes under this policy."""
    return configuration(with_policy(spec(*TWO_CLASSES), WITH_UNIFORM[policy]))


DAMAGES = {
    "newer layout": lambda redis: rawstate.poke(redis, FLEET, layout=LAYOUT + 1),
    "policy": lambda redis: rawstate.poke(redis, FLEET, policy="not-yet"),
}


@pytest.mark.parametrize("what", sorted(DAMAGES))
async def test_every_call_answers_newer_fleet_and_changes_nothing(store: Store, redis: Redis, what: str) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    await place(store, 3)
    DAMAGES[what](redis)
    calls: list[Callable[[], Any]] = [
        lambda: store.sessions.assign(FLEET, "new", None),
        lambda: store.sessions.complete(FLEET, "s0"),
        lambda: store.sessions.renew(FLEET, ["s0"], None),
        lambda: store.sessions.get(FLEET, "s0"),
        lambda: tick(store, FLEET),
        lambda: store.fleets.snapshot(FLEET),
        lambda: store.fleets.config(FLEET),
        lambda: store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}"),
        lambda: store.pools.add(FLEET, [PoolSpec("p", "small")]),
        lambda: store.pools.set_status(FLEET, "small-0", "draining"),
        lambda: store.pools.fail(FLEET, "small-0"),
        lambda: store.pools.move(FLEET, PoolSpec("small-0", "large")),
        lambda: store.pools.remove(FLEET, "small-0"),
        lambda: store.pools.reconcile(FLEET, "small-0", "", []),
        lambda: store.pools.page(FLEET, None, 10),
        lambda: store.fleets.delete(FLEET),
    ]
    with unchanged(redis):
        for call in calls:
            with pytest.raises(errors.NewerFleetError):
                await call()
    redis.srem(FLEETS_KEY, FLEET)  # the audit after each test knows no newer fleets either


async def test_two_versions_share_a_fleet_until_one_uses_a_novelty(store: Store, newer: Call, redis: Redis) -> None:
    """First replace all dispatchers, then use what is new; roll back by leaving it first."""
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    assert newer("batch", "assign", "by-the-newer", "", "0.5", "")[1][0][0] == "ASSIGNED"
    assert (await store.sessions.assign(FLEET, "by-the-newer", None)).replayed
    assert newer("put", "", "", *put("jlmu"))[0] == "CONFIGURED"
    await store.sessions.complete(FLEET, "by-the-newer")

    assert newer("put", "", "", *put("uniform"))[0] == "CONFIGURED"
    assert field(redis, "uniform_placements") == "0"
    assert newer("batch", "assign", "x", "", "0.5", "")[1][0][-1] == "any"
    with pytest.raises(errors.NewerFleetError):
        await store.sessions.assign(FLEET, "y", None)
    with pytest.raises(errors.NewerFleetError):
        await tick(store, FLEET)
    assert (field(redis, "suspect"), field(redis, "repairs")) == ("", "0")

    assert newer("put", "", "", *put("slta"))[0] == "CONFIGURED"
    assert (await store.sessions.assign(FLEET, "x", None)).replayed
    assert not (await store.sessions.assign(FLEET, "y", None)).replayed
    assert violations(redis, FLEET) == []


async def test_curves_changed_by_another_version_are_read_again(store: Store, newer: Call, redis: Redis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    await place(store, 3)
    exchanged = spec(pool_class("small", LARGE, 4), pool_class("large", SMALL, 6))
    assert newer("put", "", "", *configuration(exchanged))[0] == "CONFIGURED"
    await place(store, 4, prefix="t")
    assert violations(redis, FLEET) == []


async def test_a_configuration_that_the_library_does_not_know_is_refused(store: Store, redis: Redis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    with unchanged(redis), pytest.raises(errors.NewerFleetError):
        await store.fleets.configure(FLEET, with_policy(spec(*TWO_CLASSES), WITH_UNIFORM["uniform"]), "{}")


# A further field of the same layout


def with_a_further_field() -> Library:
    """The library of a version that counts placements in a field more, at the end of the fleet's block."""
    source, digest = assemble()
    for right, wrong in (
        ("}\nlocal HOT_VECTORS", "  'further',\n}\nlocal HOT_VECTORS"),
        (
            "  fleet[counter] = fleet[counter] + (change or 1)\n",
            "  fleet[counter] = fleet[counter] + (change or 1)\n  fleet.further = fleet.further + 1\n",
        ),
    ):
        assert source.count(right) == 1, right
        source = source.replace(right, wrong)
    return Library(source.replace(digest, "further1"), "further1")


async def test_a_field_that_is_not_known_is_carried_on(store: Store, redis: Redis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    further = with_a_further_field()
    redis.execute_command("FUNCTION", "LOAD", further.source)
    values = rawstate.unpack(redis, FLEET)
    end = 4 + int(values[3])
    rawstate.pack(redis, FLEET, [*values[:3], str(end - 3), *values[4:end], "0", *values[end:]])

    def assign_by_the_newer(session: str) -> str:
        words = (f"slta_{further.digest}_batch", 1, f"{{{FLEET}}}:fleet", "", "assign", session, "", "0.5", "")
        outcome: str = redis.execute_command("FCALL", *words)[1][0][0]
        return outcome

    assert not (await store.sessions.assign(FLEET, "a", None)).replayed
    assert assign_by_the_newer("b") == "ASSIGNED"
    assert not (await store.sessions.assign(FLEET, "c", None)).replayed
    await store.sessions.complete(FLEET, "a")
    await store.pools.set_status(FLEET, "small-0", "draining")
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES, lease=5), "{}")
    assert assign_by_the_newer("d") == "ASSIGNED"
    fleet_block = rawstate.unpack(redis, FLEET)[3:]
    assert fleet_block[int(fleet_block[0])] == "2", "it counted its two and lost none between"
    assert violations(redis, FLEET) == []


async def test_a_further_block_is_carried_on(store: Store, redis: Redis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    rawstate.pack(redis, FLEET, [*rawstate.unpack(redis, FLEET), "0", "2", "17", "words"])
    await place(store, 3)
    assert rawstate.unpack(redis, FLEET)[-4:] == ["0", "2", "17", "words"], "behind the empty block of session types"


async def test_further_numbers_of_the_block_of_session_types_are_carried_on(store: Store, redis: Redis) -> None:
    fleet = replace(with_policy(spec(*TWO_CLASSES), POLICIES["jlmu"]), session_types={"video": ["large"]})
    await create(store, fleet, {"small": 2, "large": 2})
    *values, length, types, classes, intervals, default, video = rawstate.unpack(redis, FLEET)
    assert (length, types) == ("5", "2")
    rawstate.pack(redis, FLEET, [*values, "6", types, classes, intervals, default, video, "17"])
    await place(store, 3)
    assert rawstate.unpack(redis, FLEET)[-1] == "17"
    assert violations(redis, FLEET) == []
