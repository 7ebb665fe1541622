"""Recovery of what the store has lost: in any order, of several dispatchers, and what does not fit is counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from slta.models import Drain, PoolSpec, errors
from slta.models.heartbeats import Heartbeat
from slta.store import Store, StoreSettings
from slta.store._failover import recovery
from slta.store._failover.recovery import REST_SECONDS, RETRY_SECONDS
from slta.store.sessions import UNMARKED, Sessions
from testbed.in_process import tick
from testbed.servers import Server
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, SMALL, TWO_CLASSES, create, end, place, pool_class, spec
from tests.store.moving import PATIENT
from tests.store.test_rollback import Image, lost, restart

AWAY = PoolSpec("p", "small", "10.0.0.1:80", {"zone": "a"})
Step = Callable[[Store], Awaitable[object]]


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
    monkeypatch.setattr(recovery, "monotonic", lambda: seconds.now / 1e6)
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


def not_replayed(*stores: Store) -> dict[str, int]:
    observers = [store._recovery._observer for store in stores]
    return {reason: count for one in observers if isinstance(one, Calls) for reason, count in one.lost.items()}


async def pool_ids(store: Store) -> set[str]:
    return {pool.pool_id for pool in (await store.pools.page(FLEET, None, 1000)).pools}


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
async def test_sessions_given_room_are_replayed(own: Server, stores: Sequence[Store], order: tuple[int, int]) -> None:
    old = await full(stores[0])
    with lost(own):
        await end(stores[1], old[:5])
        new = list(await place(stores[0], 5, "new"))
    await recover(*(stores[k] for k in order), *stores)
    assert await live(stores[0], *new) == new
    assert not_replayed(*stores) == {}


async def test_sessions_that_others_displaced_are_counted(own: Server, stores: Sequence[Store], clock: Seconds) -> None:
    with lost(own):
        old = await full(stores[0])
    await place(stores[1], 3, "new")
    with capture_logs() as logs:
        await recover(stores[0])
        clock.pass_(RETRY_SECONDS + 1)
        await recover(stores[0])
    assert not_replayed(*stores) == {"over_capacity": 3}
    [line] = [line for line in logs if line["event"] == "changes_not_replayed"]
    assert len(line["ids"]) == 3
    assert len(await live(stores[0], *old)) == len(old) - 3


async def test_a_removal_waits_beside_sessions_given_up(own: Server, stores: Sequence[Store], clock: Seconds) -> None:
    await _add(stores[0])
    with lost(own):
        for k in range(TWO_CLASSES[0].capacity):
            await stores[0].sessions.report(FLEET, f"s{k}", "small-0", None)
        await _remove(stores[0])
    for id_, pool_id in (("new", "small-0"), ("guest", "p")):
        await stores[1].sessions.report(FLEET, id_, pool_id, None)
    for seconds in (0, RETRY_SECONDS + 1):
        clock.pass_(seconds)
        await recover(stores[0])
    await end(stores[1], ["guest"])
    clock.pass_(REST_SECONDS + 1)
    await recover(stores[0])
    assert not_replayed(stores[0]) == {"over_capacity": 1}
    assert "p" not in await pool_ids(stores[0])


async def test_what_does_not_fit_leaves_the_fleet_no_suspect(own: Server, stores: Sequence[Store]) -> None:
    with lost(own):
        await full(stores[0])
    await place(stores[1], 3, "new")
    await recover(stores[0])
    assert not stores[0].is_doubted(FLEET)
    assert stores[0].recovering == 1


async def test_pools_are_put_back_with_sessions_attributes_and_status(own: Server, stores: Sequence[Store]) -> None:
    with lost(own):
        await stores[0].pools.add(FLEET, [AWAY])
        await stores[0].sessions.report(FLEET, "s", "p", None)
        await stores[0].pools.set_status(FLEET, "p", "draining", drain=Drain(deadline_seconds=600, then="fail"))
        expected = await stores[0].pools.get(FLEET, "p")
    await recover(stores[0])
    assert await stores[0].pools.get(FLEET, "p") == expected


@both_orders
@pytest.mark.parametrize("is_one", [True, False], ids=["one dispatcher", "two dispatchers"])
async def test_a_pool_that_had_heartbeats_takes_no_session_until_it_is_heard(
    own: Server, stores: Sequence[Store], order: tuple[int, int], *, is_one: bool
) -> None:
    with lost(own):
        beat = [Heartbeat("p", "30")]
        await stores[0].pools.add(FLEET, [AWAY])
        await stores[0 if is_one else 1].pools.beat(FLEET, beat)
        await stores[0].pools.set_status(FLEET, "p", "active")
    await recover(*(stores[k] for k in order), *stores)
    assert (await stores[0].pools.get(FLEET, "p")).liveness == "lost"
    await stores[0].pools.beat(FLEET, beat)
    assert (await stores[0].pools.get(FLEET, "p")).takes_sessions


@pytest.mark.parametrize(
    ("order", "is_made_before", "many"),
    [((0,), True, False), ((0,), False, True), ((0, 1), False, False), ((1, 0), False, False), ((1, 0), True, True)],
)
async def test_a_forgotten_pool_that_was_made_again_and_undrained_serves(
    own: Server, stores: Sequence[Store], clock: Seconds, order: Sequence[int], *, is_made_before: bool, many: bool
) -> None:
    """Also if another dispatcher moves it then, whichever of them replays first."""
    store, soon = stores[0], replace(spec(*TWO_CLASSES, policy="jlmu"), gone_seconds=2, forget_seconds=2)
    await store.fleets.configure(FLEET, soon, "{}")
    await store.pools.beat(FLEET, [Heartbeat("small-0", "2")])
    for _ in range(10):
        clock.pass_(1)
        await tick(store, FLEET)
    image = Image(own)
    await store.pools.add(FLEET, [PoolSpec("small-0", "small")])
    image = Image(own) if is_made_before else image
    if many:
        await store.pools.set_statuses(FLEET, "active", ["small-0"])
    else:
        await store.pools.set_status(FLEET, "small-0", "active")
    await stores[max(order)].pools.move(FLEET, PoolSpec("small-0", "large"))
    image.restore(own)
    await recover(*(stores[k] for k in order))
    found = await store.pools.get(FLEET, "small-0")
    assert (found.pool_class, found.takes_sessions) == ("large", True)


async def _add(store: Store) -> object:
    return await store.pools.add(FLEET, [AWAY])


async def _remove(store: Store) -> None:
    await store.pools.remove(FLEET, "p")


async def _move(store: Store) -> object:
    return await store.pools.move(FLEET, PoolSpec("p", "large"))


async def _drain(store: Store) -> object:
    return await store.pools.set_statuses(FLEET, "draining", ["p"])


async def _label(store: Store) -> object:
    return await store.pools.add(FLEET, [PoolSpec("p", "small", labels={"zone": "b"})])


@both_orders
@pytest.mark.parametrize(
    "steps",
    [(_add, _remove), (_add, _move), (_add, _drain), (_add, _label), (_add, _remove, _add), (_add, _move, _remove)],
    ids=["removed", "moved", "drained", "labelled", "made again", "moved and removed"],
)
async def test_of_a_pool_s_changes_the_last_one_counts_whoever_replays_it_first(
    own: Server, stores: Sequence[Store], order: tuple[int, int], steps: Sequence[Step]
) -> None:
    with lost(own):
        for number, step in enumerate(steps):
            await step(stores[number % 2])
        expected = (await stores[0].pools.page(FLEET, None, 1000)).pools
    await recover(*(stores[k] for k in order), *stores)
    assert (await stores[0].pools.page(FLEET, None, 1000)).pools == expected
    assert not_replayed(*stores) == {}


async def test_a_deletion_answered_since_wins_though_no_pool_was_there(own: Server, stores: Sequence[Store]) -> None:
    with lost(own):
        await _add(stores[0])
    with pytest.raises(errors.UnknownPoolError):
        await _remove(stores[1])
    await recover(*stores)
    assert "p" not in await pool_ids(stores[0])


async def test_a_pool_made_since_stays_though_its_removal_was_lost(own: Server, stores: Sequence[Store]) -> None:
    await _add(stores[0])
    with lost(own):
        await _remove(stores[0])
    await _add(stores[1])
    await recover(*stores)
    assert "p" in await pool_ids(stores[0])


@pytest.mark.slow
async def test_as_many_pools_as_a_fleet_may_have_are_put_back(own: Server, stores: Sequence[Store]) -> None:
    with lost(own):
        await stores[0].pools.add(FLEET, [PoolSpec(f"p-{k}", "small") for k in range(65_532)])
    await recover(stores[0])
    assert [one.counts[0] for one in (await stores[0].fleets.snapshot(FLEET)).classes] == [65_534, 2]


async def test_pools_of_a_class_that_was_lost_are_counted(own: Server, stores: Sequence[Store], clock: Seconds) -> None:
    with lost(own):
        third = pool_class("third", SMALL, 4)
        await stores[0].fleets.configure(FLEET, spec(*TWO_CLASSES, third, policy="jlmu"), "{}")
        await stores[0].pools.add(FLEET, [PoolSpec("q", "third")])
        await stores[0].sessions.report(FLEET, "s", "q", None)
    await recover(stores[0])
    clock.pass_(RETRY_SECONDS + 1)
    await recover(stores[0])
    assert not_replayed(stores[0]) == {"unknown_class": 1, "unknown_pool": 1}


async def test_a_deleted_fleet_does_not_come_back(own: Server, stores: Sequence[Store]) -> None:
    await place(stores[1], 1)
    with lost(own):
        await end(stores[1], ["s0"])
        await stores[0].fleets.delete(FLEET)
    restart(own)
    for store in stores:
        store.keep_only([])
        with suppress(errors.StoreUnavailableError):
            await store.fleets.names()  # hears that its connection is broken
    await recover(*stores, stores[0])
    assert await stores[0].fleets.names() == []
    await create(stores[0], spec(*TWO_CLASSES), {})  # for the audit


async def test_a_fleet_configured_since_stays_though_its_end_was_lost(own: Server, stores: Sequence[Store]) -> None:
    with lost(own):
        await stores[0].fleets.delete(FLEET)
    await stores[1].fleets.configure(FLEET, spec(*TWO_CLASSES, policy="jlmu"), "{}")
    await recover(stores[0])
    assert await stores[0].fleets.names() == [FLEET]


@pytest.mark.parametrize(
    "ask",
    [
        lambda sessions: sessions.complete(FLEET, "s0"),
        lambda sessions: sessions.complete(FLEET, "s0", mark=False),
        lambda sessions: sessions.renew(FLEET, ["s0"], None),
    ],
    ids=["complete", "complete without a mark", "renew"],
)
async def test_an_unknown_session_is_no_refusal_while_facts_may_be_replayed(
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


async def _renew_unknown(store: Store) -> object:
    return await store.sessions.renew(FLEET, ["s0"], None)


async def _end_unmarked(store: Store) -> object:
    return await store.sessions.operate(FLEET, [("complete", "s0", "", UNMARKED)])


@pytest.mark.parametrize("answered", [_renew_unknown, _end_unmarked])
async def test_a_session_that_was_answered_as_unknown_is_not_put_back(late: Sequence[Store], answered: Step) -> None:
    await answered(late[1])
    await recover(late[0])
    assert await live(late[1], "s0") == []


@pytest.mark.parametrize("by", ["lease", "deadline", "lost pool"])
async def test_no_session_ends_before_the_replay(own: Server, stores: Sequence[Store], clock: Seconds, by: str) -> None:
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


async def test_marks_are_dropped_when_nobody_has_facts(own: Server, stores: Sequence[Store], clock: Seconds) -> None:
    with lost(own):
        await _add(stores[0])
    await recover(stores[0])
    with own.client() as redis:
        assert redis.exists(f"{{{FLEET}}}:marks")
        for _ in range(300):  # until ended ids are dropped next
            clock.pass_(4)
            await tick(stores[0], FLEET)
        assert not redis.exists(f"{{{FLEET}}}:marks")


async def test_what_was_superseded_does_not_come_back_with_a_second_loss(own: Server, stores: Sequence[Store]) -> None:
    await _add(stores[0])
    image = Image(own)
    await stores[0].pools.set_status(FLEET, "p", "draining")
    await _remove(stores[1])
    for _ in range(2):
        image.restore(own)
        await recover(stores[1])
        await place(stores[1], 3, f"between{_}-")
        await recover(*stores)
        assert "p" not in await pool_ids(stores[0])


async def test_sessions_answered_as_unknown_leave_marks_up_to_a_number(own: Server, late: Sequence[Store]) -> None:
    with own.client() as redis:
        redis.hset(f"{{{FLEET}}}:marks", mapping={f"session {k}": "1 1" for k in range(100_000)})
        await late[1].sessions.renew(FLEET, ["never"], None)
        assert redis.hlen(f"{{{FLEET}}}:marks") == 100_000


async def test_what_was_lost_with_a_whole_fleet_is_counted(own: Server, stores: Sequence[Store]) -> None:
    with lost(own):
        await place(stores[0], 1)
        await create(stores[0], spec(*TWO_CLASSES), {"small": 2}, "other")
        await place(stores[0], 3, name="other")
        await tick(stores[1], "other")
        for store in stores:
            store.keep_only([FLEET, "other"])
    await recover(*stores)
    assert not_replayed(stores[0]) == {"unknown_fleet": 5}
    assert not_replayed(stores[1]) == {}
