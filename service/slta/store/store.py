"""Store: public interface of one Redis server or cluster, and the wiring of its parts."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Self

from slta.models.errors import StoreUnavailableError
from slta.store._batching.kinds import HEARTBEATS
from slta.store._batching.operations import Operations
from slta.store._client.connection_pool import StoreSettings
from slta.store._client.connections import Connections
from slta.store._client.failures import REFUSING_ERROR_KINDS, StoreCallError
from slta.store._client.functions import FunctionClient, StoreObserver
from slta.store._client.preflight import (
    NO_EVICTION,
    Eviction,
    ServerRequirements,
    eviction,
    known_pools,
    preflight,
)
from slta.store._client.rollback_detection import RollbackDetector
from slta.store._client.routing import ANY_TAG, key_of
from slta.store._client.url import Address
from slta.store._failover.recovery import Recovery
from slta.store._failover.replay_log import ReplayLog
from slta.store.fleets import Fleets
from slta.store.library import Library, own_library
from slta.store.pools import Pools
from slta.store.rebuilds import Rebuilds
from slta.store.sessions import Sessions

READINESS = (
    "ready",
    "starting",
    "unavailable",
    "unconfirmed",
    "unsynced",
    "unsuitable",
    *REFUSING_ERROR_KINDS.values(),
)
"""Results of a check: writable, not checked yet, no reply, replication lag, replies before the sync to disk, refused by
the preflight check, or the kind of the server's error."""
MOVING = frozenset({"ask", "tryagain"})
"""Kinds of failures of a slot that is being moved: the next check uses a name in another slot of the master."""


class Store:
    """`fleets`, `pools`, `sessions` and `rebuilds` of one store. One per process."""

    def __init__(
        self,
        settings: StoreSettings,
        observer: StoreObserver,
        *,
        library: Library | None = None,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], str] = lambda: "",
    ) -> None:
        """`library` defaults to all policies.

        `draw` returns numbers uniform in [0, 1); `clock` microseconds, or '' for the server's time.
        """
        self._connections = Connections(settings)
        self._detector, self._replay_log = RollbackDetector(), ReplayLog(observer.not_restored)
        self._functions = FunctionClient(self._connections, library or own_library(), observer, clock, self._detector)
        self._durability = settings.durability
        self._operations = Operations(self._functions, self._replay_log, settings)
        self._heartbeats = Operations(self._functions, self._replay_log, settings, HEARTBEATS)
        self.check_requested = asyncio.Event()
        """Set when sentinels publish a failover: call `check` now."""
        self._failures: dict[Address | None, StoreCallError | None] = {}
        """Why the last `check` of each shard failed, if it did."""
        self._evictions: dict[Address, Eviction | None] = {}
        self.layout_mismatch = ""
        """Why a fleet of another layout cannot be used, or ''; set by the ticks."""
        self.rebuilds = Rebuilds(self._functions)
        self.fleets = Fleets(self._functions, self._replay_log)
        self.pools = Pools(
            self._functions, self._operations, self._heartbeats, draw, self._replay_log, observer.sampled
        )
        self.sessions = Sessions(self._functions, self._operations, draw)
        self._recovery = Recovery(self._functions, self._detector, self._replay_log, observer)

    @classmethod
    async def open(cls, settings: StoreSettings, observer: StoreObserver, library: Library | None = None) -> Self:
        """Create a store and load the library; if that fails, the first call loads it."""
        store = cls(settings, observer, library=library)
        await store._functions.load_everywhere()
        return store

    async def close(self) -> None:
        """Wait for pending operations, then disconnect."""
        await self._operations.drain()
        await self._heartbeats.drain()
        await self._connections.aclose()

    @property
    def library_digest(self) -> str:
        """Digest of the Lua library, 8 hexadecimal digits."""
        return self._functions.digest

    async def preflight(self, requirements: ServerRequirements) -> bool:
        """Check the server's configuration, see `preflight.preflight`. UnsuitableStoreError, StoreUnavailableError."""
        return await preflight(self._connections, requirements)

    async def eviction(self) -> Eviction | None:
        """Eviction policy of the servers, and their number of evicted keys. StoreUnavailableError.

        Of a server of a cluster that does not reply, what it said last counts.
        """
        pools = await known_pools(self._connections)
        found = await asyncio.gather(*map(eviction, pools), return_exceptions=True)
        if all(isinstance(one, BaseException) for one in found):
            raise StoreUnavailableError
        for pool, one in zip(pools, found, strict=True):
            if not isinstance(one, BaseException):
                self._evictions[pool.address] = one
        known = [one for pool in pools if (one := self._evictions.get(pool.address))]
        policy = next((one.policy for one in known if one.is_possible), NO_EVICTION)
        return Eviction(policy, sum(one.evicted_keys for one in known)) if known else None

    @property
    def readiness(self) -> str:
        """Layout mismatch of a fleet, or the result of the last `check`, one of `READINESS`.

        `ready` if at least one shard takes writes.
        """
        return self.layout_mismatch or min(self.shards, key=lambda status: status != "ready", default="starting")

    @property
    def shards(self) -> Mapping[str, int]:
        """Number of shards by the result of the last `check`; without a cluster there is one."""
        return Counter(map(_status, self._failures.values()))

    @property
    def unowned_slots(self) -> int:
        """Number of a cluster's slots that no known master owns: calls of their fleets fail."""
        return self._connections.routing.unowned_slots

    @property
    def foreign_nodes(self) -> int:
        """Number of a cluster's addresses where a node of another one replies, which is ignored."""
        return self._connections.routing.foreign_nodes

    @property
    def last_failure(self) -> StoreCallError | None:
        """Why the last `check` of a shard failed, if it did."""
        return next(filter(None, self._failures.values()), None)

    def is_refusing(self, fleet: str) -> bool:
        """Whether the last `check` of the fleet's shard failed: it did not answer, or rejects writes."""
        failed = self.last_failure
        if failed and self.has_shards:
            failed = self._failures.get(self._connections.routing.where(key_of(fleet)))
        return failed is not None

    @property
    def has_shards(self) -> bool:
        """Whether the store is a cluster of which several shards are known."""
        return len(self._failures) > 1

    def is_away(self, fleet: str) -> bool:
        """Whether the last `check` of the fleet's shard failed, but not that of each other one."""
        return self.has_shards and not self.is_down and self.is_refusing(fleet)

    @property
    def is_down(self) -> bool:
        """Whether the last `check` failed on all shards of a cluster, of which the list of fleets is still known."""
        return self.has_shards and self.readiness != "ready"

    async def check(self) -> str:
        """Update `readiness`, and return it. About once a second.

        Asks sentinels or nodes for the masters, then sends each an empty batch of no fleet, which it rejects in the
        same cases as an assign. If acknowledgements require replicas or a sync, a write without effect is confirmed
        too.
        """
        self.check_requested.clear()
        routing = self._connections.routing
        await routing.follow()
        tags = routing.tags() or (ANY_TAG,)
        shards = [routing.where(key_of(tag)) for tag in tags]
        self._failures = dict(zip(shards, await asyncio.gather(*map(self._test, tags)), strict=True))
        return self.readiness

    async def recover(self) -> None:
        """Restore sessions that the store has lost, and again those without a pool. About once a second.

        A task of its own: neither waits for the other's servers.
        """
        self.recovery_requested.clear()
        await self._recovery.run()

    @property
    def recovery_requested(self) -> asyncio.Event:
        """Set when a fleet may have lost acknowledged writes: call `recover` now."""
        return self._detector.suspected

    @property
    def recovering(self) -> int:
        """Number of fleets with lost sessions that are not restored yet."""
        return len(self._recovery.fleets)

    async def _test(self, tag: str) -> StoreCallError | None:
        """Why the shard in which a tag lies takes no writes; None if it does."""
        try:
            await self._functions.send_stamped("batch", tag, operations=())
            if self._durability.promises:
                await self.fleets.probe_write(tag)
        except StoreCallError as failed:
            return None if failed.failure.kind in MOVING else failed
        return None

    async def listen(self) -> None:
        """Request a `check` on each failover that a sentinel publishes, until cancelled; return without sentinels."""
        await self._connections.routing.listen(self.check_requested.set)

    def is_doubted(self, fleet: str) -> bool:
        """Whether the fleet may have lost acknowledged writes that are not restored yet."""
        return self._detector.is_suspect(fleet)

    def keep_only(self, fleets: Collection[str]) -> None:
        """Drop the failover state of all other fleets, but those deleted so shortly ago that this may be lost."""
        self._replay_log.keep(fleets)
        self._detector.keep({*fleets, *self._replay_log.fleets()})


def _status(failed: StoreCallError | None) -> str:
    if failed is None:
        return "ready"
    return failed.failure.kind if failed.failure.kind in READINESS else "unavailable"
