"""Pools as real HTTP servers, each on a port of its own, which record the requests that reached them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from testbed.threads import LoopThread

CHUNKS = 10
MAX_HEADER_BYTES = 32_768
"""Limit of one header field: a browser's cookies may have 8 kB."""


@dataclass(frozen=True, eq=False)
class Served:
    """One request as a pool saw it: `session` is the id that the proxy sent along."""

    pool: str
    session: str
    method: str
    target: str
    headers: Mapping[str, str]


@dataclass
class Pools(LoopThread):
    """`names` are pool ids; `ports` and `served`, by tag, are there while it runs, in a thread of its own."""

    names: Iterable[str]
    ports: dict[str, int] = field(default_factory=dict)
    served: dict[str, list[Served]] = field(default_factory=lambda: defaultdict(list))

    def of(self, tag: str) -> list[Served]:
        """The requests with this `tag` in their target."""
        return self.served[tag]

    async def begin(self) -> None:
        for name in self.names:
            self.ports[name] = await self._serve(name)

    async def _serve(self, name: str) -> int:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            headers = {key.lower(): value for key, value in request.headers.items()}
            served = Served(name, headers.get("x-session-id", ""), request.method, request.raw_path, headers)
            self.served[request.query.get("tag", "")].append(served)
            return await (_echo if "upgrade" in headers else _answer)(request, served)

        server = web.Server(handle, max_field_size=MAX_HEADER_BYTES, max_line_size=MAX_HEADER_BYTES)
        runner = web.ServerRunner(server, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        self.stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])


async def _answer(request: web.BaseRequest, served: Served) -> web.StreamResponse:
    """Query: `status`, `before` and `seconds` of header and body, `size` in bytes; `breaks`: the connection does;
    `again`: nginx is to ask for this path by itself.
    """
    query = request.query
    if request.headers.get("expect") == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    await request.read()
    if "breaks" in query and request.transport:
        request.transport.abort()
    await asyncio.sleep(float(query.get("before", 0)))
    size, seconds = int(query.get("size", 10)), float(query.get("seconds", 0))
    headers = {"x-pool": served.pool, "x-session": served.session, "content-length": str(size)}
    if "again" in query:
        headers["x-accel-redirect"] = f"{query['again']}?tag={query['tag']}"
    response = web.StreamResponse(status=int(query.get("status", 200)), headers=headers)
    await response.prepare(request)
    with suppress(ConnectionResetError):
        for part in range(CHUNKS):
            if part:  # no wait after the last: the connection is free for the proxy's next request
                await asyncio.sleep(seconds / (CHUNKS - 1))
            await response.write(b"." * (size * (part + 1) // CHUNKS - size * part // CHUNKS))
        await response.write_eof()
    return response


async def _echo(request: web.BaseRequest, served: Served) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    socket.headers.update({"x-pool": served.pool, "x-session": served.session})
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket
