"""The store as a whole: one connection to a server, and the rooms that share it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from typing import Self

from service.store.audits import Audits
from service.store.batching import Operations
from service.store.caller import Caller, StoreFailure, StoreObserver
from service.store.connection import REFUSAL_KINDS, StoreSettings, connect, pool_of
from service.store.failover.recovery import Recovery
from service.store.failover.replay_log import ReplayLog
from service.store.failover.rollback_detection import RollbackDetector
from service.store.fleets import NO_FLEET, Fleets
from service.store.library import Library, assemble
from service.store.pools import Pools
from service.store.repairs import Repairs
from service.store.requirements import Demands, Eviction, eviction, examine
from service.store.sessions import Sessions

READINESS = ("ready", "starting", "unavailable", "unconfirmed", "unsynced", *REFUSAL_KINDS.values())
"""Whether the store takes writes, in one word: yes, not asked yet, no answer, replicas lag, it syncs later than it
answers, or what the server said."""


class Store:
    """`fleets`, `pools`, `sessions`, `audits` and `repairs` of one server. One per process."""

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
        self._detector, self._replay_log = RollbackDetector(), ReplayLog()
        self._caller = Caller(pool_of(self._redis), library or assemble(), observer, clock, self._detector)
        self._durability = settings.durability
        self._operations = Operations(self._caller, self._replay_log, settings.deadline_seconds)
        self._recovery = Recovery(self._caller, self._detector, self._replay_log)
        self.readiness = "starting"
        """What the last `check` found, one of `READINESS`."""
        self.audits = Audits(self._caller)
        self.repairs = Repairs(self._caller)
        self.fleets = Fleets(self._caller, self.repairs)
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
    def surplus_replicas(self) -> int:
        """How many replicas are online besides the configured ones, in the mode `replicated`."""
        return pool_of(self._redis).replicas.surplus

    @property
    def library_digest(self) -> str:
        """The version of the Lua library, 8 hexadecimal digits."""
        return self._caller.digest

    async def examine(self, demands: Demands) -> bool:
        """Whether the server could be examined, see `requirements.examine`. UnsuitableStore, StoreUnavailable."""
        return await examine(self._redis, demands)

    async def eviction(self) -> Eviction | None:
        """Whether the server throws keys away, see `requirements.eviction`. StoreUnavailable."""
        return await eviction(self._redis)

    async def check(self) -> None:
        """See whether an assign could run, and say so in `readiness`. About once a second.

        It is a batch like any other, without operations and of no fleet: the server refuses it as it would refuse an
        assign, and nothing is written. Only what is written can be confirmed: where an acknowledgement promises more
        than the server has, something is written besides that changes nothing. Sentinels are asked first whether the
        master is still the same.
        """
        self.doubted.clear()
        await pool_of(self._redis).follow()
        try:
            await self._caller.send("batch", NO_FLEET, operations=0)
            if self._durability.promises:
                await self.fleets.prove()
        except StoreFailure as failed:
            self.readiness = failed.failure.kind if failed.failure.kind in READINESS else "unavailable"
        else:
            self.readiness = "ready"
            await self._recovery.run()

    @property
    def doubted(self) -> asyncio.Event:
        """Set when a fleet may have lost acknowledged writes, or sentinels tell of another master: `check` now."""
        return self._detector.suspected

    async def listen(self) -> None:
        """Hear at once when the sentinels have another master; it never ends, unless there are none."""
        await pool_of(self._redis).listen(self.doubted.set)

    def keep_only(self, fleets: Collection[str]) -> None:
        """Forget what was acknowledged for all other fleets."""
        self._detector.keep(fleets)
        self._replay_log.keep(fleets)
