"""One snapshot a second for all who watch, from the first event to the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from slta.core.policies import POLICIES
from slta.dashboard import FleetStreams
from slta.dashboard import streams as module
from slta.dashboard.pool_lists import LIST_SECONDS, AwayPools
from slta.fleet_file import Specs
from slta.models import MICROSECONDS, AuditResult, PoolPage, PoolSpec
from slta.store import Store, StoreSettings
from testbed.in_process import tick
from testbed.servers import running_server
from tests.dashboard.conftest import FLEET, Calls, Ring, Watch, create_fleet, fleet_document, history, read_event


async def frames(stream: AsyncIterator[str], wanted: int) -> list[dict[str, Any]]:
    """The values of the next frames of a stream."""
    found = []
    async for text in stream:
        name, value = read_event(text)
        if name == "frame":
            found.append(value)
        if len(found) == wanted:
            return found
    raise AssertionError("the stream ended before")


async def test_a_stream_begins_with_the_page_s_version_and_then_shows_the_fleet(watch: Watch, store: Store) -> None:
    for k in range(5):
        await store.sessions.assign(FLEET, f"s{k}", 0)
    stream = watch()
    first = await anext(stream)
    assert first.startswith("retry: ")
    name, beginning = read_event(first)
    assert (name, beginning) == ("beginning", {"page_version": "v1"})
    name, _ = read_event(await anext(stream))
    assert name == "history"
    name, frame = read_event(await anext(stream))
    assert name == "frame"
    assert frame["state"]["sessions"] == {"active": 5, "draining": 0}
    assert sum(pool["occupancy"] for pool in frame["pools"]) == 5
    assert frame["estimate"]["pool_class"] in ("small", "large")


async def test_each_frame_says_which_policy_is_in_force(store: Store, streams: FleetStreams) -> None:
    for policy in POLICIES.values():
        await create_fleet(store, fleet_document(policy=policy.name), policy.name)
        stream = streams.watch(policy.name, "v1")
        (frame,) = await frames(stream, 1)
        facts = ("title", "has_thresholds", "places")
        assert frame["policy"] == {fact: getattr(policy, fact) for fact in facts}
        await stream.aclose()


async def test_a_frame_shows_what_the_last_audit_found_in_its_fleet(watch: Watch, store: Store) -> None:
    stream = watch()
    assert (await frames(stream, 1))[0]["damage"] is None
    for total, first, shown in ((2, "the first", {"findings": 2, "first": "the first"}), (0, "", None)):
        await store.rebuilds.store(FLEET, "1:0", AuditResult(at=1.5, total=total, by="host/1", first=first))
        assert (await frames(stream, 2))[-1]["damage"] == shown


async def test_the_first_viewer_sees_the_history_that_the_store_has_kept(watch: Watch, ring: Ring) -> None:
    ring(300, [(5, 2.0), (0, 0.0)])
    ring(3600, [(60, 0.0), (0, 0.0)])
    windows = await history(watch())
    assert [(piece["seconds"], piece["time"]) for piece in windows["300"]] == [(5, ring.base + 5)]
    assert [(piece["seconds"], piece["time"]) for piece in windows["3600"]] == [(60, ring.base + 60)]


async def test_two_dispatchers_show_the_same_history(watch: Watch, ring: Ring, store: Store) -> None:
    ring(300, [(10, 3.0), (5, 2.0), (0, 0.0)])
    other = FleetStreams(store, Specs(), interval_seconds=0.02)
    stream = other.watch(FLEET, "v1")
    assert await history(watch()) == await history(stream)
    other.close()
    await stream.aclose()


async def test_the_history_is_sent_again_only_when_it_has_grown(watch: Watch, ring: Ring) -> None:
    ring(300, [(5, 2.0), (0, 0.0)])
    stream = watch()
    assert len((await history(stream))["300"]) == 1
    names = [read_event(await anext(stream))[0] for _ in range(5)]
    assert names == ["frame"] * 5
    ring(300, [(10, 2.0), (5, 2.0), (0, 0.0)])
    assert len((await history(stream))["300"]) == 2


async def test_a_history_without_a_new_line_is_not_read_again(watch: Watch, calls: Calls, store: Store) -> None:
    await tick(store, FLEET)
    stream = watch()
    await frames(stream, 5)
    assert calls["past"] == 2


async def test_viewers_share_the_snapshots(watch: Watch, calls: Calls) -> None:
    watched = [watch() for _ in range(3)]
    before = calls["snapshot"]
    seen = await asyncio.gather(*(frames(stream, 5) for stream in watched))
    taken = {frame["state"]["time"] for frames_of_one in seen for frame in frames_of_one}
    assert calls["snapshot"] - before <= len(taken) + 1


async def test_without_viewers_nothing_is_read(watch: Watch, streams: FleetStreams, calls: Calls) -> None:
    stream = watch()
    await frames(stream, 1)
    await stream.aclose()
    await streams._streams[FLEET]._task
    assert streams.viewers == 0
    before = calls["snapshot"]
    await frames(watch(), 1)
    assert calls["snapshot"] == before + 1


async def test_a_slow_viewer_gets_the_newest_frame_and_misses_others(watch: Watch) -> None:
    slow, quick = watch(), watch()
    (first,) = await frames(slow, 1)
    newest = (await frames(quick, 5))[-1]
    (then,) = await frames(slow, 1)
    assert first["state"]["time"] < newest["state"]["time"] <= then["state"]["time"]


async def test_large_fleets_come_without_single_pools(watch: Watch, store: Store) -> None:
    await create_fleet(store, fleet_document(small=100, large=100))
    stream = watch()
    assert len((await frames(stream, 1))[0]["pools"]) == 200
    await store.pools.add(FLEET, [PoolSpec("one-more", "small")])
    while (frame := (await frames(stream, 1))[0])["state"]["pools"]["active"] == 200:
        pass
    assert frame["pools"] is None


async def test_pools_of_a_large_fleet_that_are_not_active_are_named(watch: Watch, store: Store) -> None:
    await create_fleet(store, fleet_document(small=100, large=101))
    await store.pools.set_status(FLEET, "small-7", "draining")
    await store.pools.set_status(FLEET, "large-101", "failed")
    stream = watch()
    (frame,) = await frames(stream, 1)
    assert {pool["pool_id"]: pool["status"] for pool in frame["away"]} == {"small-7": "draining", "large-101": "failed"}
    await store.pools.set_status(FLEET, "small-7", "active")
    _, frame = await frames(stream, 2)  # the first may have been read before
    assert [pool["pool_id"] for pool in frame["away"]] == ["large-101"]


async def test_pools_of_a_large_fleet_are_not_listed_with_each_frame(watch: Watch, store: Store, calls: Calls) -> None:
    await create_fleet(store, fleet_document(small=100, large=101))
    await store.pools.set_status(FLEET, "small-7", "draining")
    before = calls["pool_page"]
    await frames(watch(), 5)
    assert calls["pool_page"] - before == 1


async def test_pools_of_a_large_fleet_are_listed_again_though_their_number_stays(store: Store) -> None:
    await create_fleet(store, fleet_document(small=100, large=101))
    away = AwayPools(store)
    await store.pools.set_status(FLEET, "small-7", "draining")
    await away.follow(await store.fleets.snapshot(FLEET))
    await store.pools.set_status(FLEET, "small-7", "active")
    await store.pools.set_status(FLEET, "small-8", "draining")
    now = await store.fleets.snapshot(FLEET)
    listed = await away.follow(replace(now, time=now.time + LIST_SECONDS * MICROSECONDS))
    assert [pool.pool_id for pool in listed] == ["small-8"]


async def test_closing_ends_every_stream_at_once(watch: Watch, streams: FleetStreams) -> None:
    watched = [watch() for _ in range(2)]
    for stream in watched:
        await frames(stream, 1)
    streams.close()
    for stream in watched:
        assert [read_event(text)[0] async for text in stream] == ["closing"]
    assert streams.viewers == 0
    assert not streams.has_room


async def test_a_deleted_fleet_ends_its_streams(watch: Watch, store: Store, streams: FleetStreams) -> None:
    stream = watch()
    await frames(stream, 1)
    await store.fleets.delete(FLEET)
    events = [read_event(text) async for text in stream]
    assert events[-1][0] == "trouble"
    assert events[-1][1]["code"] == "unknown_fleet"
    assert not streams._streams


async def test_a_store_that_is_away_is_said_and_the_stream_goes_on(calls: Calls) -> None:
    with running_server() as url:
        store = await Store.open(StoreSettings(url, deadline_seconds=0.2), calls)
        await create_fleet(store, fleet_document())
        streams = FleetStreams(store, Specs(), interval_seconds=0.02)
        stream = streams.watch(FLEET, "v1")
        await frames(stream, 1)
    name = "frame"
    while name == "frame":
        name, value = read_event(await anext(stream))
    assert (name, value["code"]) == ("trouble", "store_unavailable")
    streams.close()
    await stream.aclose()
    await store.close()


async def test_silence_is_filled_with_comments(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.001)
    stream = watch()
    await anext(stream)
    assert ":" in {(await anext(stream))[0] for _ in range(50)}


async def test_a_stream_ends_so_that_rights_are_asked_for_again(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.1)
    names = [read_event(text)[0] async for text in watch()]
    assert names[0] == "beginning"
    assert set(names[1:]) == {"history", "frame"}


async def test_the_pools_are_those_of_the_state_whatever_comes_between(store: Store, streams: FleetStreams) -> None:
    class BusyPools:
        """The store's pools, where a session is placed between the first two reads."""

        placed = False

        async def page(self, *arguments: Any) -> PoolPage:
            if not self.placed:
                self.placed = True
                await store.sessions.assign(FLEET, "in-between", 0)
            return await store.pools.page(*arguments)

    await create_fleet(store, fleet_document())
    between: Any = SimpleNamespace(fleets=store.fleets, pools=BusyPools(), readiness="ready")
    busy = FleetStreams(between, Specs(), interval_seconds=0.02)
    stream = busy.watch(FLEET, "v1")
    (frame,) = await frames(stream, 1)
    assert frame["state"]["sessions"]["active"] == sum(pool["occupancy"] for pool in frame["pools"]) == 1
    busy.close()
    await stream.aclose()
