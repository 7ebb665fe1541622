"""Repairs: a fleet rebuilt from its records, pools and document, slice by slice. See `lua/repair.lua`.

Nothing of a repair begins without the fleet's configuration, compiled from the stored document as `put` takes it: only
the document tells which classes there are, and a record of an unknown class is set aside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

from service.requests import Author
from service.store.caller import Argument, Caller
from service.store.surveys import survey
from service.values import Repaired, Survey

WORK = 3000
"""Commands of Redis in one slice, about, also of an audit: some milliseconds, in which nobody else is served."""
PATIENCE_SECONDS = 2.0
"""Without a slice for so long, whoever comes by goes on with somebody else's repair."""


class Repairs:
    """The repairs of all fleets. Every method may raise StoreUnavailable, OutcomeUnknown, UnknownFleet, NewerFleet."""

    def __init__(self, caller: Caller, work: int = WORK) -> None:
        """`work` is how much one slice does."""
        self._caller = caller
        self._work = work

    async def document(self, fleet: str) -> str:
        """The fleet's document as it is stored, whatever else is; '' where there is none."""
        return await self._caller.look("GET", f"{{{fleet}}}:document") or ""

    async def survey(self, fleet: str, configuration: Sequence[Argument]) -> Survey:
        """The dry run: what a repair would set aside, and could put back. VersionMismatch where the document changed.

        After each slice as much time passes as it took, as in a repair.
        """
        return await survey(self._caller, fleet, configuration, self._work)

    async def begin(
        self,
        fleet: str,
        configuration: Sequence[Argument],
        author: Author | None = None,
        *,
        asked: bool = True,
        put_back: bool = False,
    ) -> None:
        """From now on the fleet is under repair, VersionMismatch where the document changed.

        One that nobody `asked` for begins only while the fleet is suspect, and leaves keys that no fleet can have where
        they are. `put_back`: records that were set aside before come back where they can.
        """
        await self._caller.record("begin_repair", fleet, author, int(asked), int(put_back), *configuration)

    async def block(self, fleet: str, why: str) -> None:
        """Note why a suspect fleet is not repaired by itself; after a minute somebody looks again."""
        await self._caller.change("block_repair", fleet, why)

    async def finish(self, fleet: str, patience_seconds: float = 0) -> Repaired | None:
        """Do slice after slice to the end; None where the fleet is not under repair, or somebody else is at it.

        After each slice as much time passes as it took, so that others wait for one slice at most.
        """
        patience = round(patience_seconds * 1e6)
        while True:
            began = perf_counter()
            word, *rest = await self._caller.change("repair", fleet, self._work, patience)
            if word == "REPAIRED":
                return Repaired(fleet=fleet, slices=int(rest[0]), set_aside=int(rest[1]))
            if word in ("SOUND", "WAIT"):
                return None
            patience = 0
            await asyncio.sleep(perf_counter() - began)
