"""Connections that look up the server's name first, so that a failure of the lookup is known as such."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from redis.asyncio.connection import Connection, SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError


class NameLookupError(RedisConnectionError):
    """The server's name has no address, or the resolver did not reply in time; the message has the reason."""


async def look_up(host: str, port: int, timeout_seconds: float | None) -> None:
    """Look up a name, unless `host` is an address. NameLookupError.

    The lookup runs in a thread and cannot be cancelled. One that was given up ends later, and its error is dropped:
    uvloop would report that of a lookup inside `create_connection` as never retrieved.
    """
    if _is_address(host):
        return
    lookup = asyncio.ensure_future(asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))
    lookup.add_done_callback(_retrieve)
    done, _ = await asyncio.wait([lookup], timeout=timeout_seconds)
    if not done:
        raise NameLookupError(f"{host}: the resolver did not reply within {timeout_seconds:g} s")
    try:
        lookup.result()
    except OSError as error:
        raise NameLookupError(f"{host}: {error.strerror or error}") from error
    except UnicodeError as error:  # a label that is empty or too long
        raise NameLookupError(f"{host}: {error}") from error


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _retrieve(lookup: asyncio.Future[Any]) -> None:
    if not lookup.cancelled():
        lookup.exception()


class ResolvingConnection(Connection):
    """TCP connection that resolves the server's name before it connects."""

    async def connect(self) -> None:
        """Look up the name, then connect. NameLookupError, ConnectionError, TimeoutError."""
        await look_up(self.host, self.port, self.socket_connect_timeout)
        await super().connect()  # type: ignore[no-untyped-call]


class ResolvingSSLConnection(SSLConnection):
    """TLS connection that resolves the server's name before it connects."""

    async def connect(self) -> None:
        """As `ResolvingConnection.connect`."""
        await look_up(self.host, self.port, self.socket_connect_timeout)
        await super().connect()  # type: ignore[no-untyped-call]


def resolving(options: Mapping[str, Any]) -> dict[str, Any]:
    """Connection options with the class that resolves the name first; a Unix socket keeps its class."""
    classes = {Connection: ResolvingConnection, SSLConnection: ResolvingSSLConnection}
    kind = options.get("connection_class", Connection)
    return {**options, "connection_class": classes.get(kind, kind)}
