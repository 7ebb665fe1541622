"""Pools: create, move, remove, drain, fail, and compare with their own lists. The functions are in `lua/pools.lua`."""

from __future__ import annotations

from collections.abc import Sequence

from service import errors
from service.requests import Author
from service.store import replies
from service.store.batching import Operations
from service.store.caller import Caller
from service.store.replies import Reply, checked
from service.store.waiting import Words
from service.values import EndReason, Pool, PoolFailed, PoolPage, PoolsAdded, Reconciliation, Status

POOLS_PER_CALL = 1000
SESSIONS_PER_CALL = 128


class Pools:
    """The pools of all fleets. Every method may raise UnknownFleet, UnknownPool, StoreUnavailable, OutcomeUnknown.

    Who changes pools is their `author`, None for the service itself.
    """

    def __init__(self, caller: Caller, operations: Operations) -> None:
        self._caller = caller
        self._operations = operations

    async def get(self, fleet: str, pool_id: str) -> Pool:
        """A pool and its occupancy."""
        return replies.pool(await self._caller.read("pool", fleet, pool_id))

    async def page(self, fleet: str, cursor: str | None, limit: int) -> PoolPage:
        """At most `limit` pools in a fixed order from `cursor` on, and where to go on."""
        return replies.pool_page(await self._caller.read("pool_page", fleet, cursor or 0, limit))

    async def add(self, fleet: str, pools: Sequence[tuple[str, str]], author: Author | None = None) -> PoolsAdded:
        """Create (pool id, class name) pairs, where they do not exist.

        All or nothing for each thousand. UnknownClass, PoolInOtherClass, PoolLimit.
        """
        created: list[str] = []
        for start in range(0, len(pools), POOLS_PER_CALL):
            words = [word for pair in pools[start : start + POOLS_PER_CALL] for word in pair]
            created += (await self._caller.record("add_pools", fleet, author, *words))[1:]
        new = set(created)
        return PoolsAdded(created=created, unchanged=[pool_id for pool_id, _ in pools if pool_id not in new])

    async def move(self, fleet: str, pool_id: str, class_name: str, author: Author | None = None) -> tuple[Pool, bool]:
        """Create a pool, or let an empty one change class; the pool and whether it is new. PoolNotEmpty."""
        try:
            return replies.pool(await self._caller.record("move_pool", fleet, author, pool_id, class_name)), False
        except errors.UnknownPool:
            added = await self.add(fleet, [(pool_id, class_name)], author)
            return await self.get(fleet, pool_id), bool(added.created)

    async def remove(self, fleet: str, pool_id: str, author: Author | None = None) -> None:
        """Remove an empty pool. PoolNotEmpty."""
        await self._caller.record("remove_pool", fleet, author, pool_id)

    async def set_status(self, fleet: str, pool_id: str, status: Status, author: Author | None = None) -> Pool:
        """Drain a pool, return it, or mark it failed. Its sessions stay."""
        return replies.pool(await self._caller.record("set_status", fleet, author, pool_id, status))

    async def fail(self, fleet: str, pool_id: str, author: Author | None = None) -> PoolFailed:
        """Send a pool no more sessions and end those it has."""
        await self.set_status(fleet, pool_id, "failed", author)
        ended = await self._end(fleet, pool_id, await self._session_ids(fleet, pool_id), "failed", "")
        pool = await self.get(fleet, pool_id)
        return PoolFailed(
            pool_id=pool.pool_id,
            pool_class=pool.pool_class,
            status=pool.status,
            occupancy=pool.occupancy,
            ended_session_ids=ended,
        )

    async def reconcile(self, fleet: str, pool_id: str, as_of: str, session_ids: Sequence[str]) -> Reconciliation:
        """Take a pool's own list as the truth about what was placed on it before `as_of`, a snapshot's. StaleReport."""
        listed = dict.fromkeys(session_ids)
        known = set(await self._session_ids(fleet, pool_id, as_of))
        missing = [id_ for id_ in known if id_ not in listed]
        ended = await self._end(fleet, pool_id, missing, "reported_ended", as_of)
        strangers = [id_ for id_ in listed if id_ not in known]
        outcomes = await self._submit_slices(fleet, [("adopt", id_, pool_id, "", as_of) for id_ in strangers])
        if not (missing or strangers):  # nothing was written, and what is unconfirmed of an earlier try still is
            await self._caller.change("batch", fleet)
        return replies.reconciliation(ended, strangers, outcomes)

    async def _session_ids(self, fleet: str, pool_id: str, as_of: str = "") -> list[str]:
        return (await self._caller.read("pool_sessions", fleet, pool_id, as_of))[1:]

    async def _end(self, fleet: str, pool_id: str, ids: Sequence[str], reason: EndReason, as_of: str) -> list[str]:
        outcomes = await self._submit_slices(fleet, [("end", id_, pool_id, reason, as_of) for id_ in ids])
        return [id_ for id_, outcome in zip(ids, outcomes, strict=True) if outcome[0] == "ENDED_NOW"]

    async def _submit_slices(self, fleet: str, operations: Sequence[Words]) -> list[Reply]:
        """Long lists go out in slices, so that others' sessions are placed in between."""
        outcomes: list[Reply] = []
        for start in range(0, len(operations), SESSIONS_PER_CALL):
            together = operations[start : start + SESSIONS_PER_CALL]
            outcomes += map(checked, await self._operations.submit_all(fleet, together))
        return outcomes
