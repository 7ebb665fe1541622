"""The HTTP server: its configuration, its socket, its certificates, and how it is asked to end."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from service.api.application import direct_of
from service.process.protocol import DirectProtocol
from service.process.settings import Settings

BACKLOG = 2048
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger(__name__)


class ListenError(Exception):
    """The process cannot listen as its settings say."""


class Server(uvicorn.Server):
    """uvicorn, but the signals are ours: they end it once, and are not raised again afterwards."""

    def __init__(self, config: uvicorn.Config, at_end: Callable[[], None]) -> None:
        """`at_end` is called when it is asked to end: what streams without end would hold it up."""
        super().__init__(config)
        self._at_end = at_end

    def end_at_signals(self) -> None:
        """At SIGINT or SIGTERM answer what has begun, then end; a second one waits for nothing."""
        loop = asyncio.get_running_loop()
        for number in ENDING_SIGNALS:
            loop.add_signal_handler(number, self.end)

    def end(self) -> None:
        """Accept nothing more; asked again, drop what is still open."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._at_end()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Log the addresses once they accept connections."""
        await super().startup(sockets)
        scheme = "https" if self.config.is_ssl else "http"
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            log.info("listening", url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")


def configuration(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """uvicorn's configuration: its log, headers and lifespan are ours or nobody's."""
    protocol: Any = partial(DirectProtocol, direct=direct_of(app))
    return uvicorn.Config(
        app,
        lifespan="off",
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )


def bind(host: str, port: int) -> socket.socket:
    """A socket on the address; port 0 takes a free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    return listener


def check_certificates(certificate: Path | None, key: Path | None) -> None:
    """Raise ListenError for a certificate and key that TLS could not use."""
    if certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"cannot use {certificate} with key {key}: {error.strerror or error}") from None
