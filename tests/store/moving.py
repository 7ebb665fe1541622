"""A store whose master moves."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from slta.store import Store, StoreSettings
from slta.store._client.connection_pool import ConnectionPool
from tests.store.conftest import Calls

PATIENT: dict[str, Any] = {"connect_timeout_seconds": 30.0, "call_timeout_seconds": 30.0, "deadline_seconds": 60.0}


def pool_of(store: Store) -> ConnectionPool:
    """The connections to the one server that a store talks to."""
    connections = store._connections
    return connections.pool(connections.routing.where("") or next(iter(connections.pools)))


class Moving(Store):
    """A store whose address can be pointed at another server, as a name that follows the master."""

    async def move(self, port: int) -> None:
        pool = pool_of(self)
        pool.new_connection = partial(pool.new_connection, port=port)
        await pool.renew()


async def opened(opening: AsyncExitStack, url: str, **settings: Any) -> Moving:
    """It is closed with `opening`; nothing is late, unless `settings` say so."""
    store = Moving(StoreSettings(url, **PATIENT | settings), Calls())
    opening.push_async_callback(store.close)
    return store
