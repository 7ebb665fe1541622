"""A connection's protocol without a socket: bytes are given to it by hand, and what it writes is kept."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from slta.api.fast_path import FastPath
from slta.api.http.guards import RequestGuard
from slta.server.connection_limits import ConnectionLimits
from slta.server.protocol import HttpProtocol

ADDRESSES = {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}


class Wire(asyncio.Transport):
    """Delivers bytes unless the protocol has paused reading, as a socket does."""

    def __init__(self, protocol: Any) -> None:
        super().__init__(ADDRESSES)
        self.written = b""
        self.has_ended = False
        self.is_read = True
        self.protocol = protocol
        self._arrived: list[bytes] = []

    def arrive(self, data: bytes) -> None:
        self._arrived.append(data)
        self._deliver()

    def _deliver(self) -> None:
        while self._arrived and self.is_read and not self.has_ended:
            self.protocol.data_received(self._arrived.pop(0))

    def write(self, data: Any) -> None:
        assert not self.has_ended
        self.written += data

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True
        asyncio.get_running_loop().call_soon(self._deliver)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self.has_ended

    def close(self) -> None:
        self.has_ended = True

    abort = close

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Everything is taken at once."""

    def get_write_buffer_size(self) -> int:
        return 0


def repeated(scope: Any, body: bytes) -> bytes:
    """What a request was made of."""
    return repr((scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], body)).encode()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what the request was made of, once all of it has arrived."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            said = repeated(scope, body)
            headers = [(b"content-length", b"%d" % len(said))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": said})
            return


@cache
def configuration(app: Callable[..., Any] = echo) -> uvicorn.Config:
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    config.load()
    return config


def connected(limits: ConnectionLimits | None = None, **options: Any) -> Wire:
    """The transport of a new connection."""
    limits = limits or ConnectionLimits(max_connections=10, idle_timeout_seconds=65, header_timeout_seconds=10)
    given: dict[str, Any] = {"config": configuration(), "server_state": ServerState()}
    given["fast_path"] = FastPath(RequestGuard((), lambda _: None), dependencies=None)
    protocol = HttpProtocol(limits=limits, **given | options)
    wire = Wire(protocol)
    protocol.connection_made(wire)
    return wire


async def quiet() -> None:
    """Until the event loop has nothing to do."""
    loop: Any = asyncio.get_running_loop()
    while loop._ready:  # noqa: ASYNC110 - nobody tells that there is nothing to do
        await asyncio.sleep(0)


async def play(pieces: Iterable[bytes], *, waits: bool, **options: Any) -> bytes:
    """All that is answered to the pieces, and whether the connection ends; between them all is answered if `waits`.

    `options` are those of `connected`.
    """
    wire = connected(**options)
    protocol = wire.protocol
    for piece in pieces:
        wire.arrive(piece)
        if waits:
            await quiet()
            assert protocol.deadline < math.inf
    await quiet()
    assert protocol.deadline < math.inf, "each state has a deadline"
    ended, wire.has_ended = wire.has_ended, True
    protocol.connection_lost(None)
    await quiet()
    return wire.written + (b"END" if ended else b"")
