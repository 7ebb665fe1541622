"""Routing: which server serves a key. Behind an interface, since a master may move, and a cluster has several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

from slta.store._client.url import Address, Options

ANY_TAG = "/0"
"""Not a fleet's name."""


def key_of(fleet: str) -> str:
    """The key that a fleet's functions are called with; all others of the fleet, or tag, are on the same server."""
    return f"{{{fleet}}}:fleet"


OnChange = Callable[[Collection[Address]], Awaitable[None]]
"""Callback with the addresses of all masters, called when one of them has changed."""


class Routing(Protocol):
    """Address of the server of each key. Connection pools hang on addresses."""

    def where(self, key: str) -> Address | None:
        """Last known address of the server that serves a key; None if it is not known."""

    async def find(self, key: str) -> Address:
        """The same; asks if it is not known. RedisError."""

    async def confirm(self) -> None:
        """Called before each new connection, which would stay: ask again, if that finds a failover. RedisError."""

    async def follow(self) -> None:
        """Ask for the present addresses; without a reply the known ones stay. About once a second."""

    async def failed(self, address: Address | None, kind: str, error: Exception) -> None:
        """Called with each failed call of a server; `kind` as in `Failure`. May raise an error that explains it."""

    def tags(self) -> tuple[str, ...]:
        """A hash tag for each known master, which no fleet has: keys with it lie there."""

    async def listen(self, on_change: Callable[[], object]) -> None:
        """Call `on_change` on each published failover, until cancelled; return if none are published."""

    async def close(self) -> None:
        """Disconnect."""

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

    async def confirm(self) -> None:
        """Nothing to ask."""

    async def follow(self) -> None:
        """Nothing to ask."""

    async def failed(self, address: Address | None, kind: str, error: Exception) -> None:
        """Nothing to learn."""

    def tags(self) -> tuple[str, ...]:
        """Any tag will do."""
        return (ANY_TAG,)

    async def listen(self, on_change: Callable[[], object]) -> None:
        """Nothing is published."""

    async def close(self) -> None:
        """Nothing is open."""


def connection_options(address: Address) -> dict[str, Any]:
    """Options of a connection to an address; none for a Unix socket, which has port 0, or the default address."""
    host, port = address
    return {"host": host, "port": port} if port else {}
