"""The page's server side in this process on a real store, and a whole service for the browser."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from redis import Redis

from slta.api.app import build_api
from slta.auth.keys import Access
from slta.dashboard import About, FleetStreams, dashboard_router
from slta.fleet_file import FleetFile, Specs, compile_spec
from slta.models import MICROSECONDS
from slta.store import Store, StoreSettings
from testbed.in_process import tick
from testbed.service_process import ServiceProcess
from tests.api.conftest import no_metrics

FLEET = "default"
ABOUT = About(version="1.2.3", store="embedded", links={"API": "/docs"})


class Calls(Counter[str]):
    """The calls of the store, counted."""

    def call(self, function: str, _seconds: float, _operations: int) -> None:
        self[function] += 1

    def error(self, kind: str) -> None:
        self[f"error {kind}"] += 1

    def not_restored(self, kind: str, reason: str, changes: int) -> None:
        self[f"not restored {kind} {reason}"] += changes

    def sampled(self, outcome: str, count: int) -> None:
        self[f"sampled {outcome}"] += count


def fleet_document(small: int = 2, large: int = 2, policy: str = "slta") -> dict[str, Any]:
    return {
        "policy": policy,
        "classes": [
            {"name": "small", "utility": {"kind": "log_share", "resource": 20}, "capacity": 60, "pools": small},
            {"name": "large", "utility": {"kind": "log_share", "resource": 30}, "capacity": 90, "pools": large},
        ],
    }


LINEAR = {"kind": "linear", "slope": 1.5}
PRICED: dict[str, Any] = {
    "policy": "jlmu",
    "classes": [
        {"name": "gpu", "utility": LINEAR, "capacity": 12, "pools": 2},
        {"name": "small", "utility": LINEAR | {"slope": 0.6}, "capacity": 12, "pools": 2},
    ],
    "session_types": {"call": ["gpu"], "chat": ["gpu", "small"]},
}
"""A fleet where calls have a price for chats."""


def fall_ill(service: ServiceProcess, fleet: str) -> None:
    """A fleet whose pools are named as docs/agent.md tells: two of eight are soon gone, three of four are in doubt."""
    service.call("PUT", f"/v1/fleets/{fleet}", fleet_document(small=0, large=0) | {"gone_seconds": 1})
    ids = [f"web{k}-0" for k in range(8)] + [f"big{k}-0" for k in range(4)]
    pools = [{"pool_id": one, "pool_class": "small" if one.startswith("web") else "large"} for one in ids]
    service.call("POST", f"/v1/fleets/{fleet}/pools", {"pools": pools})
    dying = {"web3-0", "web5-0", "big1-0", "big2-0", "big3-0"}
    beats = [{"pool_id": one, "ttl_seconds": 2 if one in dying else 3600} for one in ids]
    service.call("POST", f"/v1/fleets/{fleet}/pools/heartbeats", {"heartbeats": beats})


async def create_fleet(store: Store, document: dict[str, Any], fleet: str = FLEET) -> None:
    file = FleetFile.read(document)
    await store.fleets.configure(fleet, compile_spec(file), file.document())
    await store.pools.add(fleet, file.wanted_pools())


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
async def store(server: str, calls: Calls) -> AsyncIterator[Store]:
    with Redis.from_url(server) as redis:
        redis.flushall()
    opened = await Store.open(StoreSettings(server), calls)
    yield opened
    await opened.close()


@pytest.fixture
async def streams(store: Store) -> AsyncIterator[FleetStreams]:
    made = FleetStreams(store, Specs(), most_viewers=3, interval_seconds=0.02)
    yield made
    made.close()
    await asyncio.sleep(0)


def client_with(store: Store, streams: FleetStreams, access: Access, key: str | None = None) -> httpx.AsyncClient:
    app = build_api(
        store=store, access=access, render_metrics=no_metrics, extra_routers=[dashboard_router(streams, ABOUT)]
    )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", headers=headers)


@pytest.fixture
async def client(store: Store, streams: FleetStreams) -> AsyncIterator[httpx.AsyncClient]:
    async with client_with(store, streams, Access.open()) as made:
        yield made


Watch = Callable[..., AsyncGenerator[str]]


@pytest.fixture
async def watch(store: Store, streams: FleetStreams) -> AsyncIterator[Watch]:
    """Streams of a fleet, the default one unless another is named, which exists; they are closed with the test."""
    await create_fleet(store, fleet_document())
    async with AsyncExitStack() as stack:

        def watched(fleet: str = FLEET) -> AsyncGenerator[str]:
            stream = streams.watch(fleet, "v1")
            stack.push_async_callback(stream.aclose)
            return stream

        yield watched


LONG_AGO = 10**6
"""Session-seconds, and seconds, by which kept integrals are below those of the fleet, which has just begun."""


class Ring:
    """Writes lines of integrals as the store keeps them, at seconds that have passed since `base`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        line: Any = redis.lindex(self.key(60), 0)
        self._version, time, *_ = line.decode().split()
        self.base = float(time) / MICROSECONDS - 3600

    @staticmethod
    def key(window: int, fleet: str = FLEET) -> str:
        return f"{{{fleet}}}:past:{window}"

    def __call__(self, window: int, lines: Sequence[tuple[float, float]]) -> None:
        """`lines` are a second and the session-seconds up to it, newest first; pools are two of each class."""
        self._redis.delete(self.key(window))
        for second, sessions in lines:
            held, pools = (sessions - LONG_AGO) * MICROSECONDS, 2 * (second - LONG_AGO) * MICROSECONDS
            words = [(self.base + second) * MICROSECONDS, held, 0, 0, 0, 0, 0, pools, 0, pools, 0]
            line = [self._version, *(f"{word:.0f}" for word in words), "# 0 0 0 0"]
            self._redis.rpush(self.key(window), " ".join(line))


@pytest.fixture
async def ring(server: str, store: Store, watch: Watch) -> AsyncIterator[Ring]:
    """The kept history of the watched fleet, to be written by the test."""
    await tick(store, FLEET)
    with Redis.from_url(server) as redis:
        yield Ring(redis)


async def history(stream: AsyncGenerator[str]) -> dict[str, list[dict[str, Any]]]:
    """The windows of the next event that has the history."""
    async for text in stream:
        name, value = read_event(text)
        if name == "history":
            windows: dict[str, list[dict[str, Any]]] = value["windows"]
            return windows
    raise AssertionError("the stream ended before")


def read_event(text: str) -> tuple[str, Any]:
    """The name and the value of one event."""
    lines = dict(line.split(": ", 1) for line in text.split("\n") if line.startswith(("event: ", "data: ")))
    return lines["event"], json.loads(lines["data"])
