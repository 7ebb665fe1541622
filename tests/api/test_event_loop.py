"""No request takes the event loop from the others: no callback has more than 20 ms of CPU time."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from slta.api.app import build_api
from slta.api.http import bodies
from slta.auth.keys import Access
from slta.core.limits import MAX_CLASSES, MAX_LEVELS, MAX_POOLS
from slta.core.policies import POLICIES
from slta.dashboard import About, FleetStreams, dashboard_router
from slta.fleet_file import Specs
from slta.models import PoolSpec
from slta.store import Store
from testbed.in_process import tick
from tests.api.conftest import FLEET, Api, as_of, no_metrics
from tests.api.served import served
from tests.api.worst_bodies import IDS, TAKEN, compact, largest_fleet, refused_bodies
from tests.event_loop import Callbacks, MeasuredThread, measured_callbacks

MAX_SECONDS = 0.020
REFUSED = refused_bodies()


@dataclass
class Measured:
    """A dispatcher whose callbacks are measured. Its clients live in other threads."""

    port: int
    callbacks: Callbacks

    async def ask(self, method: str, path: str, build: Callable[[], bytes] = bytes) -> tuple[int, bytes]:
        """The status and the body of an answer; no callback may have taken too long."""
        await asyncio.sleep(0)  # so that what the test did before is not measured
        self.callbacks.reset()
        said = await asyncio.to_thread(_ask, self.port, method, path, build)
        longest, what = self.callbacks.longest, self.callbacks.what
        assert longest <= MAX_SECONDS, f"{longest * 1000:.1f} ms for {method} {path[:80]}: {what}"
        head, _, body = said.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), body


def _ask(port: int, method: str, path: str, build: Callable[[], bytes]) -> bytes:
    body = build()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json"] if body else []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        with suppress(ConnectionError):  # it may be refused before it has been sent
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        said = bytearray()
        while piece := connection.recv(1 << 20):
            said += piece
    return bytes(said)


@pytest.fixture
async def here(store: Store, fleet: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Measured]:
    specs = Specs()
    feeds = FleetStreams(store, specs, interval_seconds=0.1)
    routers = [dashboard_router(feeds, About())]
    app = build_api(
        store=store, access=Access.open(), render_metrics=no_metrics, specs=specs, docs_enabled=True,
        extra_routers=routers,
    )  # fmt: skip
    async with served(app) as serving:
        with measured_callbacks() as callbacks, MeasuredThread(callbacks) as thread:
            monkeypatch.setattr(bodies, "_thread", thread)
            yield Measured(serving.port, callbacks)
        feeds.close()


WORST = [
    *("POST /renew unknown members", "POST /renew integers that are too long", "POST /operations objects"),
    *("PUT /pools/small-1/sessions fractions", "PUT  lists", "80 unknown members in each of 1,000"),
    *("20 unknown members in each of 1,000", "a fleet of mistakes", "types of nobody"),
]


@pytest.mark.parametrize(
    "title", [title if title in WORST else pytest.param(title, marks=pytest.mark.campaign) for title in REFUSED]
)
async def test_a_refused_body_takes_little_time(here: Measured, fleet: str, title: str) -> None:
    method, path, build = REFUSED[title]
    status, _ = await here.ask(method, fleet + path, build)
    assert status in ((400, 422) if title in WORST else range(200, 500))  # drain ignores a body
    assert here.callbacks.work <= MAX_SECONDS


@pytest.mark.parametrize("title", TAKEN)
async def test_the_largest_body_that_is_taken_is_taken_in_steps(here: Measured, fleet: str, title: str) -> None:
    method, path, build = TAKEN[title]
    status, _ = await here.ask(method, fleet + path, build)
    assert status == 200


async def test_a_pool_that_lists_the_most_sessions_is_compared_in_steps(here: Measured, api: Api, fleet: str) -> None:
    report = {"as_of": await as_of(api, fleet), "session_ids": IDS[:8000]}
    status, body = await here.ask("PUT", f"{fleet}/pools/small-1/sessions", lambda: compact(report))
    assert status == 200
    assert len(json.loads(body)["over_capacity"]) == 7997


@pytest.mark.parametrize("pools", [MAX_CLASSES, pytest.param(MAX_POOLS, marks=pytest.mark.campaign)])
async def test_the_largest_fleet_is_made_and_shown_in_steps(here: Measured, pools: int) -> None:
    fleet = "/v1/fleets/largest"
    status, _ = await here.ask("PUT", fleet, lambda: largest_fleet(pools))
    assert status == 201
    for path in (*("", "/state", "/next", "/averages?window=60", "/events", "/pools?limit=1000", "/endpoints"),):
        status, _ = await here.ask("GET", fleet + path)
        assert status == 200


async def test_10_000_pools_are_read_in_steps_for_endpoints_and_scale_advice(here: Measured, store: Store) -> None:
    costs = {name: {"cost": 1, "lead_seconds": 0} for name in ("small", "large")}
    scale = {"floor": 1, "hold_seconds": 0, "classes": costs}
    pools = [PoolSpec(f"pool-{k}", "small", f"10.0.{k >> 8}.{k & 255}:8080") for k in range(10_000)]
    await here.ask("PUT", "/v1/fleets/many", lambda: compact({"classes": FLEET["classes"], "scale": scale}))
    await store.pools.add("many", pools)
    status, body = await here.ask("GET", "/v1/fleets/many/endpoints")
    assert status == 200
    assert len(json.loads(body)["classes"][0]["pool_ids"]) == 10_002
    assert 0 < here.callbacks.work <= MAX_SECONDS
    await tick(store, "many")
    status, body = await here.ask("GET", "/v1/fleets/many/scale")
    assert (status, len(json.loads(body)["classes"][0]["drain"])) == (200, 3334)


@pytest.mark.parametrize(("pools", "pages"), [(9000, 1), pytest.param(MAX_POOLS - 8, 7, marks=pytest.mark.campaign)])
async def test_the_only_draining_pool_of_many_is_found_in_steps(
    here: Measured, store: Store, fleet: str, pools: int, pages: int
) -> None:
    await store.pools.add("f", [PoolSpec(f"pool-{k}", "large") for k in range(pools)])
    await store.pools.set_status("f", f"pool-{pools - 1}", "draining")
    cursor, found = "0", []
    while cursor is not None:
        _, body = await here.ask("GET", f"{fleet}/pools?status=draining&cursor={cursor}")
        page = json.loads(body)
        cursor = page["next_cursor"]
        found.append([pool["pool_id"] for pool in page["pools"]])
    assert found == [[]] * (pages - 1) + [[f"pool-{pools - 1}"]]


LONG_PATHS = {
    "an id in escapes": "/sessions/" + "%41" * 2600,
    "many segments": "/a" * 4000,
    "many parameters": "/state?" + "&".join(f"a{k}=1" for k in range(1100)),
    "empty parameters": "/averages?" + "&" * 8000,
    "one parameter many times": "/averages?" + "&".join(["window=60"] * 800),
    "a long number": "/scale?budget=" + "1" * 8000,
    "a long beginning": "/averages?since=" + "A" * 4096,
    "escapes in the query": "/averages?since=" + "%41" * 2600,
}


@pytest.mark.campaign
@pytest.mark.parametrize("title", LONG_PATHS)
async def test_a_long_path_takes_little_time(here: Measured, fleet: str, title: str) -> None:
    status, _ = await here.ask("GET", fleet + LONG_PATHS[title])
    assert 200 <= status < 500


@pytest.mark.campaign
@pytest.mark.parametrize("policy", [name for name, policy in POLICIES.items() if policy.places])
async def test_a_fleet_whose_levels_are_all_in_use_is_shown_in_steps(here: Measured, policy: str) -> None:
    fleet = f"/v1/fleets/{policy}"
    document = json.loads(largest_fleet(MAX_CLASSES)) | {"policy": policy}
    await here.ask("PUT", fleet, lambda: json.dumps(document).encode())
    many = json.dumps({"operations": [{"assign": {}}] * 1000}).encode()
    for _ in range(MAX_LEVELS // 1000 + 1):
        await here.ask("POST", f"{fleet}/operations", lambda: many)
    await here.ask("POST", f"{fleet}/pools/c03-1/drain")
    for path in (
        *("/state", "/next"),
        "/averages?window=60",
    ):
        status, _ = await here.ask("GET", fleet + path)
        assert status == 200
    assert await watched_for_frames(here, policy) <= MAX_SECONDS


async def watched_for_frames(here: Measured, fleet: str) -> float:
    """The CPU time of the longest callback while the live page is sent three frames."""

    def watch() -> None:
        with socket.create_connection(("127.0.0.1", here.port)) as connection:
            connection.sendall(f"GET /console/{fleet}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            said = b""
            while said.count(b"event: frame") < 3:
                said += connection.recv(1 << 20)

    here.callbacks.reset()
    await asyncio.to_thread(watch)
    return here.callbacks.longest


@pytest.mark.campaign
async def test_the_api_is_described_in_steps(here: Measured) -> None:
    for path in ("/openapi.json", "/docs") * 2:
        status, _ = await here.ask("GET", path)
        assert status == 200


async def test_twelve_of_the_worst_at_once_take_as_little_each(here: Measured, fleet: str) -> None:
    worst = [REFUSED[title] for title in ("POST /renew unknown members", "80 unknown members in each of 1,000")] * 6
    answers = await asyncio.gather(*(here.ask(method, fleet + path, build) for method, path, build in worst))
    assert {status for status, _ in answers} == {422}
