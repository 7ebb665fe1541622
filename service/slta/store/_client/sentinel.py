"""Sentinel discovery of the master, and the role check of each new connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError, ResponseError

from slta.store._client.durability import unsynced
from slta.store._client.name_lookup import NameLookupError, resolving
from slta.store._client.routing import ANY_TAG, OnChange, Routing
from slta.store._client.url import Address, StoreAddress

CHANNELS = ("+promoted-slave", "+switch-master")
"""Channels of failover events. `+promoted-slave` comes first, from the sentinel that promotes the replica."""
LISTENING_SECONDS = 30.0
"""Timeout of one read from a subscription; the subscription stays."""
RESUBSCRIBE_SECONDS = 1.0
"""Pause before a failed subscription is retried."""


class Sentinels(Routing):
    """Routing to the master that sentinels name: all keys are there. A read-only client of the sentinels."""

    def __init__(self, address: StoreAddress, options: dict[str, Any], on_change: OnChange) -> None:
        """`options` are defaults of the connections; those of the URL take precedence."""
        self._master_name = address.master
        self._clients = [
            Redis.from_pool(ConnectionPool(host=host, port=port, **resolving({**options, **address.sentinel})))
            for host, port in address.sentinels
        ]
        self._latest: Address | None = None
        self._on_change = on_change
        self._queries = self._newest_reply = 0

    def where(self, key: str) -> Address | None:  # noqa: ARG002
        """Last known address of the master."""
        return self._latest

    async def confirm(self) -> None:
        """Ask for the master, before a connection to it is opened. ConnectionError."""
        await self.find("")

    async def follow(self) -> None:
        """Ask for the master; without a reply the last known one stays."""
        with suppress(RedisError):
            await self.find("")

    async def failed(self, address: Address | None, kind: str, error: Exception) -> None:
        """Nothing to learn: the next connection asks."""

    def tags(self) -> tuple[str, ...]:
        """Any tag will do."""
        return (ANY_TAG,)

    async def find(self, key: str) -> Address:  # noqa: ARG002
        """Address of the master, by the highest epoch. ConnectionError.

        Every sentinel is queried, since one that has missed a failover returns the old master. For the same reason the
        reply to an earlier query never replaces that to a later one.
        """
        self._queries += 1
        query = self._queries
        results = await asyncio.gather(*map(self._ask, self._clients), return_exceptions=True)
        replies = [reply for reply in results if not isinstance(reply, BaseException)]
        unnamed = [reply for reply in results if isinstance(reply, NameLookupError)]
        if len(unnamed) == len(results):
            raise unnamed[0]
        if not replies:
            raise RedisConnectionError("no sentinel replied with the address of the master")
        _, address = max(replies)
        if query > self._newest_reply:
            self._newest_reply = query
            if address != self._latest:
                self._latest = address
                await self._on_change([address])
        return self._latest or address

    async def listen(self, on_change: Callable[[], object]) -> None:
        """Call `on_change` on each published failover, until cancelled; errors lead to a new subscription."""
        await asyncio.gather(*(self._listen(client, on_change) for client in self._clients))

    async def _listen(self, sentinel: Redis, on_change: Callable[[], object]) -> None:
        while True:
            with suppress(RedisError, OSError):  # also if the ACL forbids it: then only `find` detects a failover
                async with sentinel.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(*CHANNELS)
                    while True:
                        if await subscription.get_message(timeout=LISTENING_SECONDS):
                            on_change()
            await asyncio.sleep(RESUBSCRIBE_SECONDS)

    async def _ask(self, sentinel: Redis) -> tuple[int, Address]:
        """Epoch and address. During a promotion only the second command returns the new address."""
        state = await sentinel.execute_command("SENTINEL MASTER", self._master_name)
        host, port = await sentinel.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", self._master_name)
        return int(state["config-epoch"]), (str(host), int(port))

    async def close(self) -> None:
        """Disconnect."""
        await asyncio.gather(*(client.aclose() for client in self._clients), return_exceptions=True)


class NotFsyncedError(RedisError):
    """The server may reply before a write is on disk; the message has the reason."""


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


def is_forbidden(error: ResponseError) -> bool:
    """Whether the ACL forbids the command, or the server has renamed it."""
    return isinstance(error, NoPermissionError) or str(error).startswith("unknown command")
