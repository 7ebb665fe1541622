"""Fleets: configure, look at, keep, delete. The functions are in `lua/fleets.lua` and `lua/reads.lua`."""

from __future__ import annotations

import asyncio

from service import errors
from service.core.fleet import FleetSpec
from service.requests import Author, Event
from service.store import replies
from service.store.caller import Caller
from service.store.repairs import PATIENCE_SECONDS, Repairs
from service.store.snapshots import parse_snapshot
from service.store.tables import put_arguments
from service.values import Configured, Snapshot, Suspect

FLEETS_KEY = "slta:fleets"
"""The set of all fleets' names. With `FILES_KEY` the only keys that belong to no fleet."""

TICK_CALLS = 1000
"""Each ends at most 32 sessions, and looks through at most 1,000 seconds of leases."""

FILES_KEY = "slta:files"
"""A hash from fleet to the digest of the last file that was applied to it."""

NO_FLEET = ""
"""A name that no fleet can have."""

SERVER_KEYS = {FLEETS_KEY: "set", FILES_KEY: "hash"}
"""The types of the keys that belong to no fleet."""


NAMED_KEYS = (
    "state", "cold", "document", "order", "order:full", "bound", "bound:full", "marginals:0", "ranks:0", "used:0",
    "active:0", "pools", "names", "sessions", "ended:0", "ended:1", "early", "events", "past:60", "past:300",
    "past:3600", "repair", "aside",
)  # fmt: skip
"""The keys of a fleet whose names are the same for all fleets; DELETE removes them with all others in one step."""


class Fleets:
    """The fleets of one server. Every method may raise StoreUnavailable or OutcomeUnknown, most UnknownFleet."""

    def __init__(self, caller: Caller, repairs: Repairs) -> None:
        self._caller = caller
        self._repairs = repairs

    async def names(self) -> list[str]:
        """The names of all fleets, sorted."""
        return sorted(await self._caller.look("SMEMBERS", FLEETS_KEY))

    async def configure(
        self,
        fleet: str,
        spec: FleetSpec,
        document: str,
        expected_version: int | None = None,
        author: Author | None = None,
    ) -> Configured:
        """Create or change a fleet; live sessions stay, tokens and r are rebuilt from the ledger.

        `document` is kept verbatim; `author` None is the service itself. VersionMismatch, ClassInUse,
        CapacityBelowOccupancy.
        """
        if not expected_version:  # a fleet that has a version is listed
            await self._list(fleet)
        arguments = await asyncio.to_thread(put_arguments, spec, document, expected_version)
        configured = replies.configured(await self._caller.record("put", fleet, author, *arguments))
        if configured.created:  # again, for someone may have deleted an older fleet of this name in between
            await self._list(fleet)
        return configured

    async def config(self, fleet: str) -> tuple[str, int]:
        """The document, '' where it is lost, and the version of a fleet's configuration."""
        _, document, version = await self._caller.read("config", fleet)
        return document or "", int(version)

    async def events(self, fleet: str, since: float = 0) -> list[Event]:
        """The last changes that were made or refused, the newest first, `since` seconds of fleet time."""
        return list(map(replies.event, (await self._caller.read("events", fleet, since))[1:]))

    async def delete(self, fleet: str, expected_version: int | None = None, author: Author | None = None) -> None:
        """Remove a fleet and its pools. FleetInUse while a session lives, VersionMismatch."""
        expected = "" if expected_version is None else expected_version
        try:
            await self._caller.record("delete", fleet, author, expected)
        except errors.UnknownFleet:  # perhaps an earlier delete whose reply was lost
            await self._strike_off(fleet)
            raise
        await self._strike_off(fleet)

    async def applied_file(self, fleet: str) -> str | None:
        """The digest of the last file that was applied to the fleet; None before the first."""
        digest: str | None = await self._caller.look("HGET", FILES_KEY, fleet)
        return digest

    async def remember_file(self, fleet: str, digest: str) -> None:
        """Note that a file was applied, so that the next start leaves later changes alone."""
        await self._caller.write(("HSET", FILES_KEY, fleet, digest))

    async def snapshot(self, fleet: str) -> Snapshot:
        """The fleet at one instant. O(levels in use · pools / 8)."""
        return parse_snapshot(fleet, await self._caller.read("snapshot", fleet))

    async def tick(self, fleet: str) -> Suspect | None:
        """End sessions whose lease is over, and keep the integrals. Idempotent; about once a second.

        What `TICK_CALLS` calls leave is for the next time, so that other fleets have their turn. A repair that somebody
        left is gone on with. The answer tells of a fleet that must be repaired, which is then for the caller to do.
        """
        try:
            return await self._tick(fleet)
        except errors.Repairing:
            if await self._repairs.finish(fleet, PATIENCE_SECONDS):
                return await self._tick(fleet)
            return None

    async def _tick(self, fleet: str) -> Suspect | None:
        for _ in range(TICK_CALLS):
            word, *told = await self._caller.change("tick", fleet)
            if word == "SUSPECT":
                return Suspect(ours=bool(told[0]), blocked=told[1])
            if not told[0]:
                break
        return None

    async def keys_left(self, fleet: str) -> int:
        """How many of `NAMED_KEYS` the fleet has."""
        return int(await self._caller.look("EXISTS", *(f"{{{fleet}}}:{name}" for name in NAMED_KEYS)))

    async def prove(self) -> None:
        """Write what changes nothing, as lastingly as an assign. StoreFailure."""
        await self._caller.try_to_write(*_forgetting(NO_FLEET))

    async def mend_lists(self) -> None:
        """Drop those of the server's keys that have another type, and take a time to live off them."""
        for key, kind in SERVER_KEYS.items():
            wrong = await self._caller.look("TYPE", key) not in (kind, "none")
            await self._caller.write(("UNLINK" if wrong else "PERSIST", key))

    async def list_again(self, fleet: str) -> None:
        """Put a fleet that exists on the list of all fleets."""
        await self.config(fleet)
        await self._list(fleet)

    async def _list(self, fleet: str) -> None:
        await self._caller.write(("SADD", FLEETS_KEY, fleet))

    async def _strike_off(self, fleet: str) -> None:
        """Take a name off the lists, unless someone has just created the fleet again."""
        await self._caller.write(("SREM", FLEETS_KEY, fleet), *_forgetting(fleet))
        try:
            await self.config(fleet)
        except errors.UnknownFleet:
            return
        await self._list(fleet)


def _forgetting(fleet: str) -> tuple[tuple[str, ...], ...]:
    """No file was applied to it. HDEL of what is not there writes nothing, and only what is written is confirmed."""
    return ("HSET", FILES_KEY, fleet, ""), ("HDEL", FILES_KEY, fleet)
