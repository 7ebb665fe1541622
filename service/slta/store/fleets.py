"""Fleets: configuration, snapshot, tick and deletion. In Lua: the folder `lua/fleets`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from slta.core.fleet import FleetSpec
from slta.models import WINDOWS, Configured, Integrals, Snapshot, Ticked, errors
from slta.models.request_record import Author, Event
from slta.store import _fleet_replies
from slta.store._client.functions import FunctionClient
from slta.store._encoding import put_arguments
from slta.store._failover.replay_log import DELETION, ReplayLog
from slta.store._fleet_replies import parse_past, parse_snapshot
from slta.store.census import take_census
from slta.store.operations import FLEET_KEYS, Value

FLEETS_KEY = "slta:fleets"
"""Set of the names of all fleets. Only this key belongs to no fleet."""

UNFINISHED = "+"
"""Suffix of the digest until the file's pools are added too."""
Excess = tuple[str, str]
"""Name of an interval of `Ticked.interval`, and `excess` of it in the store's integers."""

NAMED_KEYS = (
    *FLEET_KEYS,
    *(f"{name}:0" for name in ("used", "pools", "quiet", "leaving", "green")),
    *(f"past:{window}" for window in WINDOWS),
)
"""Keys of a fleet with a fixed name. A deletion removes them with all others in one step."""


class Fleets:
    """The fleets of one server.

    Every method may raise StoreUnavailableError or OutcomeUnknownError, most UnknownFleetError.
    """

    def __init__(self, functions: FunctionClient, replay_log: ReplayLog) -> None:
        self._functions = functions
        self._replay_log = replay_log
        self._listed: set[str] | None = None
        self.are_all_known = True
        """Whether `names` returned the list, now or earlier, instead of the fleets of the masters that answer."""

    async def names(self) -> list[str]:
        """Sorted names of all fleets.

        While the list's master in a cluster is away, those last read, or those with keys on other masters, and any that
        has replied since.
        """
        try:
            self._listed = set(await self._functions.query("SMEMBERS", FLEETS_KEY))
            self.are_all_known = True
        except errors.StoreUnavailableError:
            if not self._functions.is_cluster:
                raise
            if self._listed is None:
                self.are_all_known = False
                self._listed = await take_census(self._functions, partial=True)
            self._listed.update(self._functions.seen())
        return sorted(self._listed)

    async def configure(
        self,
        fleet: str,
        spec: FleetSpec,
        document: str,
        expected_version: int | None = None,
        author: Author | None = None,
        file: str = "",
    ) -> Configured:
        """Create or change a fleet; live sessions stay, tokens and r are derived anew.

        `document` is stored verbatim; `author` None is the service itself. `file` is the digest of a fleet file that is
        applied with this, see `applied_file`. VersionMismatchError, ClassInUseError, CapacityBelowOccupancyError.
        """
        if not expected_version:  # a fleet with a version is already listed
            await self._list_if_new(fleet)
        arguments = await asyncio.to_thread(put_arguments, spec, document, expected_version)
        begun = file and file + UNFINISHED
        reply, stamp = await self._functions.record("put", fleet, author, file=begun, **arguments)
        configured = _fleet_replies.configured(reply)
        self._replay_log.record_change(fleet, stamp, "put", [fleet])
        if configured.created:  # again: an older fleet of this name may have been deleted in between
            await self._list(fleet)
        return configured

    async def config(self, fleet: str) -> tuple[str, int]:
        """Document and version of a fleet's configuration; the document is '' if it is lost."""
        _, document, version, _ = await self._functions.read("config", fleet)
        return document or "", int(version)

    async def events(self, fleet: str) -> list[Event]:
        """Latest applied or rejected changes, newest first."""
        return list(map(_fleet_replies.event, (await self._functions.read("events", fleet))[1:]))

    async def delete(self, fleet: str, expected_version: int | None = None, author: Author | None = None) -> None:
        """Delete a fleet and its pools. FleetInUseError if a session lives, VersionMismatchError."""
        await self._functions.query("EXISTS", FLEETS_KEY)  # nothing is deleted while it would stay on the list
        try:
            _, stamp = await self._functions.record("delete", fleet, author, expected=expected_version)
        except errors.UnknownFleetError:  # an earlier deletion may have lost its reply
            await self.unlist(fleet)
            raise
        self._replay_log.record_change(fleet, stamp, DELETION, [fleet])
        await self.unlist(fleet)

    async def applied_file(self, fleet: str) -> tuple[str, bool]:
        """Digest of the last file applied to the fleet, '' before the first, and whether its pools were added too."""
        try:
            *_, text = await self._functions.read("config", fleet)
        except errors.UnknownFleetError:
            return "", True
        return text.removesuffix(UNFINISHED), not text.endswith(UNFINISHED)

    async def finish_file(self, fleet: str, file: str) -> None:
        """Record that the pools of the file of this digest are added, unless another one has been begun since."""
        await self._functions.change("finish_file", fleet, file=file)

    async def snapshot(self, fleet: str) -> Snapshot:
        """The fleet at one instant. O(levels in use · log pools)."""
        return parse_snapshot(fleet, await self._functions.read("snapshot", fleet))

    async def past(self, snapshot: Snapshot, window: int) -> list[Integrals]:
        """Integrals that are kept for a window of `WINDOWS`, a line per sixtieth of it, newest first. O(1).

        Of a longer window, a line per minute as far as `Scale.window_seconds`. They may be of earlier utility
        functions.
        """
        _, lines = await self._functions.read("past", snapshot.fleet, window=window)
        return await asyncio.to_thread(parse_past, snapshot.integrals, lines)  # up to 25 ms

    def server(self, fleet: str) -> object:
        """Last known address of the server on which the fleet lies, or would lie; None if it is not known."""
        return self._functions.server(fleet)

    async def tick(
        self,
        fleets: Sequence[str],
        excesses: Mapping[str, Excess] = MappingProxyType({}),
        *,
        audit: str = "",
        shared: bool = True,
    ) -> Mapping[str, Ticked | errors.DispatchError]:
        """End expired sessions and store the integrals of fleets of one server, in one packet. Idempotent.

        A fleet that was ticked just now stays as it is if `shared`. The excess of a fleet's interval is added once.
        `audit` is the fleet whose audit is claimed if it is due. An error is the value of its fleet only.
        """
        calls: dict[str, Mapping[str, Value]] = {
            fleet: {
                "shared": shared,
                "audits": fleet == audit,
                "excesses": [excesses[fleet]] if fleet in excesses else (),
            }
            for fleet in fleets
        }
        replies = await self._functions.change_many("tick", calls)
        return {
            fleet: reply if isinstance(reply, errors.DispatchError) else _fleet_replies.ticked(reply)
            for fleet, reply in replies.items()
        }

    async def keys_left(self, fleet: str) -> int:
        """Number of `NAMED_KEYS` of the fleet that exist."""
        return int(await self._functions.query("EXISTS", *(f"{{{fleet}}}:{name}" for name in NAMED_KEYS)))

    async def probe_write(self, tag: str) -> None:
        """Execute a write without effect where a tag lies, with the durability of an assign. StoreCallError."""
        key = f"{{{tag}}}:probe"  # written, since WAIT confirms nothing without a write
        await self._functions.try_to_write(("SET", key, ""), ("DEL", key))

    async def repair_server_keys(self) -> None:
        """Delete the list of fleets if it has another type, else remove a time to live."""
        is_wrong = await self._functions.query("TYPE", FLEETS_KEY) not in ("set", "none")
        await self._functions.write(("UNLINK" if is_wrong else "PERSIST", FLEETS_KEY))

    async def relist(self, fleet: str) -> None:
        """Add an existing fleet to the list of all fleets. UnknownFleetError, also if it is deleted meanwhile."""
        await self.config(fleet)
        await self._list(fleet)
        try:
            await self.config(fleet)
        except errors.UnknownFleetError:
            await self.unlist(fleet)
            raise

    async def _list_if_new(self, fleet: str) -> None:
        """Add a name to the list of all fleets; while the list's master is away, an existing fleet is listed."""
        try:
            await self._list(fleet)
        except (errors.StoreUnavailableError, errors.OutcomeUnknownError) as unlisted:
            try:
                await self.config(fleet)
            except errors.UnknownFleetError:
                raise unlisted from None

    async def _list(self, fleet: str) -> None:
        await self._functions.write(("SADD", FLEETS_KEY, fleet))

    async def unlist(self, fleet: str) -> None:
        """Remove a fleet from the list; list it again if it has been re-created meanwhile."""
        await self._functions.write(("SREM", FLEETS_KEY, fleet))
        with suppress(errors.UnknownFleetError):
            await self.relist(fleet)
