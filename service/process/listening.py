"""The HTTP server: its configuration, its socket, its certificates, and how it is asked to end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from service.api.application import direct_of
from service.api.forwarding import TrustedProxies
from service.process.acceptor import Acceptor
from service.process.certificates import ListenError
from service.process.groups import Groups
from service.process.limits import MOST_CONNECTIONS, MOST_HANDSHAKES, Limits, possible_connections
from service.process.protocol import TOGETHER, DirectProtocol
from service.process.settings import Settings

BACKLOG = 2048
RECEIVE_BUFFER = {False: 32_768, True: 16_384}
"""Bytes that the kernel keeps of a connection that is not read (Linux takes twice as many), and so of one reading. By
whether there is TLS, which keeps what it reads more than once."""
SEND_BUFFER = 131_072
"""Bytes of answers that the kernel keeps for a client that does not read them."""
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """uvicorn, but the signals are ours: they end it once, and are not raised again afterwards."""

    def __init__(
        self, config: uvicorn.Config, limits: Limits, at_end: Callable[[], None], lame_duck_seconds: float = 0
    ) -> None:
        """`at_end` is called when it ends: what streams without end would hold it up."""
        super().__init__(config)
        self._limits = limits
        self._lame_duck_seconds = lame_duck_seconds
        self._at_end = at_end

    def end_at_signals(self) -> None:
        """At SIGINT or SIGTERM `end`."""
        loop = asyncio.get_running_loop()
        for number in ENDING_SIGNALS:
            loop.add_signal_handler(number, self.end)

    def end(self) -> None:
        """End once the lame duck's time is over; asked again, end now, and once more, drop what is still open.

        Until then it serves on, new connections too, but says that it is ending and closes each after its answer.
        """
        if self._lame_duck_seconds and not self._limits.ending:
            log.info("ending", lame_duck_seconds=self._lame_duck_seconds)
            self._limits.ending = True
            asyncio.get_running_loop().call_later(self._lame_duck_seconds, self.stop)
        else:
            self.force_exit = self.should_exit
            self.stop()

    def stop(self) -> None:
        """Accept nothing more, answer what has begun, and end."""
        self._limits.ending = self.should_exit = True
        self._at_end()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and log the addresses."""
        servers: Any = [
            Acceptor(listener, self._new_connection, self._limits, self.config.ssl) for listener in sockets or []
        ]
        self.servers = servers
        self.started = True
        scheme = "https" if self.config.is_ssl else "http"
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            log.info("listening", url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; once a second look for connections whose time is over."""
        if counter % 10 == 0:
            connections: Any = self.server_state.connections
            self._limits.look(connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def _new_connection(self) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        new: asyncio.Protocol = protocol(config=self.config, server_state=self.server_state, app_state={})
        return new


def configuration(app: FastAPI, settings: Settings, limits: Limits) -> uvicorn.Config:
    """uvicorn's configuration: its log, headers and lifespan are ours or nobody's."""
    protocol: Any = partial(DirectProtocol, direct=direct_of(app), limits=limits, begun=Groups(TOGETHER))
    return uvicorn.Config(
        app,
        lifespan="off",
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


def limits_of(settings: Settings, refused: Callable[[str], None] = lambda _: None) -> Limits:
    """What the settings grant connections. Raises ListenError for more than the process may have files open."""
    handshakes = min(MOST_HANDSHAKES, possible_connections() // 4) if settings.tls_key else 0
    possible = possible_connections(handshakes)
    most = settings.most_connections or min(MOST_CONNECTIONS, possible)
    if most > possible:
        raise ListenError(f"most_connections={most}: the limit of open files leaves room for {possible}")
    return Limits(
        most_connections=most,
        most_handshakes=handshakes,
        keep_alive_seconds=settings.keep_alive_seconds,
        head_seconds=settings.head_seconds,
        refused=refused,
        trusts=TrustedProxies(settings.trusted_proxies).trusts,
    )


def bind(host: str, port: int, *, has_tls: bool = False) -> socket.socket:
    """A socket on the address; port 0 takes a free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER[has_tls])
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    return listener
