"""A fleet is created, changed under its sessions, and deleted without a trace."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from fractions import Fraction
from typing import Any

import pytest
from redis import Redis

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.policies.tokens import Beta
from slta.core.utility import LinearUtility
from slta.models import PoolSpec, errors
from slta.store import Store, StoreSettings
from slta.store.fleets import FLEETS_KEY
from testbed.in_process import tick
from testbed.servers import TextRedis
from tests import rawstate
from tests.store.conftest import Calls, Clock
from tests.store.fleets import (
    EACH_POLICY,
    FLAT,
    FLEET,
    LARGE,
    SMALL,
    STEPS,
    TWO_CLASSES,
    create,
    end,
    everything,
    occupancies,
    place,
    places,
    pool_class,
    spec,
    unchanged,
    with_beta,
)
from tests.store.model import World
from tests.store.model_curves import log_curve, rational_curve
from tests.store.model_fleet import FLEET as WORLD


@pytest.fixture
async def placed(store: Store) -> dict[str, str]:
    """Two pools of each of two classes, and 13 sessions on them: pool by session."""
    await create(store, spec(*TWO_CLASSES), {"small": 2, "large": 2})
    return await place(store, 13)


def shape(redis: TextRedis) -> dict[str, str]:
    """What tokens and r are made of, as stored."""
    state = rawstate.fields(redis, FLEET)
    return {name: state.get(name, "") for name in ("rank", "green", "yellow", "thresholds")}


# Creating and replacing


async def test_creating_and_changing_count_versions_and_keep_the_document(store: Store) -> None:
    first = await store.fleets.configure(FLEET, spec(*TWO_CLASSES), '{"ä": 1}')
    assert (first.config_version, first.created) == (1, True)
    second = await store.fleets.configure(FLEET, spec(*TWO_CLASSES), '{"b": 2}')
    assert (second.config_version, second.created) == (2, False)
    assert await store.fleets.config(FLEET) == ('{"b": 2}', 2)
    assert await store.fleets.names() == [FLEET]


async def test_the_version_guards_against_lost_updates(store: Store, redis: Redis) -> None:
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}", expected_version=0)
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}", expected_version=1)
    for stale in (0, 1, 3):
        with unchanged(redis), pytest.raises(errors.VersionMismatchError) as refused:
            await store.fleets.configure(FLEET, spec(*TWO_CLASSES, policy="jlmu"), '{"x": 1}', expected_version=stale)
        assert refused.value.context == {"config_version": "2"}


async def test_a_version_of_a_fleet_that_is_not_there_creates_nothing(store: Store, redis: Redis) -> None:
    with pytest.raises(errors.VersionMismatchError):
        await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}", expected_version=3)
    assert redis.keys("*") == []
    assert await store.fleets.names() == []


async def test_the_same_configuration_again_moves_nothing(store: Store, placed: dict[str, str], redis: Redis) -> None:
    before, integrals = shape(redis), (await store.fleets.snapshot(FLEET)).integrals
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}")
    assert shape(redis) == before
    assert (await store.fleets.snapshot(FLEET)).integrals == integrals
    assert await places(store, placed) == placed


@pytest.mark.parametrize(
    "changed",
    [
        spec(pool_class("small", LARGE, 4), pool_class("large", SMALL, 6)),
        spec(pool_class("small", FLAT, 4), pool_class("large", STEPS, 6)),
        spec(pool_class("small", SMALL, 40), pool_class("large", LARGE, 60)),
        spec(pool_class("large", LARGE, 6), pool_class("small", SMALL, 4)),
        spec(pool_class("new"), *TWO_CLASSES, pool_class("other", FLAT, 30)),
        spec(*TWO_CLASSES, policy="jlmu"),
        spec(*TWO_CLASSES, lease=5, retention=1),
        with_beta(spec(*TWO_CLASSES), Beta(exponent=None, fixed=Fraction(1, 5))),
    ],
    ids=["curves", "families", "capacities", "order", "new classes", "policy", "times", "beta"],
)
async def test_live_sessions_are_kept_after_changes(store: Store, placed: dict[str, str], changed: FleetSpec) -> None:
    before = await occupancies(store)
    await store.fleets.configure(FLEET, changed, "{}")
    assert await places(store, placed) == placed
    assert await occupancies(store) == before
    await store.sessions.complete(FLEET, "s0")
    assert (await store.sessions.assign(FLEET, "next", None)).pool_id in placed.values()


async def test_a_policy_switched_back_finds_r_anew(store: Store, placed: dict[str, str], redis: Redis) -> None:
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES, policy="jlmu"), "{}")
    assert (await store.sessions.assign(FLEET, "a", None)).token == "open"
    under_jlmu = await store.fleets.snapshot(FLEET)
    assert redis.keys("*:green:*") + redis.keys("*:yellow") == [], "tokens are SLTA's"
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}")
    under_slta = await store.fleets.snapshot(FLEET)
    assert under_slta.utility == under_jlmu.utility
    assert under_slta.rank == _optimal_rank([2, 2], under_slta.sessions)
    assert (await store.sessions.assign(FLEET, "b", None)).token in {"green", "yellow", "none"}


def _optimal_rank(pools: list[int], sessions: int) -> int:
    """r* by counting places in the order of the two classes (eq. 5)."""
    for rank, coordinate in enumerate(spec(*TWO_CLASSES).ranking.order, start=1):
        if sessions < pools[coordinate.pool_class]:
            return rank
        sessions -= pools[coordinate.pool_class]
    return len(spec(*TWO_CLASSES).ranking)


@pytest.mark.parametrize(
    ("changed", "moves"),
    [
        (spec(*TWO_CLASSES, lease=9), False),
        (spec(*TWO_CLASSES, policy="jlmu"), False),
        (spec(*TWO_CLASSES[::-1]), True),
        (spec(pool_class("small", SMALL, 5), TWO_CLASSES[1]), True),
        (spec(pool_class("small", FLAT, 4), TWO_CLASSES[1]), True),
        (spec(*TWO_CLASSES, pool_class("third")), True),
    ],
)
async def test_the_version_of_utilities_moves_with_curves_capacities_and_classes_only(
    store: Store, placed: dict[str, str], changed: FleetSpec, moves: bool
) -> None:
    before = (await store.fleets.snapshot(FLEET)).integrals.utilities_version
    await store.fleets.configure(FLEET, changed, "{}")
    assert (await store.fleets.snapshot(FLEET)).integrals.utilities_version == before + moves


async def test_an_order_that_differs_where_totals_do_not_is_taken_over(store: Store, redis: Redis) -> None:
    """1/3 and a little more are the same integers; only the order of dispatch tells them apart."""
    tiny = Fraction(1, 10**30)
    one, other = LinearUtility(Fraction(1, 3)), LinearUtility(Fraction(1, 3) + tiny)
    await create(store, spec(pool_class("a", one), pool_class("b", one)), {"a": 2, "b": 2})
    await store.fleets.configure(FLEET, spec(pool_class("a", one), pool_class("b", other)), "{}")
    order = redis.hget(f"{{{FLEET}}}:tables", "order")
    assert [order[at : at + 2] for at in range(0, 48, 6)] == [" 2"] * 4 + [" 1"] * 4
    assert (await store.sessions.assign(FLEET, "s", None)).pool_class == "b"


# Capacities


@EACH_POLICY
async def test_a_capacity_below_what_is_held_changes_nothing(store: Store, redis: Redis, policy: str) -> None:
    await create(store, spec(*TWO_CLASSES, policy=policy), {"small": 2, "large": 2})
    await place(store, 20)
    with unchanged(redis), pytest.raises(errors.CapacityBelowOccupancyError) as refused:
        await store.fleets.configure(FLEET, spec(TWO_CLASSES[0], pool_class("large", LARGE, 5), policy=policy), "{}")
    assert refused.value.context == {"name": "large"}


async def test_sessions_on_draining_pools_count_against_a_smaller_capacity(store: Store) -> None:
    await create(store, spec(pool_class("small", SMALL, 4)), {"small": 1})
    await place(store, 3)
    await store.pools.set_status(FLEET, "small-0", "draining")
    with pytest.raises(errors.CapacityBelowOccupancyError):
        await store.fleets.configure(FLEET, spec(pool_class("small", SMALL, 2)), "{}")
    await store.fleets.configure(FLEET, spec(pool_class("small", SMALL, 3)), "{}")
    await store.pools.set_status(FLEET, "small-0", "active")
    with pytest.raises(errors.NoCapacityError):
        await store.sessions.assign(FLEET, "late", None)


# Classes come and go


async def test_a_class_that_has_pools_cannot_go_whatever_their_status(store: Store, redis: Redis) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 1, "large": 1})
    for status in ("active", "draining", "failed"):
        await store.pools.set_status(FLEET, "large-0", status)
        with unchanged(redis), pytest.raises(errors.ClassInUseError) as refused:
            await store.fleets.configure(FLEET, spec(TWO_CLASSES[0]), "{}")
        assert refused.value.context == {"name": "large"}
    await store.pools.remove(FLEET, "large-0")
    await store.fleets.configure(FLEET, spec(TWO_CLASSES[0]), "{}")
    assert [c.name for c in (await store.fleets.snapshot(FLEET)).classes] == ["small"]


async def test_a_class_that_goes_leaves_no_row_and_its_number_is_given_again(store: Store, redis: Redis) -> None:
    first, last = pool_class("first", SMALL, 3), pool_class("last", LARGE, 5)
    gone = pool_class("gone", LARGE, 9)
    await create(store, spec(first, gone, last), {"first": 1, "gone": 1, "last": 1})
    placed = await place(store, 17)
    await end(store, placed)
    await store.pools.remove(FLEET, "gone-0")
    await store.fleets.configure(FLEET, spec(last, first), "{}")
    assert redis.hget(f"{{{FLEET}}}:document", "ids") == "2 0", "they are permanent: pools' numbers have them"
    assert redis.keys(f"{{{FLEET}}}:*:1") == []
    await store.fleets.configure(FLEET, spec(pool_class("heir"), first, last), "{}")
    assert redis.hget(f"{{{FLEET}}}:document", "ids") == "1 0 2"
    assert [c.counts[0] for c in (await store.fleets.snapshot(FLEET)).classes] == [0, 1, 1]
    await store.pools.add(FLEET, [PoolSpec("h", "heir")])
    assert len(await place(store, 12, "t")) == 12


async def test_vectors_follow_their_classes_to_new_places(store: Store) -> None:
    await create(store, spec(*TWO_CLASSES), {"small": 3, "large": 2})
    await store.pools.set_status(FLEET, "large-0", "draining")
    await store.pools.set_status(FLEET, "small-2", "failed")
    await place(store, 9)
    before = {c.name: c for c in (await store.fleets.snapshot(FLEET)).classes}
    await store.fleets.configure(FLEET, spec(pool_class("new"), *TWO_CLASSES[::-1]), "{}")
    after = (await store.fleets.snapshot(FLEET)).classes
    assert [c.name for c in after] == ["new", "large", "small"]
    for seen in after[1:]:
        was = before[seen.name]
        assert (seen.counts, seen.draining_pools, seen.failed_pools) == (
            was.counts,
            was.draining_pools,
            was.failed_pools,
        )
        assert seen.assigned == was.assigned


# Deleting


@EACH_POLICY
async def test_deleting_leaves_no_key(store: Store, redis: Redis, policy: str) -> None:
    await create(store, spec(*TWO_CLASSES, policy=policy, lease=50), {"small": 3, "large": 2})
    placed = await place(store, 20)
    await store.pools.set_status(FLEET, "large-0", "draining")
    await store.pools.fail(FLEET, "small-0")
    await store.sessions.renew(FLEET, list(placed), 100)
    await tick(store, FLEET)
    await store.fleets.configure(FLEET, spec(*TWO_CLASSES, policy=policy, lease=50), "{}", file="digest")
    with pytest.raises(errors.UnknownSessionError):
        await store.sessions.complete(FLEET, "never")
    await end(store, placed)
    await store.fleets.delete(FLEET)
    assert redis.keys("*") == []
    for call in (store.sessions.assign(FLEET, "s", None), store.fleets.config(FLEET), store.fleets.delete(FLEET)):
        with pytest.raises(errors.UnknownFleetError):
            await call


async def test_a_fleet_with_sessions_is_not_deleted(store: Store, placed: dict[str, str], redis: Redis) -> None:
    for pool in ("small-0", "small-1", "large-0", "large-1"):
        await store.pools.set_status(FLEET, pool, "draining")
    with unchanged(redis), pytest.raises(errors.FleetInUseError):
        await store.fleets.delete(FLEET)
    assert await store.fleets.names() == [FLEET]
    assert await places(store, placed) == placed


async def test_a_fleet_created_anew_remembers_nothing_of_the_old(store: Store, placed: dict[str, str]) -> None:
    await end(store, placed)
    await store.fleets.delete(FLEET)
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    snapshot = await store.fleets.snapshot(FLEET)
    assert (snapshot.config_version, snapshot.sessions, snapshot.counters["assigned"]) == (1, 0, 0)
    assert not (await store.sessions.assign(FLEET, "s0", None)).replayed


class Interrupted(Store):
    """A store just before one of whose commands something else happens, once."""

    def interrupt(self, command: str, act: Callable[[], Awaitable[object]]) -> None:
        functions: Any = self._functions
        send = functions._exchange

        async def act_first(key: str, *commands: Sequence[object], durable: bool) -> Any:
            words = commands[0]
            if command in (words[0], str(words[1]).rpartition("_")[2]):
                functions._exchange = send
                await act()
            return await send(key, *commands, durable=durable)

        functions._exchange = act_first


@pytest.fixture
async def interrupted(server: str, calls: Calls, clock: Clock) -> AsyncIterator[Interrupted]:
    opened = Interrupted(StoreSettings(server, call_timeout_seconds=30), calls, clock=clock)
    yield opened
    await opened.close()


async def test_a_fleet_created_while_its_namesake_is_deleted_is_listed(store: Store, interrupted: Interrupted) -> None:
    await create(store, spec(*TWO_CLASSES), {})
    interrupted.interrupt("SREM", lambda: create(store, spec(*TWO_CLASSES), {}))
    await interrupted.fleets.delete(FLEET)
    assert await store.fleets.names() == [FLEET]
    assert (await store.fleets.config(FLEET))[1] == 1


async def test_a_fleet_unlisted_amid_its_put_is_listed(store: Store, interrupted: Interrupted, redis: Redis) -> None:
    async def delete_in_between() -> None:
        redis.srem(FLEETS_KEY, FLEET)

    interrupted.interrupt("put", delete_in_between)
    await create(interrupted, spec(*TWO_CLASSES), {})
    assert await store.fleets.names() == [FLEET]


async def test_deleting_again_after_a_lost_reply_strikes_the_name_off(store: Store, redis: Redis) -> None:
    redis.sadd(FLEETS_KEY, FLEET)
    with pytest.raises(errors.UnknownFleetError):
        await store.fleets.delete(FLEET)
    assert await store.fleets.names() == []


async def test_fleets_do_not_touch_each_other(store: Store, redis: Redis) -> None:
    for name in ("a", "a:b", "a.", "A"):
        await create(store, spec(*TWO_CLASSES), {"small": 1}, name)
        await store.sessions.assign(name, "s", None)
    others = {name: everything(redis, name) for name in ("a", "a.", "A")}
    await store.sessions.complete("a:b", "s")
    await store.fleets.delete("a:b")
    assert {name: everything(redis, name) for name in others} == others
    assert await store.fleets.names() == ["A", "a", "a."]


# Random histories with changes of configuration in between


class ChangingWorld(World):
    """A random fleet whose policy, curves and capacities change while it lives."""

    def change_configuration(self) -> None:
        if self.rng.random() < 0.5:
            others = [policy for policy in POLICIES.values() if policy is not self.policy]
            self.policy = self.rng.choice([one for one in others if one.takes_types or not self.types.sets])
        if self.rng.random() < 0.7:
            family = self.rng.choice([rational_curve, log_curve])
            self.curves = [family(self.rng) for _ in self.names]
        for i, _ in enumerate(self.names):
            held = max((len(p.sessions) for p in self.pools if p.pool_class == i), default=0)
            self.capacities[i] = self.rng.randint(max(held, 1), 11)
        self.configure()
        self.compare_state()


@pytest.mark.parametrize("seed", range(8))
def test_after_any_change_the_store_decides_as_the_new_configuration_says(redis: Redis, seed: int) -> None:
    world = ChangingWorld(redis, seed, random.Random(seed).choice(list(POLICIES.values())), with_naive=False)
    for stage in range(1, 6):
        world.live(150 * stage)
        world.change_configuration()
    assert redis.exists(f"{{{WORLD}}}:fleet")
