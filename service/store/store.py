"""One typed method for every Lua function; outcomes become values or errors here and nowhere else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from redis.exceptions import RedisError

from service import errors
from service.core.fleet import FleetSpec
from service.store.batching import Batcher, Words
from service.store.caller import Argument, Caller, StoreFailure, StoreObserver
from service.store.connection import StoreSettings, classify, connect
from service.store.snapshots import parse_snapshot
from service.store.tables import MICROSECONDS, put_arguments
from service.values import (
    Completion,
    Configured,
    EndReason,
    Placement,
    Pool,
    Reconciliation,
    Renewal,
    Session,
    Snapshot,
    Status,
)

FLEETS_KEY = "slta:fleets"
"""The set of all fleets' names. With `FILES_KEY` the only keys that belong to no fleet."""

FILES_KEY = "slta:files"
"""A hash from fleet to the digest of the last file that was applied to it."""

POOLS_PER_CALL = 1000
SESSIONS_PER_CALL = 128


class Store:
    """The fleets of one server. One per process; every method may raise StoreUnavailable or OutcomeUnknown."""

    def __init__(
        self,
        settings: StoreSettings,
        observer: StoreObserver,
        *,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], str] = lambda: "",
    ) -> None:
        """`draw` gives numbers uniform in [0, 1); `clock` microseconds, '' for the server's own time."""
        self._settings = settings
        self._redis = connect(settings)
        self._caller = Caller(self._redis, observer, clock)
        self._draw = draw
        self._batchers: dict[str, Batcher] = {}

    @classmethod
    async def open(cls, settings: StoreSettings, observer: StoreObserver) -> Self:
        """A store whose library is loaded, if the server answers; else it is loaded at the first call."""
        store = cls(settings, observer)
        try:
            await store._caller.load()
        except StoreFailure as failed:
            observer.error(failed.failure.kind)
        return store

    async def close(self) -> None:
        """Wait for what is under way, then disconnect."""
        for batcher in list(self._batchers.values()):
            await batcher.drain()
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

    # Fleets

    async def fleets(self) -> list[str]:
        """The names of all fleets, sorted."""
        return sorted(await self._plain("SMEMBERS", FLEETS_KEY))

    async def configure(
        self, fleet: str, spec: FleetSpec, document: str, expected_version: int | None = None
    ) -> Configured:
        """Create or change a fleet; live sessions stay, tokens and r are rebuilt from the ledger.

        `document` is kept verbatim. VersionMismatch, ClassInUse, CapacityBelowOccupancy.
        """
        if not expected_version:  # a fleet that has a version is listed
            await self._plain("SADD", FLEETS_KEY, fleet)
        arguments = put_arguments(spec, document, expected_version)
        reply = await self._call("put", fleet, *arguments)
        if reply[0] == "VERSION_MISMATCH":
            raise errors.VersionMismatch(None, config_version=str(reply[1]))
        created = bool(int(reply[2]))
        if created:  # again, for someone may have deleted an older fleet of this name in between
            await self._plain("SADD", FLEETS_KEY, fleet)
        return Configured(config_version=int(reply[1]), created=created)

    async def config(self, fleet: str) -> tuple[str, int]:
        """The document and the version of a fleet's configuration."""
        _, document, version = await self._read("config", fleet)
        return document, int(version)

    async def delete_fleet(self, fleet: str) -> None:
        """Remove a fleet and its pools. FleetInUse while a session lives."""
        try:
            await self._call("delete", fleet)
        except errors.UnknownFleet:  # perhaps an earlier delete whose reply was lost
            await self._strike_off(fleet)
            raise
        await self._strike_off(fleet)

    async def _strike_off(self, fleet: str) -> None:
        """Take a name off the lists, unless someone has just created the fleet again."""
        await self._plain("SREM", FLEETS_KEY, fleet)
        await self._plain("HDEL", FILES_KEY, fleet)
        try:
            await self.config(fleet)
        except errors.UnknownFleet:
            return
        await self._plain("SADD", FLEETS_KEY, fleet)

    async def applied_file(self, fleet: str) -> str | None:
        """The digest of the last file that was applied to the fleet; None before the first."""
        digest: str | None = await self._plain("HGET", FILES_KEY, fleet)
        return digest

    async def remember_file(self, fleet: str, digest: str) -> None:
        """Note that a file was applied, so that the next start leaves later changes alone."""
        await self._plain("HSET", FILES_KEY, fleet, digest)

    async def snapshot(self, fleet: str) -> Snapshot:
        """The fleet at one instant. O(levels in use · pools / 8)."""
        return parse_snapshot(fleet, await self._read("snapshot", fleet))

    async def tick(self, fleet: str) -> None:
        """End sessions whose lease is over, and keep the integrals. Idempotent; about once a second."""
        while int((await self._call("tick", fleet))[1]) > 0:
            pass

    # Pools

    async def add_pools(self, fleet: str, pools: Sequence[tuple[str, str]]) -> list[str]:
        """Create (pool id, class name) pairs; the ids that are new.

        All or nothing for each thousand. UnknownClass, PoolInOtherClass, PoolLimit.
        """
        created: list[str] = []
        for start in range(0, len(pools), POOLS_PER_CALL):
            words = [word for pair in pools[start : start + POOLS_PER_CALL] for word in pair]
            created += (await self._call("add_pools", fleet, *words))[1:]
        return created

    async def set_status(self, fleet: str, pool_id: str, status: Status) -> Pool:
        """Drain a pool, return it, or mark it failed. Its sessions stay."""
        return _pool(await self._call("set_status", fleet, pool_id, status))

    async def fail_pool(self, fleet: str, pool_id: str) -> tuple[Pool, list[str]]:
        """Send a pool no more sessions and end those it has; the pool and the ended ids."""
        await self.set_status(fleet, pool_id, "failed")
        ids = (await self._read("pool_sessions", fleet, pool_id))[1:]
        ended = await self._end(fleet, pool_id, ids, "failed", "")
        return await self.pool(fleet, pool_id), ended

    async def move_pool(self, fleet: str, pool_id: str, class_name: str) -> tuple[Pool, bool]:
        """Create a pool, or let an empty one change class; the pool and whether it is new. PoolNotEmpty."""
        try:
            return _pool(await self._call("move_pool", fleet, pool_id, class_name)), False
        except errors.UnknownPool:
            created = await self.add_pools(fleet, [(pool_id, class_name)])
            return await self.pool(fleet, pool_id), bool(created)

    async def remove_pool(self, fleet: str, pool_id: str) -> None:
        """Remove an empty pool. PoolNotEmpty."""
        await self._call("remove_pool", fleet, pool_id)

    async def pool(self, fleet: str, pool_id: str) -> Pool:
        """A pool and its occupancy."""
        return _pool(await self._read("pool", fleet, pool_id))

    async def pools(self, fleet: str, cursor: str | None, limit: int) -> tuple[list[Pool], str | None]:
        """At most `limit` pools in a fixed order from `cursor` on, and where to go on."""
        _, following, *flat = await self._read("pool_page", fleet, cursor or 0, limit)
        page = [_pool(["POOL", *flat[at : at + 4]]) for at in range(0, len(flat), 4)]
        return page, str(following) if following != "" else None

    # Sessions

    async def assign(self, fleet: str, session_id: str, lease_seconds: float | None) -> Placement:
        """Place a session, or say where it is. SessionEnded, NoCapacity, NoActivePool."""
        words: Words = ("assign", session_id, _microseconds(lease_seconds), repr(self._draw()), "")
        return _placement(session_id, (await self._submit(fleet, words))[0])

    async def complete(self, fleet: str, session_id: str) -> Completion:
        """End a session. UnknownSession; then a late assign of the id gets SessionEnded."""
        outcome = (await self._submit(fleet, ("complete", session_id, "", "", "")))[0]
        if outcome[0] == "UNKNOWN":
            raise errors.UnknownSession
        if outcome[0] == "COMPLETED":
            return Completion(session_id=session_id, pool_id=outcome[1], reason="completed", already=False)
        return Completion(session_id=session_id, pool_id=outcome[2], reason=outcome[1], already=True)

    async def renew(self, fleet: str, session_ids: Sequence[str], lease_seconds: float | None) -> list[Renewal]:
        """Extend leases, by their own length when `lease_seconds` is None."""
        lease = _microseconds(lease_seconds)
        outcomes = await self._submit(fleet, *(("renew", id_, lease, "", "") for id_ in session_ids))
        return [
            Renewal(session_id=id_, outcome=outcome[0].lower())
            for id_, outcome in zip(session_ids, outcomes, strict=True)
        ]

    async def session(self, fleet: str, session_id: str) -> Session:
        """Where a live session is. UnknownSession, SessionEnded."""
        reply = await self._read("session", fleet, session_id)
        if reply[0] == "UNKNOWN":
            raise errors.UnknownSession
        if reply[0] == "ENDED":
            raise _ended(reply)
        _, pool_id, pool_class, age, left = reply
        return Session(
            session_id=session_id,
            pool_id=pool_id,
            pool_class=pool_class,
            age_seconds=int(age) / MICROSECONDS,
            lease_seconds_left=max(0, int(left)) / MICROSECONDS if left else None,
        )

    async def reconcile(
        self, fleet: str, pool_id: str, as_of_seconds: float, session_ids: Sequence[str]
    ) -> Reconciliation:
        """Take a pool's own list as the truth about what was placed on it before `as_of_seconds`."""
        listed = dict.fromkeys(session_ids)
        known = set((await self._read("pool_sessions", fleet, pool_id))[1:])
        missing = [id_ for id_ in known if id_ not in listed]
        ended = await self._end(fleet, pool_id, missing, "reported_ended", round(as_of_seconds * MICROSECONDS))
        strangers = [id_ for id_ in listed if id_ not in known]
        outcomes = await self._submit_slices(fleet, (("adopt", id_, pool_id, "", "") for id_ in strangers))
        by_word: dict[str, list[str]] = {}
        for id_, outcome in zip(strangers, outcomes, strict=True):
            by_word.setdefault(outcome[0], []).append(id_)
        return Reconciliation(
            ended=ended,
            adopted=by_word.get("ADOPTED", []),
            over_capacity=by_word.get("OVER_CAPACITY", []),
            already_ended=by_word.get("ENDED", []),
            elsewhere=by_word.get("ELSEWHERE", []),
        )

    async def _end(
        self, fleet: str, pool_id: str, ids: Sequence[str], reason: EndReason, before: Argument
    ) -> list[str]:
        operations: Iterable[Words] = (("end", id_, pool_id, reason, before) for id_ in ids)
        outcomes = await self._submit_slices(fleet, operations)
        return [id_ for id_, outcome in zip(ids, outcomes, strict=True) if outcome[0] == "ENDED_NOW"]

    async def _submit_slices(self, fleet: str, operations: Iterable[Words]) -> list[list[Any]]:
        """Long lists go out in slices, so that others' sessions are placed in between."""
        everything = list(operations)
        outcomes: list[list[Any]] = []
        for start in range(0, len(everything), SESSIONS_PER_CALL):
            outcomes += await self._submit(fleet, *everything[start : start + SESSIONS_PER_CALL])
        return outcomes

    async def _submit(self, fleet: str, *operations: Words) -> list[list[Any]]:
        batcher = self._batchers.get(fleet)
        if batcher is None:
            batcher = self._batchers[fleet] = Batcher(self._caller, fleet, self._settings.deadline_seconds)
        try:
            return await batcher.submit(*operations)
        except errors.UnknownFleet:
            self._batchers.pop(fleet, None)
            raise

    async def _call(self, function: str, fleet: str, *arguments: Argument) -> list[Any]:
        try:
            return _checked(await self._caller.call(function, fleet, *arguments))
        except StoreFailure as failed:
            raise failed.as_dispatch_error() from failed

    async def _read(self, function: str, fleet: str, *arguments: Argument) -> list[Any]:
        try:
            return _checked(await self._caller.read(function, fleet, *arguments))
        except StoreFailure as failed:
            raise errors.StoreUnavailable from failed

    async def _plain(self, *words: str) -> Any:  # noqa: ANN401 - whatever the command answers
        try:
            return await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise StoreFailure(classify(error)).as_dispatch_error() from error


REFUSALS: dict[str, type[errors.DispatchError]] = {
    "UNKNOWN_FLEET": errors.UnknownFleet,
    "NEWER_FLEET": errors.NewerFleet,
    "UNKNOWN_POOL": errors.UnknownPool,
    "UNKNOWN_CLASS": errors.UnknownClass,
    "IN_OTHER_CLASS": errors.PoolInOtherClass,
    "LIMIT": errors.PoolLimit,
    "NOT_EMPTY": errors.PoolNotEmpty,
    "IN_USE": errors.FleetInUse,
    "CLASS_IN_USE": errors.ClassInUse,
    "CAPACITY_BELOW_OCCUPANCY": errors.CapacityBelowOccupancy,
    "NO_ACTIVE_POOL": errors.NoActivePool,
    "FULL": errors.NoCapacity,
}


def _checked(reply: list[Any]) -> list[Any]:
    """The reply, unless its word is a refusal."""
    refusal = REFUSALS.get(reply[0])
    if refusal is None:
        return reply
    raise refusal(None, **({"name": str(reply[1])} if len(reply) > 1 else {}))


def _ended(reply: list[Any]) -> errors.SessionEnded:
    _, reason, pool_id = reply
    return errors.SessionEnded(None, pool_id=pool_id, reason=reason)


def _placement(session_id: str, outcome: list[Any]) -> Placement:
    if outcome[0] == "ENDED":
        raise _ended(outcome)
    word, pool_id, pool_class, *token, lease = _checked(outcome)
    return Placement(
        session_id=session_id,
        pool_id=pool_id,
        pool_class=pool_class,
        token=token[0] if token else None,
        lease_seconds=int(lease) / MICROSECONDS,
        replayed=word == "REPLAYED",
    )


def _pool(reply: list[Any]) -> Pool:
    _, pool_id, pool_class, status, occupancy = reply
    return Pool(pool_id=pool_id, pool_class=pool_class, status=status, occupancy=int(occupancy))


def _microseconds(seconds: float | None) -> Argument:
    return "" if seconds is None else round(seconds * MICROSECONDS)
