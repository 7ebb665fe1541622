"""Connection pool to one server: each call has a timeout, redis-py never retries, and callers wait for a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from slta.store._client.durability import ASYNC, Durability, Replicas
from slta.store._client.url import Address

WAIT_SHARE = 0.6
"""Share of the call timeout that WAIT may take, so that its reply comes before the call times out."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Address, timeouts and durability of the store.

    `url` is parsed by `slta.store._client.url`. A call that exceeds `call_timeout_seconds` may have run; it is retried,
    idempotent by session id, until `deadline_seconds` after the request arrived. `max_connections` are those to one
    server. `durability` is a condition for the acknowledgement of a write. `requires_fsync` rejects servers that do not
    report `appendfsync always`. With `traces` a call in a batch has its callers, see `CALLERS`.
    """

    url: str
    connect_timeout_seconds: float = 0.25
    call_timeout_seconds: float = 0.5
    deadline_seconds: float = 1.5
    max_connections: int = 32
    durability: Durability = ASYNC
    requires_fsync: bool = False
    traces: bool = False


class RetiredError(RedisConnectionError):
    """The pool's server is no master any more: ask for the address again."""


class ConnectionPool:
    """Bounded pool of connections to the server at `address`.

    It uses the public methods of redis-py's `Connection` only. redis-py's own pools retry, and take five times as long
    to check out a connection.
    """

    def __init__(
        self,
        address: Address,
        settings: StoreSettings,
        call_seconds: float,
        new_connection: Callable[..., AbstractConnection],
        confirm: Callable[[], Awaitable[None]],
        pause_seconds: float = 0,
    ) -> None:
        """`call_seconds` limits a call that has a connection; `confirm` is called before each new one.

        After a connection attempt timed out, others fail at once for `pause_seconds`.
        Reads have no timeout of their own: the caller limits each call. Nothing is connected before the first call.
        """
        self.address = address
        self.call_seconds = call_seconds
        self.replicas = Replicas(settings.durability.replicas, round(call_seconds * WAIT_SHARE * 1000))
        self.new_connection = new_connection
        self._confirm = confirm
        self._wait_seconds = settings.connect_timeout_seconds
        self._connect_seconds = 2 * settings.connect_timeout_seconds + call_seconds
        self._free = asyncio.Semaphore(settings.max_connections)
        self._pause_seconds = pause_seconds
        self._silent_until = 0.0
        self._is_retired = False
        self.is_admitted = True
        """Whether the server has passed the preflight check, or need not."""
        self.idle: list[AbstractConnection] = []
        self.busy: set[AbstractConnection] = set()

    async def acquire(self) -> AbstractConnection:
        """Check out an established connection. RedisError, OSError, RetiredError."""
        await self._reserve()
        try:
            return await self._idle_connection() or await self._connect()
        except BaseException:
            self._free.release()
            raise

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

    async def release(self, connection: AbstractConnection) -> None:
        """Return a connection. One that failed, or that `renew` concerned, is closed."""
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
        """A new connection. None is tried within `pause_seconds` of one that timed out."""
        if monotonic() < self._silent_until:
            raise RedisTimeoutError("the server did not answer just now")
        try:
            async with asyncio.timeout(self._connect_seconds):
                await self._confirm()
                return await self._connected()
        except (TimeoutError, RedisTimeoutError):
            self._silent_until = monotonic() + self._pause_seconds
            raise

    async def _connected(self) -> AbstractConnection:
        if self._is_retired:
            raise RetiredError
        connection = self.new_connection()
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

    async def retire(self) -> None:
        """Close everything in the same way, and open nothing any more."""
        self._is_retired = True
        await self.renew()


async def _close(connection: AbstractConnection) -> None:
    with suppress(RedisError, OSError):
        await connection.disconnect(nowait=True)  # a cancellation here must not hide the error
