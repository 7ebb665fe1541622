"""Who gets what from the page's routes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict

import httpx
import pytest
from redis import Redis

from slta.auth.keys import Access, KeyFile, Scope, generate_key
from slta.dashboard import FleetStreams, links
from slta.dashboard.page import CONTENT_TYPES, PAGE, POLICY
from slta.store import Store
from tests.dashboard.conftest import (
    ABOUT,
    FLEET,
    Calls,
    Ring,
    Watch,
    client_with,
    create_fleet,
    fleet_document,
    read_event,
)


def access_with(*scopes: Scope, fleets: Sequence[str] = ()) -> tuple[Access, str]:
    """Access with one key, and that key."""
    key, entry = generate_key(scopes, fleets)
    return Access({key.id: key for key in KeyFile(keys=[entry]).keys}), key


async def test_the_page_is_there_with_its_policy(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<title>" in answer.text


@pytest.mark.parametrize("name", [name for name in CONTENT_TYPES if name != PAGE])
async def test_each_part_has_its_type_and_is_sent_once(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/console/static/{name}")
    assert answer.headers["content-type"] == CONTENT_TYPES[name]
    known = {"If-None-Match": f'"other", W/{answer.headers["etag"]}'}
    again = await client.get(f"/console/static/{name}", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    changed = await client.get(f"/console/static/{name}", headers={"If-None-Match": '"other"'})
    assert changed.content == answer.content


async def test_nothing_else_can_be_had(client: httpx.AsyncClient) -> None:
    for name, status in {"nothing.js": 404, "__init__.py": 404, "%2e%2e/page.py": 404, "..%2fpage.py": 400}.items():
        assert (await client.get(f"/console/static/{name}")).status_code == status, name


async def test_rights_follow_the_key(store: Store, streams: FleetStreams) -> None:
    await create_fleet(store, fleet_document())
    await create_fleet(store, fleet_document(), "other")
    rights = {}
    for scope in ("read", "pool", "admin"):
        access, key = access_with(scope, fleets=("default",) if scope == "pool" else ())
        async with client_with(store, streams, access, key) as client:
            rights[scope] = (await client.get("/console/fleets")).json()
            assert rights[scope].pop("about") == asdict(ABOUT)
    both = ["default", "other"]
    assert rights["read"] == {"fleets": both}
    assert rights["pool"] == {"fleets": ["default"]}
    assert rights["admin"] == {"fleets": both}


def test_a_link_that_leads_nowhere_is_left_out() -> None:
    assert links(docs_enabled=False, runbook=None, grafana=None) == {"Metrics": "/metrics"}


async def test_the_overview_has_the_fleets_that_a_key_sees(store: Store, streams: FleetStreams) -> None:
    for fleet in ("default", "other"):
        await create_fleet(store, fleet_document(), fleet)
    await store.pools.set_status("default", "small-1", "failed")
    for k in range(7):
        await store.sessions.assign("default", f"s{k}", 0)
    access, key = access_with("read", fleets=("default",))
    async with client_with(store, streams, access, key) as client:
        (row,) = (await client.get("/console/overview")).json()
    facts = {"fleet": "default", "pools": 3, "draining_pools": 0, "failed_pools": 1, "sessions": 7, "capacity": 240}
    facts |= {"lost_pools": 0, "unconfirmed_pools": 0}
    assert row == facts | {"placement_gap": row["placement_gap"], "is_damaged": False, "problem": None}


async def test_a_fleet_that_cannot_be_read_does_not_hide_the_others(
    store: Store, streams: FleetStreams, client: httpx.AsyncClient, server: str
) -> None:
    for fleet in ("default", "other"):
        await create_fleet(store, fleet_document(), fleet)
    with Redis.from_url(server) as redis:
        redis.delete("{other}:document")
    rows = {row["fleet"]: row["problem"] for row in (await client.get("/console/overview")).json()}
    assert rows["default"] is None
    assert rows["other"]


async def test_the_overview_has_a_fleet_with_integrals_of_the_future(ring: Ring, client: httpx.AsyncClient) -> None:
    ring(60, [(7200, 0)])
    (row,) = (await client.get("/console/overview")).json()
    assert (row["pools"], row["placement_gap"]) == (4, None)


async def test_viewers_share_the_overview(store: Store, client: httpx.AsyncClient, calls: Calls) -> None:
    await create_fleet(store, fleet_document())
    for _ in range(3):
        await client.get("/console/overview")
    assert calls["snapshot"] == 1


async def test_events_are_for_keys_that_may_read_the_fleet(store: Store, streams: FleetStreams) -> None:
    await create_fleet(store, fleet_document())
    paths = f"/console/{FLEET}/events", "/console/fleets", "/console/overview"
    access, key = access_with("metrics")
    async with client_with(store, streams, access) as nobody, client_with(store, streams, access, key) as scraper:
        assert {(await nobody.get(path)).status_code for path in paths} == {401}
        assert {(await scraper.get(path)).status_code for path in paths} == {403}
        assert (await nobody.get("/")).status_code == 200
    access, key = access_with("read", fleets=("other",))
    async with client_with(store, streams, access, key) as stranger:
        assert (await stranger.get(f"/console/{FLEET}/events")).status_code == 404


async def test_a_fleet_that_does_not_exist_has_no_events(client: httpx.AsyncClient) -> None:
    answer = await client.get("/console/nowhere/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_fleet")


async def test_a_frame_says_what_state_says(client: httpx.AsyncClient, store: Store, watch: Watch) -> None:
    stream = watch()
    for k in range(7):
        await store.sessions.assign(FLEET, f"s{k}", 0)
    state = (await client.get(f"/v1/fleets/{FLEET}/state")).json()
    texts = [read_event(await anext(stream)) for _ in range(3)]
    frame = dict(texts)["frame"]["state"]
    for moving in ("as_of", "time", "integrals"):
        assert state.pop(moving) != frame.pop(moving)
    assert frame == state


async def test_as_many_as_may_watch(client: httpx.AsyncClient, watch: Watch, streams: FleetStreams) -> None:
    watched = [watch() for _ in range(3)]
    for stream in watched:
        await anext(stream)
    refused = await client.get(f"/console/{FLEET}/events")
    assert (refused.status_code, refused.json()["code"]) == (503, "too_many_viewers")
    assert re.fullmatch("[1-9][0-9]*", refused.headers["retry-after"])
    for stream in watched:
        await stream.aclose()
    assert streams.has_room


async def test_the_stream_is_one_of_server_sent_events(
    client: httpx.AsyncClient, store: Store, streams: FleetStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slta.dashboard.streams.MAX_SECONDS", 0.05)
    await create_fleet(store, fleet_document())
    answer = await client.get(f"/console/{FLEET}/events", headers={"Accept": "text/event-stream"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("retry: ")
    assert answer.text.endswith("\n\n")
    assert streams.viewers == 0
