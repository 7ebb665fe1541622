"""Recovery of sessions that the store has lost: items of several dispatchers, in any order, within the window."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from random import Random

import pytest
from structlog.testing import capture_logs

from slta.models import Drain, PoolSpec, errors
from slta.models.pools import Heartbeat
from slta.store import Store, StoreSettings
from slta.store._failover import replay_log
from slta.store._failover.items import Item
from slta.store.sessions import Sessions
from testbed.in_process import tick
from testbed.servers import Server
from tests.audit import violations
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, TWO_CLASSES, create, end, place, places, spec
from tests.store.moving import PATIENT
from tests.store.test_rollback import Image, lost


class Seconds:
    """Fleet time and the recovery's clock."""

    now = 1e15

    def __call__(self) -> str:
        return f"{self.now:.0f}"

    def pass_(self, seconds: float) -> None:
        self.now += seconds * 1e6


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    seconds = Seconds()
    monkeypatch.setattr(replay_log, "monotonic", lambda: seconds.now / 1e6)
    return seconds


@pytest.fixture
async def stores(own: Server, opening: AsyncExitStack, clock: Seconds) -> Sequence[Store]:
    """Two dispatchers of a fleet with two pools of each class."""
    made = [Store(StoreSettings(own.url, **PATIENT), Calls(), clock=clock) for _ in range(2)]
    for store in made:
        opening.push_async_callback(store.close)
    await create(made[0], spec(*TWO_CLASSES, policy="jlmu"), {"small": 2, "large": 2})
    for store in made:
        await tick(store, FLEET)
    return made


@pytest.fixture
async def late(own: Server, stores: Sequence[Store], clock: Seconds) -> Sequence[Store]:
    """The two, of which the first has not heard in six seconds that the store lost its session s0."""
    with lost(own):
        await place(stores[0], 1)
    await tick(stores[1], FLEET)
    clock.pass_(6)
    return stores


async def recover(*stores: Store) -> None:
    """Each hears of the loss, and recovers."""
    for store in stores:
        await tick(store, FLEET)
        await store.recover()


def not_restored(*stores: Store) -> Counter[tuple[str, str]]:
    observers = [store._recovery._observer for store in stores]
    return sum((one.lost for one in observers if isinstance(one, Calls)), Counter())


async def live(store: Store, *ids: str) -> list[str]:
    found = []
    for id_ in ids:
        try:
            await store.sessions.get(FLEET, id_)
        except errors.UnknownSessionError:
            continue
        found.append(id_)
    return found


async def full(store: Store) -> list[str]:
    """Fill the fleet; the ids."""
    return list(await place(store, 2 * sum(one.capacity for one in TWO_CLASSES)))


both_orders = pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "reversed"])


@both_orders
async def test_sessions_of_two_dispatchers_are_restored(
    own: Server, stores: Sequence[Store], order: tuple[int, int]
) -> None:
    old = await full(stores[0])
    with lost(own):
        await end(stores[1], old[:5])
        new = list(await place(stores[0], 5, "new"))
    await recover(*(stores[k] for k in order), *stores)
    assert await live(stores[0], *new) == new
    assert not_restored(*stores) == {}


async def test_a_session_is_restored_on_its_pool_full_or_not(own: Server, stores: Sequence[Store]) -> None:
    with lost(own):
        where = await places(stores[0], await full(stores[0]))
    new = list(await place(stores[1], 3, "new"))
    await recover(stores[0])
    assert await places(stores[0], where) == where
    assert await live(stores[0], *new) == new
    assert not stores[0].is_doubted(FLEET)
    with own.client() as redis:
        assert violations(redis, FLEET) == [], "sessions beyond the capacity add nothing to U"
    for id_ in where:
        await stores[0].sessions.complete(FLEET, id_)
    with own.client() as redis:
        assert violations(redis, FLEET) == []


async def test_a_call_since_the_fork_wins_over_all_that_was_lost(own: Server, stores: Sequence[Store]) -> None:
    with lost(own):
        await stores[0].sessions.report(FLEET, "s", "small-0", None)
    await stores[1].sessions.report(FLEET, "s", "large-1", None)
    await recover(*stores)
    assert await places(stores[0], ["s"]) == {"s": "large-1"}


async def test_changes_of_pools_are_named_and_not_sent_again(own: Server, stores: Sequence[Store]) -> None:
    with lost(own), capture_logs() as logs:
        await stores[0].pools.add(FLEET, [PoolSpec("p", "small")])
        await stores[0].pools.set_status(FLEET, "small-0", "draining")
        await stores[0].fleets.configure(FLEET, spec(*TWO_CLASSES, policy="slta"), "{}")
    with capture_logs() as logs:
        await recover(stores[0])
    assert {(kind, reason) for kind, reason in not_restored(*stores)} == {("pool", "not_sent"), ("put", "not_sent")}
    named = [line for line in logs if line["event"] == "changes_not_restored"]
    assert {name for line in named for name in line["names"]} >= {"p", "small-0"}
    assert (await stores[0].pools.get(FLEET, "small-0")).status == "active"


async def test_an_unknown_pool_is_asked_for_again_until_it_is_made(
    own: Server, stores: Sequence[Store], clock: Seconds
) -> None:
    with lost(own):
        await stores[0].pools.add(FLEET, [PoolSpec("p", "small"), PoolSpec("q", "small")])
        for id_, pool_id in (("s", "p"), ("t", "q")):
            await stores[0].sessions.report(FLEET, id_, pool_id, None)
    for at in range(8):
        await recover(stores[0])
        clock.pass_(4)
        if at == 2:
            await stores[1].pools.add(FLEET, [PoolSpec("p", "small")])
    clock.pass_(4)
    await recover(stores[0])
    assert await live(stores[0], "s", "t") == ["s"]
    assert not_restored(stores[0])["placed", "unknown_pool"] == 1
    assert stores[0].recovering == 0


async def test_what_comes_after_the_window_is_refused_and_counted(late: Sequence[Store]) -> None:
    await recover(late[0])
    assert await live(late[1], "s0") == []
    assert not_restored(late[0]) == {("placed", "late"): 1}


@pytest.mark.parametrize(
    "ask",
    [
        lambda sessions: sessions.complete(FLEET, "s0"),
        lambda sessions: sessions.complete(FLEET, "s0", mark=False),
        lambda sessions: sessions.renew(FLEET, ["s0"], None),
    ],
    ids=["complete", "complete without a mark", "renew"],
)
async def test_an_unknown_session_is_no_refusal_while_items_are_taken(
    own: Server, stores: Sequence[Store], clock: Seconds, ask: Callable[[Sessions], Awaitable[object]]
) -> None:
    with lost(own):
        await place(stores[0], 1)
    with pytest.raises(errors.RecoveringError):
        await ask(stores[1].sessions)
    await recover(stores[0])
    assert await live(stores[1], "s0") == ["s0"]
    clock.pass_(6)
    with pytest.raises(errors.UnknownSessionError):
        await stores[1].sessions.complete(FLEET, "never")


@pytest.mark.parametrize("by", ["lease", "deadline", "lost pool"])
async def test_no_session_ends_before_it_is_restored(
    own: Server, stores: Sequence[Store], clock: Seconds, by: str
) -> None:
    first = stores[0]
    await first.sessions.report(FLEET, "s", "small-0", 60 if by == "lease" else 0)
    if by == "deadline":
        await first.pools.set_status(FLEET, "small-0", "draining", drain=Drain(deadline_seconds=60, then="fail"))
    elif by == "lost pool":
        await first.pools.beat(FLEET, [Heartbeat("small-0", "10")])
    for _ in range(58 if by != "lost pool" else 130):
        clock.pass_(1)
        await tick(first, FLEET)
    with lost(own):
        await first.sessions.report(FLEET, "s", "small-1", None)
        await first.sessions.renew(FLEET, ["s"], 0)
    clock.pass_(4)
    await tick(stores[1], FLEET)
    await recover(first)
    assert (await first.sessions.get(FLEET, "s")).pool_id == "small-1"


async def test_two_failovers_in_a_row_lose_nothing(own: Server, stores: Sequence[Store]) -> None:
    image = Image(own)
    first = list(await place(stores[0], 3))
    image.restore(own)
    await tick(stores[1], FLEET)
    second = list(await place(stores[1], 3, "t"))
    image.restore(own)
    await recover(*stores, *stores)
    assert await live(stores[0], *first, *second) == [*first, *second]
    assert not_restored(*stores) == {}


@pytest.mark.parametrize("seed", range(10))
async def test_items_commute(own: Server, stores: Sequence[Store], seed: int) -> None:
    """In any order, repeatedly, and in calls of any size."""
    rng, functions, found = Random(seed), stores[0]._functions, []
    await place(stores[0], 4)
    _, stamp = await functions.send_stamped("recover", FLEET)
    image, pools = Image(own), ("small-0", "large-1", "small-1")
    for _ in range(3):
        image.restore(own)
        incarnation = (await functions.change("recover", FLEET))[-2]
        serial = itertools.count(stamp.revision + 1)
        items = [Item("placed", f"s{k % 6}", pools[k % 3], "", 10**7 * k, 1, next(serial)) for k in range(9)]
        items += [Item("ended", id_, "small-0", "completed", 0, 1, next(serial)) for id_ in ("s1", "x")]
        for _ in range(2):
            rng.shuffle(items)
            size = rng.randint(1, len(items))
            for at in range(0, len(items), size):
                chunk = items[at : at + size]
                await functions.change("restore", FLEET, incarnation=incarnation, items=chunk)
        with own.client() as redis:
            records = {id_: text.split() for id_, text in redis.hgetall(f"{{{FLEET}}}:sessions").items()}
            assert violations(redis, FLEET) == []
        found.append({id_: (words[0], words[3], words[4]) for id_, words in records.items()})
    assert found[0] == found[1] == found[2]


async def test_what_was_lost_with_a_whole_fleet_is_counted(own: Server, stores: Sequence[Store]) -> None:
    with lost(own):
        await place(stores[0], 1)
        await create(stores[0], spec(*TWO_CLASSES), {"small": 2}, "other")
        await place(stores[0], 3, name="other")
        await tick(stores[1], "other")
        for store in stores:
            store.keep_only([FLEET, "other"])
    await recover(*stores)
    assert not_restored(stores[0])["placed", "unknown_fleet"] == 3
    assert not_restored(stores[1]) == {}
