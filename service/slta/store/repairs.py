"""Repairs: a fleet rebuilt from its records, pools and document, slice by slice. See `lua/integrity/repair.lua`.

A repair requires the arguments of `put`, compiled from the stored document: only the document has the classes, and a
record of an unknown class is set aside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import structlog

from slta.models import Repaired, Survey
from slta.models.request_record import Author
from slta.store._client.functions import FunctionClient
from slta.store.operations import Value

WORK = 3000
"""Approximate Redis commands per slice of a repair or audit: a few milliseconds, which block the server."""
TAKEOVER_SECONDS = 2.0
"""Time without a slice after which another dispatcher resumes a repair."""
log = structlog.get_logger(__name__)


class Repairs:
    """Repairs of all fleets.

    Every method may raise StoreUnavailableError, OutcomeUnknownError, UnknownFleetError, NewerFleetError, and
    RepairFailedError.
    """

    def __init__(self, functions: FunctionClient, work: int = WORK) -> None:
        """`work` limits a slice, see `WORK`."""
        self._functions = functions
        self._work = work

    async def document(self, fleet: str) -> str:
        """The stored document, also of a damaged fleet; '' if missing."""
        return await self._functions.query("GET", f"{{{fleet}}}:document") or ""

    async def survey(self, fleet: str, configuration: Mapping[str, Value]) -> Survey:
        """Dry run: records that a repair would set aside or restore. VersionMismatchError if the document changed."""
        _, policy, numbers, live = await self._functions.read("begin_survey", fleet, **configuration)
        found: list[str] = []
        part, cursor = "", ""
        while True:
            _, part, cursor, groups = await self._functions.slice(
                "survey", fleet, policy=policy, class_ids=numbers, part=part, cursor=cursor, work=self._work
            )
            found += groups
            if not part:
                return _survey(int(live), found)

    async def begin(
        self,
        fleet: str,
        configuration: Mapping[str, Value],
        author: Author | None = None,
        *,
        requested: bool = True,
        put_back: bool = False,
    ) -> None:
        """Begin a repair. VersionMismatchError if the document changed.

        `requested` is false for an automatic repair, which begins only if the fleet is suspect, and keeps invalid keys.
        `put_back` restores records that an earlier repair set aside, where possible.
        """
        await self._functions.record(
            "begin_repair", fleet, author, requested=requested, put_back=put_back, **configuration
        )

    async def block(self, fleet: str, reason: str) -> None:
        """Record why a suspect fleet is not repaired automatically; it is surveyed again after a minute."""
        await self._functions.change("block_repair", fleet, reason=reason)

    async def finish(self, fleet: str, takeover_seconds: float = 0) -> Repaired | None:
        """Run slices to the end of a repair; None if there is none, or another dispatcher is running it.

        A repair without a slice for `takeover_seconds` counts as abandoned. It uses at most half of the server's time.
        Sessions whose type is gone, or may not use their class any more, become `default`: their number is logged.
        """
        idle_us, without_type = round(takeover_seconds * 1e6), 0
        while True:
            outcome, *rest = await self._functions.slice(
                "repair", fleet, writes=True, work=self._work, patience=idle_us
            )
            without_type += int(rest[1]) if outcome == "SLICE" else 0
            if without_type and outcome != "SLICE":
                log.warning("session_types_lost", fleet=fleet, sessions=without_type)
            if outcome == "REPAIRED":
                return Repaired(fleet=fleet, slices=int(rest[0]), set_aside=int(rest[1]))
            if outcome in ("SOUND", "WAIT"):
                return None
            idle_us = 0


def _survey(live: int, found: Sequence[str]) -> Survey:
    """The result of the groups of four texts, see `lua/integrity/survey.lua`.

    A record is kept if the pool that it needs has none but is known by its name and its bit.
    """
    groups = list(zip(*(found[at::4] for at in range(4)), strict=True))
    named = {pool_id for kind, pool_id, *_ in groups if kind == "named"}
    told: dict[str, dict[str, str]] = defaultdict(dict)
    for kind, id_, why, pool_id in groups:
        if pool_id not in named:
            told[kind][id_] = why
    return Survey(
        live=live, sessions=told["session"], pools=told["pool"], keys=told["key"], put_back=sorted(told["back"])
    )
