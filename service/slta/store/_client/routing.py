"""Routing: which server serves a key; that of the URL, or the master that sentinels name."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from slta.store._client.name_lookup import NameLookupError, resolving
from slta.store._client.url import Address, Options, StoreAddress

ANY_TAG = "/0"
"""Not a fleet's name."""
CHANNELS = ("+promoted-slave", "+switch-master")
"""Channels of failover events. `+promoted-slave` comes first, from the sentinel that promotes the replica."""
LISTENING_SECONDS = 30.0
"""Timeout of one read from a subscription; the subscription stays."""
RESUBSCRIBE_SECONDS = 1.0
"""Pause before a failed subscription is retried."""


def key_of(fleet: str) -> str:
    """The key that a fleet's functions are called with; all others of the fleet, or tag, are on the same server."""
    return f"{{{fleet}}}:fleet"


OnChange = Callable[[Collection[Address]], Awaitable[None]]
"""Callback with the addresses of all masters, called when one of them has changed."""


class Routing(ABC):
    """Address of the server of each key. Connection pools hang on addresses.

    What an implementation leaves as it is here asks nothing, learns nothing, and knows one master.
    """

    @abstractmethod
    def where(self, key: str) -> Address | None:
        """Last known address of the server that serves a key; None if it is not known."""

    @abstractmethod
    async def find(self, key: str) -> Address:
        """The same; asks if it is not known. RedisError."""

    async def confirm(self) -> None:
        """Called before each new connection, which would stay: ask again, if that finds a failover. RedisError."""
        return

    async def follow(self) -> None:
        """Ask for the present addresses; without a reply the known ones stay. About once a second."""
        return

    async def failed(self, address: Address | None, kind: str, error: Exception) -> None:  # noqa: ARG002
        """Called with each failed call of a server; `kind` as in `Failure`. May raise an error that explains it."""
        return

    def tags(self) -> tuple[str, ...]:
        """A hash tag for each known master, which no fleet has: keys with it lie there."""
        return (ANY_TAG,)

    async def listen(self, on_change: Callable[[], object]) -> None:  # noqa: ARG002
        """Call `on_change` on each published failover, until cancelled; return if none are published."""
        return

    async def close(self) -> None:
        """Disconnect."""
        return

    @property
    def unowned_slots(self) -> int:
        """Number of a cluster's slots that no known master owns."""
        return 0

    @property
    def foreign_nodes(self) -> int:
        """Number of a cluster's addresses where a node of another one replies, which is ignored."""
        return 0


class OneServer(Routing):
    """Routing to the one server of a URL: a name that follows the master is the resolver's matter."""

    def __init__(self, server: Options) -> None:
        """`server` are options of redis-py's connections, see `url.StoreAddress`."""
        self._address: Address = (server.get("path") or server["host"], server.get("port", 0))

    def where(self, key: str) -> Address:  # noqa: ARG002
        """The one address: host and port, or the path of a Unix socket and 0."""
        return self._address

    async def find(self, key: str) -> Address:  # noqa: ARG002
        """The one address."""
        return self._address


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


def connection_options(address: Address) -> dict[str, Any]:
    """Options of a connection to an address; none for a Unix socket, which has port 0, or the default address."""
    host, port = address
    return {"host": host, "port": port} if port else {}
