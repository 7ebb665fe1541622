"""Repairs: a fleet rebuilt from its records, pools and document, slice by slice. See `lua/integrity/repair.lua`.

A repair requires the arguments of `put`, compiled from the stored document: only the document has the classes, and a
record of an unknown class is set aside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

from slta.models import Repaired, Survey
from slta.models.request_record import Author
from slta.store.client.functions import Argument, FunctionClient
from slta.store.surveys import survey

WORK = 3000
"""Approximate Redis commands per slice of a repair or audit: a few milliseconds, which block the server."""
TAKEOVER_SECONDS = 2.0
"""Time without a slice after which another dispatcher resumes a repair."""


class Repairs:
    """Repairs of all fleets.

    Every method may raise StoreUnavailableError, OutcomeUnknownError, UnknownFleetError, NewerFleetError.
    """

    def __init__(self, functions: FunctionClient, work: int = WORK) -> None:
        """`work` limits a slice, see `WORK`."""
        self._functions = functions
        self._work = work

    async def document(self, fleet: str) -> str:
        """The stored document, also of a damaged fleet; '' if missing."""
        return await self._functions.query("GET", f"{{{fleet}}}:document") or ""

    async def survey(self, fleet: str, configuration: Sequence[Argument]) -> Survey:
        """Dry run: records that a repair would set aside or restore. VersionMismatchError if the document changed.

        Sleeps after each slice for the time that it took, as a repair does.
        """
        return await survey(self._functions, fleet, configuration, self._work)

    async def begin(
        self,
        fleet: str,
        configuration: Sequence[Argument],
        author: Author | None = None,
        *,
        requested: bool = True,
        put_back: bool = False,
    ) -> None:
        """Begin a repair. VersionMismatchError if the document changed.

        `requested` is false for an automatic repair, which begins only if the fleet is suspect, and keeps invalid keys.
        `put_back` restores records that an earlier repair set aside, where possible.
        """
        await self._functions.record("begin_repair", fleet, author, int(requested), int(put_back), *configuration)

    async def block(self, fleet: str, reason: str) -> None:
        """Record why a suspect fleet is not repaired automatically; it is surveyed again after a minute."""
        await self._functions.change("block_repair", fleet, reason)

    async def finish(self, fleet: str, takeover_seconds: float = 0) -> Repaired | None:
        """Run slices to the end of a repair; None if there is none, or another dispatcher is running it.

        A repair without a slice for `takeover_seconds` counts as abandoned. Sleeps after each slice for the time that
        it took, so that it uses at most half of the server's time.
        """
        idle_us = round(takeover_seconds * 1e6)
        while True:
            began = perf_counter()
            outcome, *rest = await self._functions.change("repair", fleet, self._work, idle_us)
            if outcome == "REPAIRED":
                return Repaired(fleet=fleet, slices=int(rest[0]), set_aside=int(rest[1]))
            if outcome in ("SOUND", "WAIT"):
                return None
            idle_us = 0
            await asyncio.sleep(perf_counter() - began)
