"""The leap of slta-greedy: where no pool has a token, r goes in one step of the store to the rank that gives one."""

from __future__ import annotations

from fractions import Fraction

from redis import Redis

from slta.core.policies import Occupancies, SltaGreedy
from slta.core.policies.tokens import Beta
from slta.core.utility import QuadraticUtility
from slta.store import Store
from tests.store.fleets import FLEET, LARGE, as_of, create, field, pool_class, spec

CAPACITY, HELD = 900, 800
CLASSES = (
    pool_class("a", LARGE, CAPACITY),
    pool_class("b", LARGE, CAPACITY),
    pool_class("c", QuadraticUtility(Fraction(1), Fraction(-1, 50)), CAPACITY),
)


async def report(store: Store, pool: str, held: int) -> None:
    """A pool says that it holds these sessions, of which the store knew none."""
    await store.pools.reconcile(FLEET, pool, await as_of(store), [f"{pool}-{k}" for k in range(held)])


def specification(columns: list[list[int | None]], rank: int) -> SltaGreedy:
    policy = SltaGreedy(Occupancies(spec(*CLASSES).ranking, columns), Beta())
    policy._set_rank(rank)
    return policy


async def test_after_reports_r_leaps_as_far_as_the_specification_walks(store: Store, redis: Redis) -> None:
    await create(store, spec(*CLASSES, policy="slta-greedy"), {"a": 2, "b": 2, "c": 2})
    assert (field(redis, "rank"), field(redis, "learning_steps_up")) == ("1", "0")
    for pool in ("a-0", "a-1", "b-0", "b-1", "c-0", "c-1"):
        await report(store, pool, HELD)
    assert field(redis, "rank") == "1", "reports move nothing"

    twin = specification([[HELD, HELD]] * 3, 1)
    decision = twin.assign(0.5)
    assert decision
    placed = await store.sessions.assign(FLEET, "new", None)

    assert placed.token == decision.token == "yellow"
    assert int(field(redis, "rank")) == decision.rank
    assert int(field(redis, "learning_steps_up")) == decision.rank - 1 > 1500, "each rank passed is a step up"
