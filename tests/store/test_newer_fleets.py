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
from slta.store.library import LAYOUT
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
    findings,
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
    return encode("begin_compare", put_arguments(fleet, "{}", None))


def put(policy: str) -> list[Word]:
    """What the function `put` is given for two classes under this policy."""
    return configuration(with_policy(spec(*TWO_CLASSES), WITH_UNIFORM[policy]))


def unknown_policy(redis: Redis) -> None:
    redis.hset(f"{{{FLEET}}}:tables", "policy", "?")
    rawstate.poke(redis, FLEET, tables=1)


def newer_layout(redis: Redis) -> None:
    rawstate.poke(redis, FLEET, layout=LAYOUT + 1)


DAMAGES = {
    "newer layout": newer_layout,
    "policy": unknown_policy,
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
    assert newer("batch", "assign", "x", "", "0.5", "")[1][0][0] == "ASSIGNED"
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


async def test_a_field_that_is_not_known_is_carried_on(store: Store, redis: Redis) -> None:
    fleet = replace(with_policy(spec(*TWO_CLASSES), POLICIES["jlmu"]), session_types={"video": ["large"]})
    await create(store, fleet, {"small": 2, "large": 2})
    redis.hset(f"{{{FLEET}}}:fleet", "further", "17")
    await place(store, 3)
    await store.pools.set_status(FLEET, "small-0", "draining")
    await store.fleets.configure(FLEET, replace(fleet, lease_seconds=5), "{}")
    await place(store, 2, prefix="t")
    assert await findings(store, replace(fleet, lease_seconds=5)) == []
    assert redis.hget(f"{{{FLEET}}}:fleet", "further") == "17"
