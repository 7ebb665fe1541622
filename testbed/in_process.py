"""The service in this process, on a real store, with a clock and draws that are stated instead of taken."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from redis import Redis

from slta.api.app import build_api
from slta.api.http.api_route import Exposition
from slta.auth.keys import Access
from slta.calculations.client import Calculator
from slta.calculations.worker import excesses
from slta.fleet_file import Specs
from slta.metrics import Metrics
from slta.models import Suspect
from slta.models.errors import DispatchError
from slta.models.request_record import Scrape
from slta.store import Store, StoreSettings
from testbed.stores import connect_as_text

TINY: dict[str, Any] = {
    "classes": [
        {"name": "small", "utility": {"kind": "table", "values": [0, 4, 6, 7]}, "capacity": 3, "pools": 2},
        {"name": "large", "utility": {"kind": "table", "values": [0, 5, 8, 9.5, 10]}, "capacity": 4, "pools": 2},
    ]
}
"""The fleet of README.md, for reckoning in one's head: the first session on a large pool adds 5, the second 3, …"""


@dataclass
class StatedClock:
    """The time that the store is told, in microseconds; it stands still until a test moves it."""

    now: int = 1_700_000_000_000_000

    def __call__(self) -> str:
        return str(self.now)

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000)


@dataclass
class StatedDraws:
    """The numbers in [0, 1) that assignments take, in the order in which they were stated."""

    waiting: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.waiting.pop(0)


class Here(Calculator):
    """Answers in this process at once, by the function that a process of its own runs at the lowest priority."""

    async def ask(self, question: str) -> Any:
        return excesses(json.loads(question))


TICK_CALLS = 1000


async def tick(store: Store, fleet: str) -> Suspect | None:
    """Tick a fleet until no lease is left, at most `TICK_CALLS` times.

    Returns a Suspect if the fleet needs a repair. Raises the error of the tick.
    """
    for _ in range(TICK_CALLS):
        ticked = (await store.fleets.tick([fleet], shared=False))[fleet]
        if isinstance(ticked, DispatchError):
            raise ticked
        if not ticked.remain:
            return ticked.suspect
    return None


@dataclass
class Service:
    """A dispatcher: `api` calls it over HTTP, `redis` looks at what it has stored."""

    api: httpx.AsyncClient
    redis: Redis
    store: Store
    clock: StatedClock = field(default_factory=StatedClock)
    draws: StatedDraws = field(default_factory=StatedDraws)

    async def seconds_pass(self, fleet: str, seconds: int) -> None:
        """Time goes on, and the fleet is ticked once a second, as every dispatcher does."""
        for _ in range(seconds):
            self.clock.advance(1)
            await tick(self.store, fleet)


@asynccontextmanager
async def service_in_process(url: str) -> AsyncIterator[Service]:
    """A dispatcher without access control on the emptied server at `url`."""
    clock, draws, metrics, specs = StatedClock(), StatedDraws(), Metrics(), Specs()
    store = Store(StoreSettings(url, call_timeout_seconds=30, deadline_seconds=60), metrics, draw=draws, clock=clock)

    async def render(wanted: Scrape) -> Exposition:
        return await metrics.render(store, specs, wanted)

    app = build_api(store=store, access=Access.open(), render_metrics=render, specs=specs)
    transport = httpx.ASGITransport(app)
    with connect_as_text(url) as redis:
        redis.flushall()
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as api:
            yield Service(api, redis, store, clock, draws)
    await store.close()
