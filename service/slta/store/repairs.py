"""Repairs: a fleet rebuilt from its records, pools and document, slice by slice. See `lua/integrity/repair.lua`.

A repair requires the arguments of `put`, compiled from the stored document: only the document has the classes, and a
record of an unknown class is set aside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import structlog

from slta.models import Repaired, Survey
from slta.models.request_record import Author
from slta.store._client.functions import FunctionClient
from slta.store.operations import Value

WORK = 3000
"""Approximate Redis commands per slice of a repair or audit: a few milliseconds, which block the server."""
TAKEOVER_SECONDS = 2.0
"""Time without a slice after which another dispatcher resumes a repair."""
SETS_PER_CALL = 500
"""Sets of session ids per call of a survey."""
log = structlog.get_logger(__name__)
UNREADABLE = "its record is unreadable"


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

    async def survey(self, fleet: str, configuration: Mapping[str, Value]) -> Survey:
        """Dry run: records that a repair would set aside or restore. VersionMismatchError if the document changed."""
        _, policy, numbers, live = await self._functions.read("begin_survey", fleet, **configuration)
        found: dict[str, dict[str, str]] = defaultdict(dict)
        part, cursor = "names", ""
        while part:
            _, part, cursor, triples = await self._functions.slice(
                "survey", fleet, policy=policy, class_ids=numbers, part=part, cursor=cursor, work=self._work
            )
            for kind, first, second in zip(triples[::3], triples[1::3], triples[2::3], strict=True):
                found[kind][first] = second
            if part in ("ids", "aside") and not cursor and found["ids"]:  # before the part that follows
                sets = list(found["ids"])
                part, cursor = "ids", " ".join(sets[:SETS_PER_CALL])
                found["ids"] = dict.fromkeys(sets[SETS_PER_CALL:], "")
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


def _survey(live: int, found: Mapping[str, Mapping[str, str]]) -> Survey:
    """The result of the triples by kind, see `lua/integrity/repair_survey.lua`.

    A pool with an unreadable record is not lost if its name and its bit exist.
    """
    named = found["named"]
    homeless = [id_ for id_, pool_id in found["homeless"].items() if pool_id not in named]
    return Survey(
        live=live,
        sessions=dict.fromkeys(found["session"], UNREADABLE)
        | dict.fromkeys(found["lost"], "neither it nor its pool has a record")
        | dict.fromkeys(homeless, "no class has the number of its pool"),
        pools={pool_id: UNREADABLE for pool_id in found["pool"] if pool_id not in named},
        keys={name: f"a stray {kind}" for name, kind in found["key"].items()},
        put_back=sorted(found["back"]),
    )
