"""Connection pool to the master: each call has a timeout, redis-py never retries, and callers wait for a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from slta.store.client.durability import ASYNC, Durability
from slta.store.client.failures import NotSentError
from slta.store.client.name_lookup import resolving
from slta.store.client.replicas import Replicas
from slta.store.client.sentinel import Sentinels, on_connect
from slta.store.client.url import parse

WAIT_SHARE = 0.6
"""Share of the call timeout that WAIT may take, so that its reply comes before the call times out."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Address, timeouts and durability of the store.

    `url` is parsed by `slta.store.client.url`. A call that exceeds `call_timeout_seconds` may have run; it is retried,
    idempotent by session id, until `deadline_seconds` after the request arrived. `durability` is a condition for the
    acknowledgement of a write. `requires_fsync` rejects servers that do not report `appendfsync always`.
    """

    url: str
    connect_timeout_seconds: float = 0.25
    call_timeout_seconds: float = 0.5
    deadline_seconds: float = 1.5
    max_connections: int = 32
    durability: Durability = ASYNC
    requires_fsync: bool = False


class ConnectionPool:
    """Bounded pool of connections to the master.

    It uses the public methods of redis-py's `Connection` only. redis-py's own pools retry, and take five times as long
    to check out a connection.
    """

    def __init__(self, settings: StoreSettings) -> None:
        """InvalidUrlError. Nothing is connected before the first call."""
        address = parse(settings.url)
        options: dict[str, Any] = {
            "retry": Retry(NoBackoff(), 0),  # redis-py's ten would execute a call twice
            "retry_on_timeout": False,
            "socket_timeout": settings.call_timeout_seconds,
            "socket_connect_timeout": settings.connect_timeout_seconds,
            "decode_responses": True,
            "maint_notifications_config": MaintNotificationsConfig(enabled=False),  # saves a call on connect
        }
        server = resolving(options | dict(address.server))
        self.call_seconds: float = server["socket_timeout"]
        """Timeout of a call that has a connection. Reads have none of their own: the caller limits each call."""
        self.replicas = Replicas(settings.durability.replicas, round(self.call_seconds * WAIT_SHARE * 1000))
        self.sentinels = Sentinels(address, options, self.renew) if address.sentinels else None
        """Discovery of the master; None if the URL has its address."""
        self._wait_seconds = settings.connect_timeout_seconds
        self._connect_seconds = 2 * settings.connect_timeout_seconds + self.call_seconds
        kind: type[AbstractConnection] = server.pop("connection_class")
        server |= {
            "socket_timeout": None,
            "redis_connect_func": partial(on_connect, requires_fsync=settings.requires_fsync),
        }
        self.new_connection: Callable[..., AbstractConnection] = partial(kind, **server)
        self._free = asyncio.Semaphore(settings.max_connections)
        self.idle: list[AbstractConnection] = []
        self.busy: set[AbstractConnection] = set()

    async def acquire(self) -> AbstractConnection:
        """Check out an established connection. NotSentError, also as the cause of a cancellation."""
        try:
            await self._reserve()
            connection = await self._open()
        except asyncio.CancelledError as ended:
            raise ended from NotSentError()
        except (RedisError, OSError) as error:
            raise NotSentError from error
        return connection

    async def _reserve(self) -> None:
        """Wait until fewer connections than the limit are in use."""
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError:  # not the server's: it must not look like a failover
            raise RedisConnectionError("all connections are in use") from None

    async def _open(self) -> AbstractConnection:
        try:
            return await self._idle_connection() or await self._connect()
        except BaseException:
            self._free.release()
            raise

    async def release(self, connection: AbstractConnection) -> None:
        """Return a connection. One that failed, or whose master was replaced, is closed."""
        self.busy.discard(connection)
        self._free.release()
        if connection.is_connected and not connection.should_reconnect():
            self.idle.append(connection)
        else:
            await _close(connection)

    async def _idle_connection(self) -> AbstractConnection | None:
        """An idle connection that is still open."""
        while self.idle:
            connection = self.idle.pop()
            self.busy.add(connection)
            with suppress(RedisError):
                if connection.is_connected and not await connection.can_read():
                    return connection
            self.busy.discard(connection)
            await _close(connection)
        return None

    async def _connect(self) -> AbstractConnection:
        async with asyncio.timeout(self._connect_seconds):
            address = dict(zip(("host", "port"), await self.sentinels.find(), strict=True)) if self.sentinels else {}
            connection = self.new_connection(**address)
            self.busy.add(connection)  # so that a renewal meanwhile concerns it
            try:
                await connection.connect()
            except BaseException:
                self.busy.discard(connection)
                await _close(connection)
                raise
            return connection

    async def renew(self) -> None:
        """Reconnect everything: idle connections close now, busy ones after their call."""
        idle, self.idle = self.idle, []
        for connection in self.busy:
            connection.mark_for_reconnect()
        for connection in idle:
            await _close(connection)

    async def follow(self) -> None:
        """Query the sentinels, if any, for the master; a change renews every connection."""
        if self.sentinels:
            with suppress(RedisError):  # no sentinel replied: keep the last known master
                await self.sentinels.find()

    def is_stale(self, connection: Any) -> bool:  # noqa: ANN401 - one with host and port
        """Whether it leads to a master that has been replaced."""
        return bool(self.sentinels and (connection.host, connection.port) != self.sentinels.latest)

    async def listen(self, on_change: Callable[[], object]) -> None:
        """Call `on_change` on each failover that a sentinel publishes, until cancelled; return without sentinels."""
        if self.sentinels:
            await self.sentinels.listen(on_change)

    async def aclose(self) -> None:
        """Disconnect, also from the sentinels."""
        await self.renew()
        if self.sentinels:
            await self.sentinels.close()


async def _close(connection: AbstractConnection) -> None:
    with suppress(RedisError, OSError):
        await connection.disconnect(nowait=True)  # a cancellation here must not hide the error
