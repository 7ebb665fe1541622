"""The store as a whole: one connection to a server, and three rooms that share it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Self

from service.store.batching import Operations
from service.store.caller import Caller, StoreFailure, StoreObserver
from service.store.connection import StoreSettings, connect
from service.store.fleets import Fleets
from service.store.library import Library, assemble
from service.store.pools import Pools
from service.store.sessions import Sessions


class Store:
    """`fleets`, `pools` and `sessions` of one server. One per process."""

    def __init__(
        self,
        settings: StoreSettings,
        observer: StoreObserver,
        *,
        library: Library | None = None,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], str] = lambda: "",
    ) -> None:
        """`library` None is the one with our policies.

        `draw` gives numbers uniform in [0, 1); `clock` microseconds, '' for the server's own time.
        """
        self._redis = connect(settings)
        self._caller = Caller(self._redis, library or assemble(), observer, clock)
        self._operations = Operations(self._caller, settings.deadline_seconds)
        self.fleets = Fleets(self._caller)
        self.pools = Pools(self._caller, self._operations)
        self.sessions = Sessions(self._caller, self._operations, draw)

    @classmethod
    async def open(cls, settings: StoreSettings, observer: StoreObserver, library: Library | None = None) -> Self:
        """A store whose library is loaded, if the server answers; else it is loaded at the first call."""
        store = cls(settings, observer, library=library)
        try:
            await store._caller.load()
        except StoreFailure as failed:
            observer.error(failed.failure.kind)
        return store

    async def close(self) -> None:
        """Wait for what is under way, then disconnect."""
        await self._operations.drain()
        await self._redis.aclose()

    @property
    def library_digest(self) -> str:
        """The version of the Lua library, 8 hexadecimal digits."""
        return self._caller.digest

    async def ready(self) -> bool:
        """Whether the server answers and has our library, which is loaded if it is missing."""
        if await self._caller.loaded():
            return True
        try:
            await self._caller.load()
        except StoreFailure:
            return False
        return True
