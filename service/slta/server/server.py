"""The HTTP server: a uvicorn server with its own listening socket, signal handling and lame-duck shutdown."""

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

from slta.server.acceptor import Acceptor
from slta.server.certificates import ListenError
from slta.server.connection_limits import ConnectionLimits

BACKLOG = 2048
RECEIVE_BUFFER = {False: 32_768, True: 16_384}
"""SO_RCVBUF without and with TLS (Linux doubles it). It also bounds a single read. TLS gets less because it buffers
plaintext and ciphertext."""
SEND_BUFFER = 131_072
"""SO_SNDBUF: bytes of responses that the kernel buffers for a client that does not read."""
SHUTDOWN_SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """uvicorn's server with its own signal handlers; unlike uvicorn's they do not raise the signal again at exit."""

    def __init__(
        self,
        config: uvicorn.Config,
        limits: ConnectionLimits,
        on_shutdown: Callable[[], None],
        lame_duck_seconds: float = 0,
    ) -> None:
        """`on_shutdown` is called at shutdown, to close event streams that would delay it."""
        super().__init__(config)
        self._limits = limits
        self._lame_duck_seconds = lame_duck_seconds
        self._on_shutdown = on_shutdown

    def install_signal_handlers(self) -> None:
        """Call `request_shutdown` on SIGINT and SIGTERM."""
        loop = asyncio.get_running_loop()
        for number in SHUTDOWN_SIGNALS:
            loop.add_signal_handler(number, self.request_shutdown)

    def request_shutdown(self) -> None:
        """Shut down after the lame-duck period; on a second call at once, on a third without finishing requests.

        During the lame-duck period it still accepts and answers requests, but `/readyz` reports `ending` and each
        response closes its connection.
        """
        if self._lame_duck_seconds and not self._limits.ending:
            log.info("ending", lame_duck_seconds=self._lame_duck_seconds)
            self._limits.ending = True
            asyncio.get_running_loop().call_later(self._lame_duck_seconds, self.stop)
        else:
            self.force_exit = self.should_exit
            self.stop()

    def stop(self) -> None:
        """Stop accepting, finish requests in progress, and exit."""
        self._limits.ending = self.should_exit = True
        self._on_shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start accepting, and log the URLs."""
        protocol: Any = self.config.http_protocol_class
        new_connection = partial(protocol, config=self.config, server_state=self.server_state)
        servers: Any = [Acceptor(listener, new_connection, self._limits, self.config.ssl) for listener in sockets or []]
        self.servers = servers
        self.started = True
        scheme = "https" if self.config.is_ssl else "http"
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            log.info("listening", url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")

    async def on_tick(self, counter: int) -> bool:
        """Close expired connections once a second; uvicorn calls this ten times a second."""
        if counter % 10 == 0:
            self._limits.close_expired(self.server_state.connections, asyncio.get_running_loop().time())  # type: ignore[arg-type]
        return await super().on_tick(counter)


def bind(host: str, port: int, *, has_tls: bool = False) -> socket.socket:
    """Bind a listening socket; port 0 chooses a free one. Raises ListenError."""
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
