"""Connections to the store: a pool for each server, and the routing that chooses one for each key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from slta.store._client.cluster import Cluster
from slta.store._client.connection_pool import ConnectionPool, RetiredError, StoreSettings
from slta.store._client.durability import unsynced
from slta.store._client.failures import FAILOVER_KINDS, NotFsyncedError, NotSentError, classify, is_forbidden
from slta.store._client.name_lookup import resolving
from slta.store._client.routing import OnChange, OneServer, Routing, Sentinels, connection_options
from slta.store._client.url import Address, StoreAddress, parse_store_url

PAUSE_SECONDS = 0.2
"""How long a server of a cluster that did not answer is not tried again: a scrape of its fleets must not wait for each,
as those of other servers follow."""


class Connections:
    """Connections to all servers of one store."""

    def __init__(self, settings: StoreSettings) -> None:
        """InvalidUrlError. Nothing is connected before the first call."""
        address = parse_store_url(settings.url)
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
        """Timeout of a call that has a connection."""
        self._find_seconds = 2 * settings.connect_timeout_seconds + self.call_seconds
        self._settings = settings
        on_new = partial(on_connect, requires_fsync=settings.requires_fsync)
        self._server = server | {"socket_timeout": None, "redis_connect_func": on_new, "driver_info": DriverInfo()}
        self.is_cluster = bool(address.nodes)
        self.finds_masters = bool(address.sentinels or address.nodes)
        """Whether the URL leads to others that name the masters."""
        self.routing: Routing = _routing(address, options, self._keep)
        self.pools: dict[Address, ConnectionPool] = {}
        self.examine: Callable[[ConnectionPool], Awaitable[None]] | None = None
        """Admits a server of a cluster before its first call. RedisError if it is unsuitable, or does not reply."""

    async def acquire(self, key: str) -> tuple[ConnectionPool, AbstractConnection]:
        """Check out a connection to the server of a key. NotSentError, also as the cause of a cancellation."""
        address = None
        try:
            while True:
                address = self.routing.where(key) or await self.find(key)
                pool = self.pool(address)
                try:
                    if not pool.is_admitted and self.examine:
                        await self.examine(pool)
                    return pool, await pool.acquire()
                except RetiredError:
                    continue
        except asyncio.CancelledError as ended:
            raise ended from NotSentError()
        except (RedisError, OSError) as error:
            unsent = NotSentError()
            unsent.__cause__ = error
            await self.failed(address, unsent)
            raise unsent from error

    async def find(self, key: str) -> Address:
        """Address of the server of a key; asks if it is not known. RedisError, OSError."""
        async with asyncio.timeout(self._find_seconds):
            return await self.routing.find(key)

    def pool(self, address: Address) -> ConnectionPool:
        """The pool of an address, created when first used."""
        pool = self.pools.get(address)
        if pool is None:
            options = self._server | connection_options(address)
            new = partial(options.pop("connection_class"), **options)
            confirm = self.routing.confirm
            pause = PAUSE_SECONDS if self.is_cluster else 0
            pool = ConnectionPool(address, self._settings, self.call_seconds, new, confirm, pause)
            self.pools[address] = pool
            pool.is_admitted = self.examine is None
        return pool

    async def failed(self, address: Address | None, error: RedisError | OSError) -> None:
        """Called with each failed call: an error that a failover may have caused renews the connections."""
        kind = classify(error).kind
        if address in self.pools and kind in FAILOVER_KINDS:
            await self.pools[address].renew()
        await self.routing.failed(address, kind, error)

    async def _keep(self, masters: Collection[Address]) -> None:
        """Close the connections to all other servers."""
        for address in self.pools.keys() - set(masters):
            await self.pools.pop(address).retire()

    async def aclose(self) -> None:
        """Disconnect."""
        for pool in self.pools.values():
            await pool.renew()
        await self.routing.close()


def _routing(address: StoreAddress, options: dict[str, Any], on_change: OnChange) -> Routing:
    if address.nodes:
        return Cluster(address, options, on_change)
    return Sentinels(address, options, on_change) if address.sentinels else OneServer(address.server)


async def on_connect(connection: AbstractConnection, *, requires_fsync: bool = False) -> None:
    """Authenticate, then check that the server is a master and, if required, syncs each write.

    Raises ReadOnlyError and NotFsyncedError before any call is sent, also on each new master. If the ACL forbids ROLE,
    the server is taken for a master: calls to a replica fail.
    """
    await connection.on_connect()
    role = await _ask(connection, "ROLE")
    if role and role[0] != "master":
        raise ReadOnlyError("READONLY the server is a replica")
    if requires_fsync:
        reply = await _ask(connection, "CONFIG", "GET", "appendfsync")
        values = list(reply.values()) if isinstance(reply, dict) else reply  # RESP2: a list of name and value
        reason = unsynced(values[-1] if values else None)
        if reason:
            raise NotFsyncedError(reason)


async def _ask(connection: AbstractConnection, *command: str) -> Any:  # noqa: ANN401 - the reply's type depends on the command
    """The reply; None if the command is forbidden or renamed."""
    await connection.send_command(*command, check_health=False)
    try:
        return await connection.read_response()
    except ResponseError as error:
        if is_forbidden(error):
            return None
        raise
