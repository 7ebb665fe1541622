"""A fleet on which a price that counts who sits well, and no wait, loses 7 % of the utility of restricted JLMU."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random

from slta.core.fleet import FleetSpec
from slta.core.policies import POLICIES
from slta.core.utility import PoolClass
from slta.store import Store
from tests.core.curves import falling
from tests.store.fleets import FLEET, create

POOLS = {"good": 5, "mid": 3, "tail": 2}
GAINS = {"good": [1200] * 6, "mid": [500] * 13 + [25] * 7, "tail": [26] * 13}
"""What each session on a pool adds."""
SETS = {"any": ["good", "mid", "tail"], "two": ["good", "mid"]}
LOADS = {"any": 23, "two": 46}
EVENTS = 2000


class Pools:
    """Sessions on pools, by own reckoning: each class is filled evenly."""

    def __init__(self) -> None:
        self.levels = {name: [0] * count for name, count in POOLS.items()}
        self.at: dict[str, tuple[str, int]] = {}
        self.utility = 0

    def gain(self, name: str) -> int:
        """Of the next session of a class, negative without room."""
        return (*GAINS[name], -1)[min(self.levels[name])]

    async def jlmu(self, _: str, kind: str) -> str:
        return max(SETS[kind], key=self.gain)

    def join(self, session_id: str, name: str) -> None:
        self.utility += self.gain(name)
        pool = self.levels[name].index(min(self.levels[name]))
        self.levels[name][pool] += 1
        self.at[session_id] = name, pool

    def leave(self, session_id: str) -> None:
        name, pool = self.at.pop(session_id)
        self.levels[name][pool] -= 1
        self.utility -= GAINS[name][self.levels[name][pool]]


async def mean_utility(
    pools: Pools, place: Callable[[str, str], Awaitable[str]], end: Callable[[str], Awaitable[object]]
) -> float:
    """With Poisson arrivals and exponential stays, after a fifth of the events; the same sessions at each call."""
    rng, time, area, load = Random(7), 0.0, 0.0, sum(LOADS.values())
    for number in range(EVENTS):
        rate = load + len(pools.at)
        elapsed = rng.expovariate(rate) * (number > EVENTS // 5)
        time, area = time + elapsed, area + pools.utility * elapsed
        if rng.random() * rate < load:
            kind = "any" if rng.random() * load < LOADS["any"] else "two"
            pools.join(f"s{number}", await place(f"s{number}", kind))
        else:
            gone = rng.choice(list(pools.at))
            await end(gone)
            pools.leave(gone)
    return area / time


async def test_a_price_loses_nothing_where_the_needy_sit_well_and_would_gain_next_to_nothing(store: Store) -> None:
    classes = tuple(PoolClass(name, falling(gains), len(gains)) for name, gains in GAINS.items())
    await create(store, FleetSpec(classes, POLICIES["jlmu"], lease_seconds=0, session_types=SETS), POOLS)

    async def place(session_id: str, kind: str) -> str:
        return (await store.sessions.assign(FLEET, session_id, None, session_type=kind)).pool_class

    async def end(session_id: str) -> None:
        await store.sessions.complete(FLEET, session_id)

    async def ignore(_: str) -> None:
        pass

    alone = Pools()
    restricted = await mean_utility(alone, alone.jlmu, ignore)
    assert await mean_utility(Pools(), place, end) > 0.995 * restricted


KEEPING = FleetSpec(
    (PoolClass("good", falling([10] * 4), 4), PoolClass("mid", falling([1] * 3), 3)),
    POLICIES["jlmu"],
    lease_seconds=0,
    session_types={"rare": ["good"]},
    reserve=1,
)


async def classes(store: Store, count: int, first: int = 0) -> list[str]:
    """Where so many sessions of the default type go, as long as there is room."""
    placed = [await store.sessions.assign(FLEET, f"s{k}", None) for k in range(first, first + count)]
    return [one.pool_class for one in placed]


async def test_the_last_places_are_for_those_who_have_no_other_and_when_all_else_is_full(store: Store) -> None:
    await create(store, KEEPING, {"good": 2, "mid": 1})
    await store.sessions.assign(FLEET, "r", None, session_type="rare")
    assert await classes(store, 10) == ["good"] * 5 + ["mid"] * 3 + ["good"] * 2  # 1 + √1 are kept
    for session_id in ("s9", "s8"):
        await store.sessions.complete(FLEET, session_id)
    assert (await store.sessions.assign(FLEET, "r2", None, session_type="rare")).pool_class == "good"


async def test_a_report_takes_a_place_that_is_kept(store: Store) -> None:
    await create(store, KEEPING, {"good": 2, "mid": 1})
    await store.sessions.assign(FLEET, "r", None, session_type="rare")
    assert await classes(store, 6) == ["good"] * 5 + ["mid"]
    pool = (await store.sessions.get(FLEET, "s0")).pool_id
    assert (await store.sessions.report(FLEET, "reported", pool, None)).pool_class == "good"


async def test_another_reserve_holds_from_the_next_session_on(store: Store) -> None:
    await create(store, KEEPING, {"good": 2, "mid": 1})
    await store.sessions.assign(FLEET, "r", None, session_type="rare")
    assert await classes(store, 6) == ["good"] * 5 + ["mid"]
    await store.fleets.configure(FLEET, replace(KEEPING, reserve=0.5), "{}")
    assert await classes(store, 2, first=6) == ["good", "mid"]
    await store.fleets.configure(FLEET, replace(KEEPING, reserve=0), "{}")
    assert await classes(store, 1, first=8) == ["good"]
