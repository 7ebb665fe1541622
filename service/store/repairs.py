"""Repairs: a fleet rebuilt from its records, pools and document, slice by slice. See `lua/repair.lua`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

from service.requests import Author
from service.store.caller import Argument, Caller
from service.values import Repaired

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

    async def begin(self, fleet: str, arguments: Sequence[Argument], author: Author | None = None) -> None:
        """From now on the fleet is under repair; `arguments` are those of `put`, or none where nobody knows them."""
        await self._caller.record("begin_repair", fleet, author, *arguments)

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
