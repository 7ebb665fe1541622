"""The API behind a real HTTP server in this process: with hot calls answered directly, or all of them by FastAPI."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from fastapi import FastAPI
from redis import Redis

from slta.api.app import build_api, fast_path_of
from slta.api.http.api_route import Exposition
from slta.api.http.guards import LOOPBACK_HOSTS
from slta.auth.keys import Access, generate_key
from slta.fleet_file import Specs
from slta.metrics import Metrics
from slta.models.request_record import Scrape
from slta.runtime.bootstrap import connection_limits, uvicorn_config
from slta.runtime.settings import Settings
from slta.server.connection_limits import ConnectionLimits
from slta.server.server import Server, bind
from slta.store import Store, StoreSettings
from testbed.awaiting import eventually
from testbed.in_process import StatedClock
from tests.api.raw_requests import Talk, call, last

if TYPE_CHECKING:
    from slta.runtime.spans import Spans

FLEET: dict[str, Any] = {
    "classes": [
        {"name": "small", "utility": {"kind": "log_share", "resource": 20}, "capacity": 3, "pools": 2},
        {"name": "large", "utility": {"kind": "log_share", "resource": 30}, "capacity": 4, "pools": 2},
    ]
}
"""Room for 14 sessions."""


PATIENT = partial(StoreSettings, connect_timeout_seconds=5, call_timeout_seconds=30, deadline_seconds=60)
"""A slow machine is not a store that is gone."""


async def no_metrics(_wanted: Scrape) -> Exposition:
    """For an API whose metrics nobody asks for: a scrape is the mistake of a test, and is answered with 500."""
    raise AssertionError("a test that scrapes metrics passes its own render_metrics")


@dataclass
class Served:
    """Where a server listens; `tls` for clients where it has a certificate."""

    port: int
    tls: ssl.SSLContext | None

    async def say(self, *pieces: bytes) -> bytes:
        """All that the server says on a new connection until it ends it; the pieces arrive one by one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)  # so that they are not read as one
            return await reader.read()
        finally:
            writer.close()

    async def leave(self, *pieces: bytes) -> None:
        """Say something, and go without having read an answer."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        writer.writelines(pieces)
        await writer.drain()
        writer.transport.abort()


class PromptServer(Server):
    """Ends once its connections have: uvicorn's server asks ten times a second whether it should, and they have."""

    def __init__(self, config: uvicorn.Config, limits: ConnectionLimits) -> None:
        super().__init__(config, limits, on_shutdown=lambda: None)
        self._ending = asyncio.Event()

    def stop(self) -> None:
        super().stop()
        self._ending.set()

    async def main_loop(self) -> None:
        ticks = asyncio.create_task(super().main_loop())
        await self._ending.wait()
        ticks.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await eventually(lambda: self.force_exit or not (self.server_state.connections or self.server_state.tasks))


@asynccontextmanager
async def served(app: FastAPI, *, fast_path: bool = True, **settings: Any) -> AsyncIterator[Served]:
    """The application on a free port until the end of the block."""
    given = Settings(auth=False, port=0, **settings)
    limits = connection_limits(given)
    if not fast_path:
        fast_path_of(app).match = lambda *_: None  # type: ignore[method-assign]
    config = uvicorn_config(app, given, limits)
    server = PromptServer(config, limits)
    listener = bind("127.0.0.1", 0)  # who connects waits there until the server accepts
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Served(listener.getsockname()[1], _trusting(settings))
    finally:
        server.request_shutdown()
        await serving


def _trusting(settings: dict[str, Any]) -> ssl.SSLContext | None:
    certificate = settings.get("tls_certificate")
    return ssl.create_default_context(cafile=certificate) if certificate else None


def without_dates(said: bytes) -> Sequence[bytes]:
    """The lines of an answer but those that say when it was given."""
    lines = said.split(b"\r\n")
    return [line for line in lines if not line.startswith(b"date: ")]


ADMIN, ADMIN_ENTRY = generate_key(["admin"])
"""Key with which `one_way` creates its fleet."""


@asynccontextmanager
async def one_way(
    server: str,
    redis: Redis,
    *,
    fast_path: bool = True,
    access: Access | None = None,
    spans: Spans | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """A server on an emptied store, with a clock, draws and ids of requests that are stated."""
    observer = spans.observing(Metrics()) if spans else Metrics()
    settings = PATIENT(server, traces=spans is not None)
    store = Store(settings, observer, draw=Random(1).random, clock=StatedClock())
    for_app = ("rate", "observe_request", "docs_url")
    app_options: dict[str, Any] = {n: options.pop(n) for n in for_app if n in options}
    if spans:
        app_options |= {"begin_request": spans.begin_request, "observe_request": spans.end_request}
    app_options["allowed_hosts"] = [*LOOPBACK_HOSTS, "shop.example"]
    app = build_api(
        store=store, access=access or Access.open(), render_metrics=no_metrics, specs=Specs(), **app_options
    )
    key = {"authorization": f"Bearer {ADMIN}"} if access else {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slta.api.http.guards.randbytes", bytes)
        async with served(app, fast_path=fast_path, **options) as here:
            await create_fleet(here, redis, **key)
            yield here
    await store.close()


async def create_fleet(here: Served, redis: Redis, **key: str) -> None:
    redis.flushall()
    made = await here.say(last(call("f", FLEET, method="PUT", **key)))
    assert made.startswith(b"HTTP/1.1 201 "), made


async def both_ways(
    talks: list[Talk], server: str, redis: Redis, leaving: Talk = (), access: Access | None = None, **options: Any
) -> list[list[bytes]]:
    """What was said directly and by FastAPI, without dates."""
    heard = []
    for fast_path in (True, False):
        async with one_way(server, redis, fast_path=fast_path, access=access, **options) as here:
            if leaving:
                await here.leave(*leaving)
            heard.append([b"\r\n".join(without_dates(await here.say(*talk))) for talk in talks])
    return heard
