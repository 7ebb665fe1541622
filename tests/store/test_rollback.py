"""A store that lost acknowledged writes: every dispatcher notices, and replays what it acknowledged, and only that."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress

import pytest
from structlog.testing import capture_logs

from slta.audit import repair_fleet
from slta.core.fleet import FleetSpec
from slta.fleet_file import Specs
from slta.models import PoolSpec, errors
from slta.store import Store, StoreSettings
from testbed.in_process import TINY, tick
from testbed.sentinels import Group, until
from testbed.servers import Server
from tests import rawstate
from tests.store.conftest import Calls
from tests.store.fleets import FLEET, TWO_CLASSES, create, end, end_of, occupancies, place, places, spec
from tests.store.moving import Moving, opened
from tests.toy.uniform import LIBRARY


async def second_passes(store: Store) -> None:
    """What a dispatcher does each second."""
    await store.recover()
    store.keep_only(await store.fleets.names())
    await tick(store, FLEET)


async def counted(store: Store) -> tuple[int, int]:
    """How often the fleet was marked, and its epoch."""
    snapshot = await store.fleets.snapshot(FLEET)
    return snapshot.counters["went_back"], snapshot.store_epoch


class Image:
    """A fleet's keys as they were, to go back to."""

    def __init__(self, server: Server) -> None:
        with server.client() as redis:
            self.keys = {key: redis.dump(key) for key in redis.scan_iter(count=1000)}

    def restore(self, server: Server) -> None:
        with server.client() as redis:
            redis.flushall()
            for key, dumped in self.keys.items():
                redis.restore(key, 0, dumped)


@contextmanager
def lost(server: Server) -> Iterator[None]:
    """What is written within is lost."""
    image = Image(server)
    yield
    image.restore(server)


async def two(own: Server, opening: AsyncExitStack, fleet: FleetSpec) -> list[Moving]:
    """Two dispatchers that know one fleet."""
    stores = [await opened(opening, own.url) for _ in range(2)]
    await create(stores[0], fleet, {"small": 3, "large": 3})
    for store in stores:
        await second_passes(store)
    return stores


async def known(own: Server, opening: AsyncExitStack, fleet: FleetSpec, **pools: int) -> Store:
    """A dispatcher that knows the fleet."""
    store = await opened(opening, own.url)
    await create(store, fleet, pools)
    await second_passes(store)
    return store


def restart(own: Server) -> None:
    own.kill()
    own.start()


async def reconnected(*stores: Store) -> list[dict[str, object]]:
    """What is logged until each has heard of the other process, and has had a second more."""
    with capture_logs() as logs:
        for store in stores:
            with suppress(errors.StoreUnavailableError):
                await store.fleets.names()  # hears that its connection is broken
            for _ in range(2):
                await second_passes(store)
    return [dict(line) for line in logs if line["event"] == "store_went_back"]


async def has_ended(store: Store, *ids: str) -> bool:
    return None not in [await end_of(store, id_) for id_ in ids]


async def lease_left(store: Store, id_: str = "s0") -> float:
    left = (await store.sessions.get(FLEET, id_)).lease_seconds_left
    return float("inf") if left is None else left


# Where nothing was lost, nothing is replayed


async def test_a_restart_that_lost_nothing_replays_nothing(own: Server, opening: AsyncExitStack) -> None:
    first, second = await two(own, opening, spec(*TWO_CLASSES, lease=600))
    await place(first, 6)
    await second.sessions.renew(FLEET, ["s1"], 3600)
    await end(second, ["s0"])
    before = await first.fleets.snapshot(FLEET)
    restart(own)
    assert await reconnected(first, second) == []
    assert (await counted(first)) == (0, before.store_epoch)
    assert await has_ended(first, "s0")
    assert await lease_left(first, "s1") > 3500


async def test_a_lease_that_another_lengthened_is_not_shortened(own: Server, opening: AsyncExitStack) -> None:
    first, second = await two(own, opening, spec(*TWO_CLASSES, lease=600))
    await place(first, 3)
    await first.sessions.renew(FLEET, ["s0", "s1", "s2"], 5)
    await second.sessions.renew(FLEET, ["s0", "s1", "s2"], 3600)
    restart(own)
    assert await reconnected(second, first) == []
    assert [await lease_left(first, f"s{k}") > 3500 for k in range(3)] == [True] * 3


@pytest.mark.parametrize("what", ["deleted and made anew", "deleted and made anew after the restart"])
async def test_what_a_deleted_fleet_acknowledged_stays_out(own: Server, opening: AsyncExitStack, what: str) -> None:
    first, second = await two(own, opening, spec(*TWO_CLASSES))
    await place(first, 5)
    await end(second, [f"s{k}" for k in range(5)])
    if what.endswith("restart"):
        restart(own)
        await second.check()  # hears that its connection is broken
    await second.fleets.delete(FLEET)
    await create(second, spec(*TWO_CLASSES), {"small": 3, "large": 3})
    if not what.endswith("restart"):
        restart(own)
    assert await reconnected(first, second) == []
    assert await occupancies(second) == dict.fromkeys(await occupancies(second), 0)


async def test_a_short_retention_lets_no_ended_session_live_again(own: Server, opening: AsyncExitStack) -> None:
    first, second = await two(own, opening, spec(*TWO_CLASSES, retention=1))
    with lost(own):
        await place(first, 5)
        await end(second, [f"s{k}" for k in range(5)])
    for store in (second, first):  # the end comes before the placement that it ends
        await second_passes(store)
    assert await has_ended(first, *(f"s{k}" for k in range(5)))


async def test_a_pool_that_was_removed_since_is_no_loss(own: Server, opening: AsyncExitStack) -> None:
    first, second = await two(own, opening, spec(*TWO_CLASSES))
    placed = await place(first, 2)
    await end(second, placed)
    for pool_id in set(placed.values()):
        await second.pools.remove(FLEET, pool_id)
    restart(own)
    assert await reconnected(first, second) == []
    assert (await counted(first))[0] == 0


async def test_a_report_from_elsewhere_is_no_loss(own: Server, opening: AsyncExitStack) -> None:
    first, second = await two(own, opening, spec(*TWO_CLASSES, policy="observe"))
    for k, pool_id in enumerate(("small-0", "large-0", "small-1", "large-1")):
        await (first, second)[k % 2].sessions.report(FLEET, "s", pool_id, None)
    for k in range(4):  # the place that the first knows of is taken meanwhile
        await second.sessions.report(FLEET, f"other-{k}", "small-1", None)
    restart(own)
    assert await reconnected(second, first) == []
    assert (await second.sessions.get(FLEET, "s")).pool_id == "large-1"
    assert (await counted(first))[0] == 0


async def test_a_library_that_is_loaded_again_is_no_failover(own: Server, opening: AsyncExitStack) -> None:
    first, second = await two(own, opening, spec(*TWO_CLASSES))
    await place(first, 3)
    before = await first._functions.change("recover", FLEET)
    with own.client() as redis:
        redis.function_flush()
    assert await reconnected(first, second) == []
    assert await first._functions.change("recover", FLEET) == before


async def test_two_versions_of_the_library_write_in_one_incarnation(own: Server, opening: AsyncExitStack) -> None:
    store = await known(own, opening, spec(*TWO_CLASSES), small=1)
    other = Store(StoreSettings(own.url), Calls(), library=LIBRARY)
    opening.push_async_callback(other.close)
    for _ in range(2):
        for one in (other, store):
            await tick(one, FLEET)
    assert len((await store._functions.change("recover", FLEET))[1:]) == 2


async def test_every_acknowledged_operation_raises_the_revision(own: Server, opening: AsyncExitStack) -> None:
    store = await known(own, opening, spec(*TWO_CLASSES, policy="observe"), small=3)
    await store.sessions.report(FLEET, "s0", "small-0", None)
    revisions = []

    async def told(operation: tuple[str, ...]) -> str:
        reply, stamp = await store._functions.send_stamped("batch", FLEET, operations=[operation])
        revisions.append(stamp.revision)
        return str(reply[1][0][0])

    words = [
        await told(operation)
        for operation in (
            ("renew", "s0", "", "", ""),
            ("report", "s0", "", "0.5", "small-1"),
            ("report", "s1", "", "0.5", "small-1"),
            ("adopt", "s2", "small-2", "", ""),
            ("end", "s2", "small-2", "failed", ""),
            ("complete", "s0", "", "", ""),
            ("complete", "never", "", "", ""),
        )
    ]
    assert words == ["RENEWED", "MOVED", "NEW", "ADOPTED", "ENDED_NOW", "COMPLETED", "UNKNOWN"]
    assert revisions == sorted(set(revisions))


# What was lost is replayed


async def test_what_a_state_from_before_lacks_is_replayed(own: Server, opening: AsyncExitStack) -> None:
    store = await known(own, opening, spec(*TWO_CLASSES, lease=600), small=3, large=3)
    await place(store, 4, "old")
    await second_passes(store)
    with lost(own):
        placed = await place(store, 6, "new")
        await end(store, ["old0", "new0"])
        _, epoch = await counted(store)
    await tick(store, FLEET)
    assert store.recovery_requested.is_set()
    with capture_logs() as logs:
        await second_passes(store)
    assert [(line["replayed"], line["to_retry"]) for line in logs] == [(7, 0)]
    assert await places(store, list(placed)[1:]) == {id_: placed[id_] for id_ in list(placed)[1:]}
    assert await has_ended(store, "old0", "new0")
    marks, later = await counted(store)
    assert (marks, later > epoch) == (1, True)
    await second_passes(store)
    assert await counted(store) == (1, later), "it is marked once"


async def test_a_refused_call_does_not_hide_a_loss(own: Server, opening: AsyncExitStack) -> None:
    store = await known(own, opening, spec(*TWO_CLASSES), small=3, large=3)
    with lost(own):
        placed = await place(store, 3)
    with pytest.raises(errors.VersionMismatchError):
        await store.fleets.configure(FLEET, spec(*TWO_CLASSES), "{}", expected_version=77)
    await second_passes(store)
    await second_passes(store)
    assert await places(store, placed) == placed


async def test_what_was_reported_is_replayed_where_it_was_under_its_lease(own: Server, opening: AsyncExitStack) -> None:
    store = await known(own, opening, spec(*TWO_CLASSES, policy="observe", lease=600), small=2, large=2)
    await store.sessions.report(FLEET, "old", "small-0", None)
    await second_passes(store)
    with lost(own):
        for id_, pool in (("new", "small-0"), ("moves", "small-1"), ("ends", "small-1")):
            await store.sessions.report(FLEET, id_, pool, 60)
        await store.sessions.report(FLEET, "old", "large-0", 60)
        await store.sessions.report(FLEET, "moves", "large-1", None)
        await end(store, ["ends"])
    for _ in range(2):
        await second_passes(store)
    found = [await store.sessions.get(FLEET, id_) for id_ in ("old", "new", "moves")]
    assert [session.pool_id for session in found] == ["large-0", "small-0", "large-1"]
    assert [(session.lease_seconds_left or 0) > 100 for session in found] == [True, False, False]
    assert await has_ended(store, "ends")
    assert (await counted(store))[0] == 1


Step = Callable[[Store], Awaitable[object]]


async def _assign(store: Store) -> object:
    return await store.sessions.assign(FLEET, "s0", 5)


async def _renew(store: Store) -> object:
    return await store.sessions.renew(FLEET, ["s0"], 3600)


async def _complete(store: Store) -> object:
    return await store.sessions.complete(FLEET, "s0")


async def _move(store: Store) -> object:
    return await store.sessions.report(FLEET, "s0", "large-1", None)


LOST: dict[str, tuple[Step, ...]] = {
    "a placement and its renewal": (_assign, _renew),
    "a placement and its end": (_assign, _complete),
    "a placement and a move": (_assign, _move),
    "a placement, its renewal and a move": (_assign, _renew, _move),
}


@pytest.mark.parametrize("what", LOST)
async def test_replays_in_any_order_come_to_the_same_end(own: Server, opening: AsyncExitStack, what: str) -> None:
    steps = LOST[what]
    stores = [await opened(opening, own.url) for _ in steps]
    await create(stores[0], spec(*TWO_CLASSES), {"small": 3, "large": 3})
    for order in itertools.permutations(range(len(steps))):
        for store in stores:
            await second_passes(store)
        image = Image(own)
        for store, step in zip(stores, steps, strict=True):
            await step(store)
        expected = await told(stores[0])
        image.restore(own)
        await tick(stores[0], FLEET)
        for k in order:
            await tick(stores[k], FLEET)
            await stores[k].recover()
        assert await told(stores[0]) == expected, order
        image.restore(own)
        for store in stores:  # a new past for the next order
            store._replay_log.forget(FLEET, store._replay_log._calls[FLEET], 0)


async def told(store: Store) -> tuple[str, bool] | None:
    """The session's pool, and whether its lease is the long one; None where it has ended."""
    try:
        session = await store.sessions.get(FLEET, "s0")
    except errors.SessionEndedError:
        return None
    return session.pool_id, (session.lease_seconds_left or 0) > 3000


async def test_each_dispatcher_replays_its_own_and_one_loss_is_counted(own: Server, opening: AsyncExitStack) -> None:
    stores = [await opened(opening, own.url) for _ in range(3)]
    await create(stores[0], spec(*TWO_CLASSES), {"small": 3, "large": 3})
    for store in stores:
        await second_passes(store)
    with lost(own):
        placed = [await place(store, 3, f"of{number}-") for number, store in enumerate(stores)]
    for _ in range(2):
        for store in stores:
            await second_passes(store)
    for store, sessions in zip(stores, placed, strict=True):
        assert await places(store, sessions) == sessions
    assert (await counted(stores[0]))[0] == 1


async def test_a_silent_dispatcher_replays_though_others_wrote_more(own: Server, opening: AsyncExitStack) -> None:
    store, other = await two(own, opening, spec(*TWO_CLASSES))
    await place(store, 2, "old")
    await second_passes(store)
    with lost(own):
        placed = await place(store, 3, "new")
    restart(own)
    await other.check()
    for k in range(30):  # the revision is beyond the one that is missed
        await other.sessions.complete(FLEET, f"old{k % 2}")
    for k in range(12):
        await place(other, 1, f"more{k}-")
        await end(other, [f"more{k}-0"])
    logs = await reconnected(store)
    assert [(line["replayed"], line["to_retry"]) for line in logs] == [(3, 0)]
    assert (await counted(store))[0] == 1
    assert await places(store, placed) == placed


async def test_what_was_replayed_and_lost_again_is_replayed_once_more(own: Server, opening: AsyncExitStack) -> None:
    store = await known(own, opening, spec(*TWO_CLASSES), small=3)
    image = Image(own)
    placed = await place(store, 3)
    for _ in range(2):
        image.restore(own)
        for _ in range(2):
            await second_passes(store)
        assert await places(store, placed) == placed


async def test_a_report_from_before_the_loss_is_refused(own: Server, opening: AsyncExitStack) -> None:
    store = await known(own, opening, spec(*TWO_CLASSES), small=1)
    with lost(own):
        await place(store, 2)
        before = (await store.fleets.snapshot(FLEET)).as_of
    await tick(store, FLEET)
    await second_passes(store)
    with pytest.raises(errors.StaleReportError):
        await store.pools.reconcile(FLEET, "small-0", before, [])
    assert await occupancies(store) == {"small-0": 2}


async def test_no_lease_ends_for_a_while_after_a_loss(own: Server, opening: AsyncExitStack) -> None:
    store = await known(own, opening, spec(*TWO_CLASSES), small=1)
    with lost(own):
        await place(store, 3)
    await tick(store, FLEET)
    await second_passes(store)
    with own.client() as redis:
        found = rawstate.fields(redis, FLEET)
    assert 55e6 < float(found["hold_until"]) - float(found["time"]) <= 60e6


async def test_a_state_that_a_repair_made_anew_lost_no_operation(own: Server, opening: AsyncExitStack) -> None:
    store, document = await opened(opening, own.url), json.dumps(TINY)
    await store.fleets.configure(FLEET, await Specs().of(document), document)
    await store.pools.add(FLEET, [PoolSpec("p", "small")])
    await place(store, 2)
    await second_passes(store)
    before = await store._functions.change("recover", FLEET)
    with own.client() as redis:
        redis.delete(f"{{{FLEET}}}:fleet")
    assert await repair_fleet(store, Specs(), FLEET)
    assert await reconnected(store) == []
    assert (await store._functions.change("recover", FLEET))[:2] == before[:2]
    assert await occupancies(store) == {"p": 2}


async def test_a_fleet_that_was_deleted_and_made_anew_did_not_go_back(own: Server, opening: AsyncExitStack) -> None:
    store, other = await opened(opening, own.url), await opened(opening, own.url)
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    for k in range(5):  # so that the new fleet's revision is lower
        await place(store, 1, f"of{k}-")
        await end(store, [f"of{k}-0"])
    await second_passes(other)
    _, epoch = await counted(store)
    await store.fleets.delete(FLEET)
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    assert await reconnected(other, store) == []
    marks, later = await counted(store)
    assert (marks, later > epoch) == (0, True), "another epoch, though it was made within the same second"


# A replica is promoted


async def on_the_pair(opening: AsyncExitStack, pair: Group) -> Moving:
    store = await opened(opening, pair.url(0))
    await create(store, spec(*TWO_CLASSES), {"small": 3, "large": 3})
    await place(store, 2, "old")
    await second_passes(store)
    until(lambda: pair.has_all_of(1, 0))
    return store


def promote(pair: Group, number: int = 1) -> None:
    with pair.servers[number].client() as replica:
        replica.execute_command("REPLICAOF", "NO", "ONE")


def follow(pair: Group, number: int, master: int) -> None:
    with pair.servers[number].client() as replica:
        replica.execute_command("REPLICAOF", "127.0.0.1", str(pair.ports[master]))


def cut_off(pair: Group) -> None:
    """The replica hears no more of its master, which goes on."""
    with pair.servers[1].client() as replica:
        replica.execute_command("REPLICAOF", "127.0.0.1", "1")


@pytest.mark.slow
async def test_a_promotion_that_lost_nothing_is_no_loss(pair: Group, opening: AsyncExitStack) -> None:
    store = await on_the_pair(opening, pair)
    await place(store, 3, "new")
    until(lambda: pair.has_all_of(1, 0))
    promote(pair)
    await store.move(pair.ports[1])
    assert await reconnected(store) == []
    assert (await counted(store))[0] == 0


@pytest.mark.slow
async def test_there_and_back_without_a_loss_is_no_loss(pair: Group, opening: AsyncExitStack) -> None:
    store = await on_the_pair(opening, pair)
    for master, replica in ((1, 0), (0, 1)):
        await place(store, 1, f"on{replica}-")
        until(lambda: pair.has_all_of(master, replica))  # noqa: B023 - it is called at once
        promote(pair, master)
        follow(pair, replica, master)
        await store.move(pair.ports[master])
        assert await reconnected(store) == []
        until(lambda: pair.has_all_of(replica, master))  # noqa: B023 - as above
    assert (await counted(store))[0] == 0


@pytest.mark.slow
async def test_what_the_new_master_lacked_is_replayed_beside_newer_work(pair: Group, opening: AsyncExitStack) -> None:
    store, other = await on_the_pair(opening, pair), await opened(opening, pair.url(0))
    await second_passes(other)
    cut_off(pair)
    placed = await place(store, 3, "new")
    await second_passes(store)
    promote(pair)
    await other.move(pair.ports[1])
    await place(other, 8, "more")  # the revision of the new side is beyond the old one's
    await store.move(pair.ports[1])
    logs = await reconnected(store)
    assert [line["replayed"] for line in logs] == [3]
    assert await places(store, placed) == placed
    assert (await counted(store))[0] == 1
