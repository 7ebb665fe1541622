"""A store that has forgotten what it acknowledged: every dispatcher notices, and puts back what it was told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service import errors
from service.store import Store
from tests import rawstate
from tests.audit import violations
from tests.sentinels import Group, group, until
from tests.servers import SERVERS, Server, own_server
from tests.store.fleets import FLEET, TWO_CLASSES, create, end, occupancies, place, spec
from tests.store.moving import Moving, opened


@pytest.fixture(params=sorted(SERVERS))
def binary(request: pytest.FixtureRequest) -> str:
    return SERVERS[request.param]


@pytest.fixture
def own(binary: str) -> Iterator[Server]:
    with own_server(binary, "--appendfsync", "always") as server:
        yield server
        with server.client() as client:
            assert violations(client, FLEET) == []


@pytest.fixture
def pair(tmp_path: Path, binary: str) -> Iterator[Group]:
    with group(tmp_path, binary, 2) as made:
        yield made


async def second_passes(store: Store) -> None:
    """What a dispatcher does each second."""
    await store.check()
    store.keep_only(await store.fleets.names())
    await store.fleets.tick(FLEET)


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


async def test_a_state_from_before_is_noticed_and_what_was_acknowledged_is_put_back(
    own: Server, opening: AsyncExitStack
) -> None:
    store = await opened(opening, own.url)
    await create(store, spec(*TWO_CLASSES, lease=600), {"small": 3, "large": 3})
    await place(store, 4, "old")
    await second_passes(store)
    image = Image(own)
    placed = await place(store, 6, "new")
    await end(store, ["old0", "new0"])
    _, epoch = await counted(store)
    image.restore(own)
    with pytest.raises(errors.UnknownSession):
        await store.sessions.get(FLEET, "new1")
    assert store.doubted.is_set(), "a read tells it too"
    with capture_logs() as logs:
        await second_passes(store)
    assert [(line["why"], line["put_back"], line["not_back"]) for line in logs] == [("revision", 6, 0)]
    for id_ in list(placed)[1:]:
        assert (await store.sessions.get(FLEET, id_)).pool_id == placed[id_]
    for id_ in ("old0", "new0"):
        with pytest.raises((errors.SessionEnded, errors.UnknownSession)):
            await store.sessions.get(FLEET, id_)
    marks, later = await counted(store)
    assert (marks, later > epoch) == (1, True)
    await second_passes(store)
    assert await counted(store) == (1, later), "it is marked once"


async def test_what_was_reported_is_put_back_where_it_was_last_under_its_lease(
    own: Server, opening: AsyncExitStack
) -> None:
    store = await opened(opening, own.url)
    await create(store, spec(*TWO_CLASSES, policy="observe", lease=600), {"small": 2, "large": 2})
    await store.sessions.report(FLEET, "old", "small-0", None)
    await second_passes(store)
    image = Image(own)
    for id_, pool in (("new", "small-0"), ("moves", "small-1"), ("ends", "small-1")):
        await store.sessions.report(FLEET, id_, pool, 60)
    await store.sessions.report(FLEET, "old", "large-0", 60)
    await store.sessions.report(FLEET, "moves", "large-1", None)
    await end(store, ["ends"])
    image.restore(own)
    assert (await store.sessions.get(FLEET, "old")).pool_id == "small-0"
    with capture_logs() as logs:
        await second_passes(store)
    assert [(line["why"], line["put_back"], line["not_back"]) for line in logs] == [("revision", 3, 0)]
    found = [await store.sessions.get(FLEET, id_) for id_ in ("old", "new", "moves")]
    assert [session.pool_id for session in found] == ["large-0", "small-0", "large-1"]
    assert [(session.lease_seconds_left or 0) > 100 for session in found] == [True, False, False]
    with pytest.raises(errors.SessionEnded):
        await store.sessions.get(FLEET, "ends")
    assert (await counted(store))[0] == 1


async def two_that_observe(own: Server, opening: AsyncExitStack) -> list[Moving]:
    """Two dispatchers with one observing fleet."""
    stores = [await opened(opening, own.url) for _ in range(2)]
    await create(stores[0], spec(*TWO_CLASSES, policy="observe"), {"small": 2, "large": 2})
    for store in stores:
        await second_passes(store)
    return stores


async def test_a_report_is_not_put_back_over_a_later_one_that_another_dispatcher_was_told_of(
    own: Server, opening: AsyncExitStack
) -> None:
    """After a restart that lost nothing each of them does once more what it was told, in any order."""
    first, second = await two_that_observe(own, opening)
    for k, pool_id in enumerate(("small-0", "large-0", "small-1", "large-1")):
        await (first, second)[k % 2].sessions.report(FLEET, "s", pool_id, None)
    for k in range(4):  # the place that the first knows of is taken meanwhile
        await second.sessions.report(FLEET, f"other-{k}", "small-1", None)
    own.kill()
    own.start()
    with capture_logs() as logs:
        for store in (second, first):
            await store.check()  # hears that its connection is broken
            await second_passes(store)
    assert logs == []
    assert (await second.sessions.get(FLEET, "s")).pool_id == "large-1"
    assert (await counted(first))[0] == 0


async def test_a_move_that_was_lost_is_put_back_though_the_dispatchers_do_so_in_another_order(
    own: Server, opening: AsyncExitStack
) -> None:
    first, second = await two_that_observe(own, opening)
    image = Image(own)
    for store, pool_id in ((first, "small-0"), (second, "large-1")):
        await store.sessions.report(FLEET, "s", pool_id, None)
    image.restore(own)
    for store in (first, second, first, second):
        await second_passes(store)
    assert (await first.sessions.get(FLEET, "s")).pool_id == "large-1"


async def test_each_dispatcher_puts_back_what_it_was_told_and_one_of_them_marks(
    own: Server, opening: AsyncExitStack
) -> None:
    stores = [await opened(opening, own.url) for _ in range(3)]
    await create(stores[0], spec(*TWO_CLASSES), {"small": 3, "large": 3})
    for store in stores:
        await second_passes(store)
    image = Image(own)
    placed = [await place(store, 3, f"of{number}-") for number, store in enumerate(stores)]
    image.restore(own)
    for _ in range(2):
        for store in stores:
            await second_passes(store)
    for store, sessions in zip(stores, placed, strict=True):
        for id_, pool_id in sessions.items():
            assert (await store.sessions.get(FLEET, id_)).pool_id == pool_id
    assert (await counted(stores[0]))[0] == 1


async def test_a_report_from_before_the_loss_is_refused(own: Server, opening: AsyncExitStack) -> None:
    store = await opened(opening, own.url)
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    await second_passes(store)
    image = Image(own)
    await place(store, 2)
    before = (await store.fleets.snapshot(FLEET)).as_of
    image.restore(own)
    await store.fleets.tick(FLEET)
    await second_passes(store)
    with pytest.raises(errors.StaleReport):
        await store.pools.reconcile(FLEET, "small-0", before, [])
    assert await occupancies(store) == {"small-0": 2}


async def test_no_lease_ends_for_a_while_after_a_loss(own: Server, opening: AsyncExitStack) -> None:
    store = await opened(opening, own.url)
    await create(store, spec(*TWO_CLASSES), {"small": 1})
    await second_passes(store)
    image = Image(own)
    await place(store, 3)
    image.restore(own)
    await store.fleets.tick(FLEET)
    await second_passes(store)
    with own.client() as redis:
        found = rawstate.fields(redis, FLEET)
    assert 55e6 < float(found["hold_until"]) - float(found["time"]) <= 60e6


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
    with capture_logs() as logs:
        for _ in range(2):
            await second_passes(other)
            await second_passes(store)
    assert [line for line in logs if line["event"] == "store_went_back"] == []
    marks, later = await counted(store)
    assert (marks, later > epoch) == (0, True), "another epoch, though it was made within the same second"


async def test_a_server_that_was_restarted_and_has_all_did_not_go_back(own: Server, opening: AsyncExitStack) -> None:
    store = await opened(opening, own.url)
    await create(store, spec(*TWO_CLASSES), {"small": 3, "large": 3})
    await second_passes(store)
    await place(store, 6)
    await end(store, ["s0"])
    own.kill()
    own.start()
    with capture_logs() as logs:
        await store.check()  # hears that its connection is broken
        await second_passes(store)
    assert logs == []
    assert (await counted(store))[0] == 0


async def test_one_that_lacks_something_did_though_another_dispatcher_has_done_more_since(
    own: Server, opening: AsyncExitStack
) -> None:
    store, other = await opened(opening, own.url), await opened(opening, own.url)
    await create(store, spec(*TWO_CLASSES), {"small": 3, "large": 3})
    await place(store, 2, "old")
    await second_passes(store)
    image = Image(own)
    placed = await place(store, 3, "new")
    image.restore(own)
    own.kill()
    own.start()
    await other.check()
    for k in range(30):  # the revision is beyond the one that is missed
        await other.sessions.complete(FLEET, f"old{k % 2}")
    with capture_logs() as logs:
        await store.check()
        await second_passes(store)
    assert [(line["why"], line["put_back"]) for line in logs if line["put_back"]] == [("missing", 3)]
    assert (await counted(store))[0] == 1
    for id_, pool_id in placed.items():
        assert (await store.sessions.get(FLEET, id_)).pool_id == pool_id


# A replica is promoted


async def on_the_pair(opening: AsyncExitStack, pair: Group) -> Moving:
    store = await opened(opening, pair.url(0))
    await create(store, spec(*TWO_CLASSES), {"small": 3, "large": 3})
    await place(store, 2, "old")
    await second_passes(store)
    until(lambda: pair.has_all_of(1, 0))
    return store


def promote(pair: Group) -> None:
    with pair.servers[1].client() as replica:
        replica.execute_command("REPLICAOF", "NO", "ONE")


def cut_off(pair: Group) -> None:
    """The replica hears no more of its master, which goes on."""
    with pair.servers[1].client() as replica:
        replica.execute_command("REPLICAOF", "127.0.0.1", "1")


async def test_a_promotion_that_lost_nothing_is_no_loss(pair: Group, opening: AsyncExitStack) -> None:
    store = await on_the_pair(opening, pair)
    await place(store, 3, "new")
    until(lambda: pair.has_all_of(1, 0))
    promote(pair)
    await store.move(pair.ports[1])
    with capture_logs() as logs:
        await second_passes(store)
        await second_passes(store)
    assert logs == []
    assert (await counted(store))[0] == 0


async def test_what_the_promoted_replica_had_not_received_is_put_back_though_the_new_side_has_done_more(
    pair: Group, opening: AsyncExitStack
) -> None:
    store, other = await on_the_pair(opening, pair), await opened(opening, pair.url(0))
    await second_passes(other)
    cut_off(pair)
    placed = await place(store, 3, "new")
    await second_passes(store)
    promote(pair)
    await other.move(pair.ports[1])
    for k in range(30):  # the revision of the new side is beyond the old one's
        await other.sessions.complete(FLEET, f"old{k % 2}")
    await store.move(pair.ports[1])
    with capture_logs() as logs:
        await second_passes(store)
    assert logs[-1]["event"] == "store_went_back"
    assert (logs[-1]["why"], logs[-1]["put_back"]) == ("replication", 3)
    for id_, pool_id in placed.items():
        assert (await store.sessions.get(FLEET, id_)).pool_id == pool_id
    assert (await counted(store))[0] == 1


async def test_what_came_after_the_last_look_at_the_server_is_missed_too(pair: Group, opening: AsyncExitStack) -> None:
    store, other = await on_the_pair(opening, pair), await opened(opening, pair.url(0))
    cut_off(pair)
    placed = await place(store, 3, "new")
    promote(pair)
    await other.move(pair.ports[1])
    for k in range(30):
        await other.sessions.complete(FLEET, f"old{k % 2}")
    await store.move(pair.ports[1])
    with capture_logs() as logs:
        await second_passes(store)
    assert [line["why"] for line in logs if line["put_back"]] == ["missing"]
    for id_, pool_id in placed.items():
        assert (await store.sessions.get(FLEET, id_)).pool_id == pool_id
    assert (await counted(store))[0] == 1
