"""The API behind a real HTTP server in this process: with hot calls answered directly, or all of them by FastAPI."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI

from slta.runtime.bootstrap import connection_limits, uvicorn_config
from slta.runtime.settings import Settings
from slta.server.http_limits import LimitedProtocol
from slta.server.server import Server, bind


@dataclass
class Served:
    """Where a server listens; `tls` for clients where it has a certificate."""

    port: int
    tls: ssl.SSLContext | None

    async def say(self, *pieces: bytes) -> bytes:
        """All that the server says on a new connection until it ends it; the pieces arrive one by one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)  # so that they are not read as one
        said = await reader.read()
        writer.close()
        return said

    async def leave(self, *pieces: bytes) -> None:
        """Say something, and go without having read an answer."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls)
        writer.writelines(pieces)
        await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def served(app: FastAPI, *, fast_path: bool = True, **settings: Any) -> AsyncIterator[Served]:
    """The application on a free port until the end of the block."""
    given = Settings(auth="off", port=0, **settings)
    limits = connection_limits(given)
    config = uvicorn_config(app, given, limits)
    if not fast_path:
        by_asgi: Any = partial(LimitedProtocol, limits=limits)
        config.http = by_asgi
    server = Server(config, limits, on_shutdown=lambda: None)
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
