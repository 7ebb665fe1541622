"""The acceptor: takes connections off a listening socket, and counts TLS handshakes until they have ended."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from functools import partial

from service.process.limits import Limits

ACCEPTED_TOGETHER = 16
"""So many connections are accepted in one turn of the event loop."""
PAUSE_SECONDS = 0.01
"""How long nothing is accepted when descriptors have run out."""
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Of one listening socket. It has the methods of `asyncio.Server` that end it.

    asyncio's own server tells of a connection only after its handshake, accepts all that wait in one go, and accepts
    nothing for a while, or closes what it accepts, when there are no descriptors.
    """

    def __init__(
        self,
        listener: socket.socket,
        new_protocol: Callable[[], asyncio.Protocol],
        limits: Limits,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """It begins at once; event loop only."""
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
        """Accept nothing more; handshakes end."""
        self._loop.remove_reader(self._listener)
        if self._pause:
            self._pause.cancel()
        for connecting in self._connecting:
            connecting.cancel()

    async def wait_closed(self) -> None:
        """Until no handshake is left."""
        await asyncio.gather(*self._connecting, return_exceptions=True)

    def _resume(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_TOGETHER):
            try:
                client, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # of one client that has left, or of this process
                if error.errno in NO_DESCRIPTORS:
                    self._shed()
                return
            self._begin(client, address[0])

    def _begin(self, client: socket.socket, address: str) -> None:
        client.setblocking(False)  # noqa: FBT003 - the socket's own
        connecting = self._loop.create_task(self._connect(client))
        self._connecting.add(connecting)
        connecting.add_done_callback(partial(self._connected, client))
        if self._tls:
            self._limits.handshakes.enter(connecting, address)

    async def _connect(self, client: socket.socket) -> None:
        if self._tls is None:
            await self._loop.connect_accepted_socket(self._new_protocol, client)
            return
        async with asyncio.timeout(self._limits.handshake_seconds):
            await self._first_byte(client)  # TLS takes 60 KiB, and the silent need none
            await self._loop.connect_accepted_socket(self._new_protocol, client, ssl=self._tls)

    async def _first_byte(self, client: socket.socket) -> None:
        has_come = asyncio.Event()
        self._loop.add_reader(client, has_come.set)
        try:
            await has_come.wait()
        finally:
            self._loop.remove_reader(client)

    def _connected(self, client: socket.socket, connecting: asyncio.Task[None]) -> None:
        self._connecting.discard(connecting)
        self._limits.handshakes.leave(connecting)
        error = None if connecting.cancelled() else connecting.exception()
        if error and self._tls:
            self._limits.refuse("handshake_failed")
        if error or connecting.cancelled():
            client.close()
        if error and not isinstance(error, OSError):
            raise error

    def _shed(self) -> None:
        """Let the longest idle make room, and try again when their descriptors are free."""
        self._limits.refuse("no_descriptors")
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(PAUSE_SECONDS, self._resume)
        for _ in range(ACCEPTED_TOGETHER):
            if not self._limits.places.make_room() and not self._limits.handshakes.make_room():
                break
