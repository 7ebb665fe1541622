"""Clients of a proxy: each kind of connection, held open until the test has looked."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from testbed.awaiting import eventually
from testbed.proxies.pools import Served
from testbed.proxies.system import System

LONG_SECONDS = 60
"""A pool would answer for so long; each client leaves before."""


def browser(**options: object) -> aiohttp.ClientSession:
    """Each request on a connection of its own; cookies of 127.0.0.1 are kept."""
    connector = aiohttp.TCPConnector(force_close=True)
    jar = aiohttp.CookieJar(unsafe=True)
    return aiohttp.ClientSession(connector=connector, cookie_jar=jar, **options)  # type: ignore[arg-type]


def url(system: System, target: str) -> URL:
    """As it is written: yarl would resolve escapes."""
    return URL(f"http://127.0.0.1:{system.setup.port}{target}", encoded=True)


class Answer(NamedTuple):
    """Status and header, names in lower case, and the requests that reached a pool: one, or none if refused."""

    status: int
    header: Mapping[str, str]
    served: list[Served]


async def sent(
    system: System, method: str, target: str, client: aiohttp.ClientSession | None = None, **options: Any
) -> Answer:
    """A request to its end."""
    tag = secrets.token_hex(4)
    target = f"{target}{'&' if '?' in target else '?'}tag={tag}"
    async with AsyncExitStack() as stack:
        if client is None:
            client = await stack.enter_async_context(browser())
        answer = await stack.enter_async_context(client.request(method, url(system, target), **options))
        await answer.read()
        header = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, header, system.pools.of(tag))


async def reached(system: System, tag: str) -> Served:
    """The request with this tag, as soon as a pool has it."""
    served: list[Served] = system.pools.served[tag]
    await eventually(lambda: served)
    return served[0]


@asynccontextmanager
async def websocket(system: System) -> AsyncIterator[Served]:
    """Echoes once, is held and closed."""
    tag = secrets.token_hex(4)
    async with browser() as client, client.ws_connect(url(system, f"/ws?tag={tag}")) as socket:
        await socket.send_str(tag)
        assert await socket.receive_str() == tag
        yield await reached(system, tag)


@asynccontextmanager
async def body(system: System) -> AsyncIterator[Served]:
    """Has got a first part of the body, and leaves in it."""
    tag = secrets.token_hex(4)
    target = url(system, f"/play?tag={tag}&size=1000&seconds={LONG_SECONDS}")
    async with browser() as client, client.get(target) as answer:
        assert await answer.content.readany()
        yield await reached(system, tag)


@asynccontextmanager
async def header(system: System) -> AsyncIterator[Served]:
    """Has got the header, and leaves right after it."""
    tag = secrets.token_hex(4)
    target = url(system, f"/play?tag={tag}&size=1000&seconds={LONG_SECONDS}")
    async with browser() as client, client.get(target):
        yield await reached(system, tag)


@asynccontextmanager
async def waiting(system: System) -> AsyncIterator[Served]:
    """Leaves before the header."""
    tag = secrets.token_hex(4)
    target = url(system, f"/play?tag={tag}&before={LONG_SECONDS}")
    async with browser() as client:
        request = asyncio.create_task(client.request("GET", target))
        try:
            yield await reached(system, tag)
        finally:
            request.cancel()
            await asyncio.wait([request])


Kind = Callable[[System], AbstractAsyncContextManager[Served]]
KINDS: dict[str, Kind] = {"websocket": websocket, "body": body, "header": header, "waiting": waiting}
