"""Pools: create, move, remove, drain, fail, and reconcile with their own lists. In Lua: the folder `lua/pools`."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from time import monotonic
from typing import NamedTuple

from slta.core.limits import MAX_SESSION_TYPES
from slta.core.session_types import DEFAULT_TYPE
from slta.models import (
    ALL_POOLS,
    MICROSECONDS,
    UNCHANGED,
    Drain,
    EndReason,
    Pool,
    PoolFailed,
    PoolFilter,
    PoolPage,
    PoolsAdded,
    PoolsChanged,
    PoolSessions,
    PoolSpec,
    Reconciliation,
    Status,
    Unchanged,
    errors,
)
from slta.models.pools import Beats, GuardEnded, Heartbeat
from slta.models.request_record import Author
from slta.store import _replies
from slta.store._batching.batcher import RETRY_PAUSE_SECONDS
from slta.store._batching.operations import Operations
from slta.store._batching.pending import OperationArgs
from slta.store._client.failures import StoreCallError
from slta.store._client.functions import FunctionClient
from slta.store._client.rollback_detection import Stamp
from slta.store._failover.replay_log import ReplayLog
from slta.store._outcomes import Reply, checked
from slta.store.operations import Value
from slta.store.sessions import type_option

POOLS_PER_CALL = 1000
SESSIONS_PER_CALL = 128
POOLS_PER_SLICE = 250
"""Pools of a page in `each_page`: some 2.5 ms of the server's time, for which other calls wait."""


def attribute_word(attribute: str | Mapping[str, str] | Unchanged | None) -> str:
    """'' leaves an attribute as it is, ' ' removes it."""
    if attribute is UNCHANGED:
        return ""
    if not attribute:
        return " "
    return attribute if isinstance(attribute, str) else json.dumps(attribute, sort_keys=True)


class PoolArguments(NamedTuple):
    """Arguments of a pool, a row of `add_pools` or those of `move_pool`."""

    pool_id: str
    pool_class: str
    address: str
    labels: str


def arguments_of(pool: PoolSpec) -> PoolArguments:
    """Arguments of a pool, with attributes as `lua/state/attributes.lua` takes them."""
    return PoolArguments(pool.pool_id, pool.pool_class, attribute_word(pool.address), attribute_word(pool.labels))


def quota_word(patterns: Collection[str] | None, most: int | None) -> str:
    """Argument of `lua/pools/pool_patterns.lua`: at most `most` pools (None: 0) of these patterns; '' for None."""
    return "" if patterns is None else f"{most or 0} {','.join(sorted(patterns))}"


def deadline_word(drain: Drain | None) -> str:
    """The argument of `lua/pools/transitions.lua`, '' without a deadline."""
    return f"{round(drain.deadline_seconds * MICROSECONDS)} {drain.then}" if drain else ""


class Pools:
    """Pools of all fleets. `author` requests a change, None is the service itself.

    Every method may raise UnknownFleetError, UnknownPoolError, StoreUnavailableError, OutcomeUnknownError.
    """

    def __init__(
        self,
        functions: FunctionClient,
        operations: Operations,
        heartbeats: Operations,
        draw: Callable[[], float],
        replay_log: ReplayLog,
        sampled: Callable[[str, int], object],
    ) -> None:
        """`draw` returns numbers uniform in [0, 1), which spread heartbeats; `sampled` counts qualities."""
        self._functions = functions
        self._operations = operations
        self._heartbeats = heartbeats
        self._draw = draw
        self._log = replay_log
        self._sampled = sampled

    async def get(self, fleet: str, pool_id: str) -> Pool:
        """A pool and its occupancy."""
        return _replies.pool(await self._functions.read("pool", fleet, pool_id=pool_id))

    async def page(self, fleet: str, cursor: str | None, limit: int, wanted: PoolFilter = ALL_POOLS) -> PoolPage:
        """Of at most `POOLS_PER_CALL` pools in fixed order, from `cursor`, up to `limit` wanted. UnknownClassError."""
        arguments = {"first": cursor or 0, "limit": limit, **wanted._asdict()}
        return _replies.pool_page(await self._functions.read("pool_page", fleet, **arguments))

    async def each_page(self, fleet: str) -> AsyncIterator[list[Pool]]:
        """All pools in pages, with a pause after each, so that reading them uses half of the server's time at most."""
        cursor: str | None = "0"
        while cursor is not None:
            arguments = {"first": cursor, "limit": POOLS_PER_SLICE, **ALL_POOLS._asdict()}
            page = _replies.pool_page(await self._functions.slice("pool_page", fleet, **arguments))
            yield page.pools
            cursor = page.next_cursor

    async def add(
        self, fleet: str, pools: Sequence[PoolSpec], author: Author | None = None, quota: str = ""
    ) -> PoolsAdded:
        """Create missing pools and set attributes, atomically per `POOLS_PER_CALL`.

        A call whose reply was lost is repeated; pools that it had created are `unchanged` then.
        `quota`, a `quota_word`, limits how many the author may have: PoolQuotaError. UnknownClassError,
        PoolInOtherClassError, PoolLimitError.
        """
        total = PoolsAdded(created=[], changed=[], unchanged=[])
        for start in range(0, len(pools), POOLS_PER_CALL):
            part = pools[start : start + POOLS_PER_CALL]
            reply, stamp, is_repeated = await self._add(fleet, author, quota=quota, pools=list(map(arguments_of, part)))
            added = _replies.pools_added([pool.pool_id for pool in part], reply)
            before = added.unchanged if is_repeated else ()
            self._log.record_change(fleet, stamp, "pool", (*added.created, *added.changed, *before))
            total.created.extend(added.created)
            total.changed.extend(added.changed)
            total.unchanged.extend(added.unchanged)
        return total

    async def _add(self, fleet: str, author: Author | None, **arguments: Value) -> tuple[Reply, Stamp, bool]:
        """One call, which is idempotent: it is repeated until it is confirmed, at most for the time of an operation.

        A repeat helps neither where memory is full nor where the function failed, as on a damaged field.

        Returns reply, stamp, and whether an earlier attempt may have run.
        """
        deadline = monotonic() + self._operations.deadline_seconds
        may_have_run = False
        while True:
            try:
                return *await self._functions.record("add_pools", fleet, author, **arguments), may_have_run
            except (errors.OutcomeUnknownError, errors.StoreUnavailableError) as error:
                may_have_run |= isinstance(error, errors.OutcomeUnknownError)
                cause = error.__cause__
                failure = cause.failure if isinstance(cause, StoreCallError) else None
                is_final = failure and (failure.kind == "oom" or failure.is_of_function)
                if is_final or monotonic() >= deadline:
                    raise (errors.OutcomeUnknownError() if may_have_run else error) from error.__cause__
            await asyncio.sleep(RETRY_PAUSE_SECONDS)

    async def move(
        self, fleet: str, pool: PoolSpec, author: Author | None = None, quota: str = ""
    ) -> tuple[Pool, bool]:
        """Create a pool, or set attributes of one and move it to another class if it is empty. PoolNotEmptyError.

        Also returns whether it is new; `quota` as in `add`.
        """
        try:
            return await self._change(fleet, author, "move_pool", **arguments_of(pool)._asdict()), False
        except errors.UnknownPoolError:
            added = await self.add(fleet, [pool], author, quota)
            return await self.get(fleet, pool.pool_id), bool(added.created)

    async def remove(self, fleet: str, pool_id: str, author: Author | None = None) -> None:
        """Remove an empty pool. PoolNotEmptyError."""
        _, stamp = await self._functions.record("remove_pool", fleet, author, pool_id=pool_id)
        self._log.record_change(fleet, stamp, "pool", [pool_id])

    async def set_status(
        self, fleet: str, pool_id: str, status: Status, author: Author | None = None, drain: Drain | None = None
    ) -> Pool:
        """Set a pool to draining, active or failed; its sessions stay. `drain` replaces the deadline; None: no more."""
        return await self._change(
            fleet, author, "set_status", pool_id=pool_id, status=status, drain=deadline_word(drain)
        )

    async def _change(self, fleet: str, author: Author | None, function: str, **arguments: str) -> Pool:
        reply, stamp = await self._functions.record(function, fleet, author, **arguments)
        self._log.record_change(fleet, stamp, "pool", [arguments["pool_id"]])
        return _replies.pool(reply)

    async def set_statuses(
        self,
        fleet: str,
        status: Status,
        pools: Sequence[str] | str,
        author: Author | None = None,
        drain: Drain | None = None,
    ) -> PoolsChanged:
        """As `set_status` for many pools, atomically: at most 1,000 ids, or the pools of a class that have not failed.

        UnknownClassError, ChangeTooLargeError.
        """
        pool_class, ids = (pools, ()) if isinstance(pools, str) else ("", pools)
        reply, stamp = await self._functions.record(
            "set_statuses", fleet, author, status=status, drain=deadline_word(drain), pool_class=pool_class,
            pool_ids=ids,
        )  # fmt: skip
        changed = _replies.pools_changed(reply)
        self._log.record_change(fleet, stamp, "pool", changed.changed)
        return changed

    async def fail(self, fleet: str, pool_id: str, author: Author | None = None) -> PoolFailed:
        """Mark a pool as failed and end its sessions."""
        await self.set_status(fleet, pool_id, "failed", author)
        ended = await self._end(fleet, pool_id, await self._session_ids(fleet, pool_id), "failed", "")
        return PoolFailed(**asdict(await self.get(fleet, pool_id)), ended_session_ids=ended)

    async def beat(self, fleet: str, heartbeats: Sequence[Heartbeat], arrived: float | None = None) -> Beats:
        """Renew the leases of one to `POOLS_PER_CALL` pools, or begin them, and set attributes.

        While the store's memory is full, no attributes are set and no qualities taken. `arrived` as in `Sessions`.
        """
        outcomes = await self._heartbeats.submit_together(fleet, heartbeats, arrived)
        for letter, count in Counter([letter for *_, letter in outcomes]).items():
            if letter in _replies.SAMPLES:
                self._sampled(_replies.SAMPLES[letter], count)
        return _replies.beats(heartbeats, outcomes, self._draw)

    def waiting_seconds(self, fleet: str) -> float:
        """Estimated queueing delay of a heartbeat that arrives now."""
        return self._heartbeats.waiting_seconds(fleet)

    async def sessions(self, fleet: str, pool_id: str) -> PoolSessions:
        """The sessions on a pool."""
        return PoolSessions(pool_id=pool_id, session_ids=sorted(await self._session_ids(fleet, pool_id)))

    async def end_guard(self, fleet: str, pool_class: str | None, author: Author | None = None) -> GuardEnded:
        """End the mass-loss guard of a class, None for all: unconfirmed pools are lost at once. UnknownClassError."""
        reply, _ = await self._functions.record("end_guard", fleet, author, pool_class=pool_class)
        return GuardEnded(ended=reply[1:])

    async def reconcile(
        self, fleet: str, pool_id: str, as_of: str, session_ids: Sequence[str] | Mapping[str, str]
    ) -> Reconciliation:
        """Apply a pool's own list of sessions at `as_of` of a snapshot: adopt unknown sessions, end missing ones.

        `session_ids` may map each to its type, which counts if it is adopted. StaleReportError,
        UnknownSessionTypeError.
        """
        listed = dict(session_ids if isinstance(session_ids, Mapping) else dict.fromkeys(session_ids, DEFAULT_TYPE))
        types = sorted({*listed.values()} - {DEFAULT_TYPE})[:MAX_SESSION_TYPES]  # of so many the fleet lacks one
        recorded = set(await self._session_ids(fleet, pool_id, as_of, types))
        missing = [id_ for id_ in recorded if id_ not in listed]
        ended = await self._end(fleet, pool_id, missing, "reported_ended", as_of)
        unknown = [id_ for id_ in listed if id_ not in recorded]
        adoptions = [("adopt", id_, pool_id, "", as_of + type_option(listed[id_])) for id_ in unknown]
        outcomes = await self._submit_slices(fleet, adoptions)
        if not (missing or unknown):  # without a write, one of an earlier attempt would stay unconfirmed
            await self._functions.change("batch", fleet)
        return _replies.reconciliation(ended, unknown, outcomes)

    async def _session_ids(self, fleet: str, pool_id: str, as_of: str = "", types: Sequence[str] = ()) -> list[str]:
        return (await self._functions.read("pool_sessions", fleet, pool_id=pool_id, as_of=as_of, types=types))[1:]

    async def _end(self, fleet: str, pool_id: str, ids: Sequence[str], reason: EndReason, as_of: str) -> list[str]:
        outcomes = await self._submit_slices(fleet, [("end", id_, pool_id, reason, as_of) for id_ in ids])
        return [id_ for id_, outcome in zip(ids, outcomes, strict=True) if outcome[0] == "ENDED_NOW"]

    async def _submit_slices(self, fleet: str, operations: Sequence[OperationArgs]) -> list[Reply]:
        """Submit operations in slices, so that other sessions are placed in between."""
        outcomes: list[Reply] = []
        for start in range(0, len(operations), SESSIONS_PER_CALL):
            group = operations[start : start + SESSIONS_PER_CALL]
            outcomes += map(checked, await self._operations.submit_all(fleet, group))
        return outcomes
