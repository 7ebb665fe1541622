"""Acceptor of a listening socket: limits accepts per event-loop iteration, and the number of TLS handshakes."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from functools import partial

from slta.server.connection_limits import ConnectionLimits

MAX_ACCEPTS_PER_ITERATION = 16
"""Maximum connections accepted in one iteration of the event loop."""
PAUSE_SECONDS = 0.01
"""Pause before accepting again when the process is out of file descriptors."""
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Acceptor of one listening socket, with the shutdown methods of `asyncio.Server`.

    asyncio's own server reports a connection only after its handshake, accepts the whole backlog in one iteration, and
    when descriptors run out pauses for a second or drops connections instead of evicting idle ones.
    """

    def __init__(
        self,
        listener: socket.socket,
        new_protocol: Callable[[], asyncio.Protocol],
        limits: ConnectionLimits,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Start accepting at once. Requires a running event loop."""
        self._listener = listener
        self._new_protocol = new_protocol
        self._limits = limits
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)  # noqa: FBT003 - the socket's own
        self._resume()

    def close(self) -> None:
        """Stop accepting, and cancel handshakes in progress."""
        self._loop.remove_reader(self._listener)
        if self._pause:
            self._pause.cancel()
        for task in self._connecting:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until all handshakes have ended."""
        await asyncio.gather(*self._connecting, return_exceptions=True)

    def _resume(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(MAX_ACCEPTS_PER_ITERATION):
            try:
                client, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # the client disconnected, or this process is out of descriptors
                if error.errno in NO_DESCRIPTORS:
                    self._shed()
                return
            self._start(client, address[0])

    def _start(self, client: socket.socket, address: str) -> None:
        client.setblocking(False)  # noqa: FBT003 - the socket's own
        protocol = self._new_protocol()
        task = self._loop.create_task(self._connect(client, protocol))
        self._connecting.add(task)
        task.add_done_callback(partial(self._on_connected, client, protocol))
        if self._tls:
            self._limits.handshakes.admit(task, address)

    async def _connect(self, client: socket.socket, protocol: asyncio.Protocol) -> None:
        if self._tls is None:
            await self._loop.connect_accepted_socket(lambda: protocol, client)
            return
        async with asyncio.timeout(self._limits.handshake_seconds):
            await self._wait_readable(client)  # a TLS object takes 60 KiB: none for clients that send nothing
            await self._loop.connect_accepted_socket(lambda: protocol, client, ssl=self._tls)

    async def _wait_readable(self, client: socket.socket) -> None:
        is_readable = asyncio.Event()
        self._loop.add_reader(client, is_readable.set)
        try:
            await is_readable.wait()
        finally:
            self._loop.remove_reader(client)

    def _on_connected(self, client: socket.socket, protocol: asyncio.Protocol, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        self._limits.handshakes.release(task)
        error = None if task.cancelled() else task.exception()
        if error and self._tls:
            self._limits.refuse("handshake_failed")
        if error or task.cancelled():
            client.close()
            protocol.connection_lost(None)  # uvloop calls it with TLS; without, not after a cancel. Twice is harmless.
        if error and not isinstance(error, OSError):
            raise error

    def _shed(self) -> None:
        """Evict idle connections, and accept again once their descriptors are closed."""
        self._limits.refuse("no_descriptors")
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(PAUSE_SECONDS, self._resume)
        for _ in range(MAX_ACCEPTS_PER_ITERATION):
            if not self._limits.connections.evict_idle() and not self._limits.handshakes.evict_idle():
                break
