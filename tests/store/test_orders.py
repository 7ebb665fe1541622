"""A fleet's order of coordinates changes under its sessions: totals and averages stay, what follows from it is new."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from redis import Redis

from slta.core.fleet import FleetSpec
from slta.core.orders import PAPER, Index, Kink
from slta.core.ranking import Coordinate
from slta.core.utility import TableUtility
from slta.models import PoolSpec
from slta.store import Store
from slta.views.averages import averages
from tests.store.conftest import Clock
from tests.store.fleets import EACH_POLICY, FLEET, create, pass_seconds, place, pool_class, spec


def table(*marginals: int) -> TableUtility:
    return TableUtility(tuple(Fraction(sum(marginals[:x])) for x in range(len(marginals) + 1)))


TIED = (pool_class("flat", table(1, 1, 1, 1), 4), pool_class("kinked", table(3, 1, 1, 1), 4))
"""The paper fills the levels of 1 class by class; by their kinks those of the second class come first."""


def tied(order: Any, policy: str = "slta") -> FleetSpec:
    return replace(spec(*TIED, policy=policy), order=order)


def live_order(redis: Redis) -> list[tuple[int, int]]:
    text = redis.hget(f"{{{FLEET}}}:tables", "order")
    return [(int(text[at : at + 2]) - 1, int(text[at + 2 : at + 6])) for at in range(0, len(text), 6)]


@EACH_POLICY
async def test_other_orders_keep_totals_and_averages(store: Store, redis: Redis, clock: Clock, policy: str) -> None:
    await create(store, tied(PAPER, policy), {"flat": 2, "kinked": 2})
    await place(store, 6)
    before = await store.fleets.snapshot(FLEET)
    await pass_seconds(store, clock, 10)
    await store.fleets.configure(FLEET, tied(Kink(), policy), "{}")
    await place(store, 2, prefix="t")
    await pass_seconds(store, clock, 10)
    after = await store.fleets.snapshot(FLEET)
    assert live_order(redis) == list(tied(Kink()).ranking.order) != list(tied(PAPER).ranking.order)
    assert after.integrals.utilities_version == before.integrals.utilities_version
    found = averages(after.integrals, before.integrals, tied(Kink(), policy))
    assert found.mean_sessions_per_pool == pytest.approx((6 + 8) / 2 / 4)
    assert found.utility_mean == pytest.approx((10 + 12) / 2 / 4), "two levels of 3, and four, then six, of 1"


@pytest.mark.parametrize(
    ("changed", "moves"),
    [
        (tied(Kink()), 0),
        (tied(Kink(), "jlmu"), 0),
        (tied(Index(5.0), "jlmu"), 0),
        (replace(spec(pool_class("flat", table(2, 1, 1, 1)), TIED[1]), order=Kink()), 1),
        (replace(spec(*TIED[::-1]), order=Kink()), 1),
    ],
    ids=["order", "order and policy", "index", "order and curves", "order and places"],
)
async def test_the_version_of_utilities_moves_with_totals_alone(store: Store, changed: FleetSpec, moves: int) -> None:
    await create(store, tied(PAPER), {"flat": 2, "kinked": 2})
    await place(store, 5)
    before = (await store.fleets.snapshot(FLEET)).integrals.utilities_version
    await store.fleets.configure(FLEET, changed, "{}")
    await store.fleets.configure(FLEET, replace(changed, order=PAPER), "{}")
    assert (await store.fleets.snapshot(FLEET)).integrals.utilities_version == before + moves


async def test_a_fleet_without_pools_takes_the_order_too(store: Store, redis: Redis) -> None:
    await store.fleets.configure(FLEET, tied(PAPER), "{}")
    await store.fleets.configure(FLEET, tied(Kink()), "{}")
    await store.pools.add(FLEET, [PoolSpec("a", "flat"), PoolSpec("b", "kinked")])
    assert [Coordinate(*c) for c in live_order(redis)] == list(tied(Kink()).ranking.order)
