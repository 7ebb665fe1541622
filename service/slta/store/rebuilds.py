"""Rebuilds of fleets, and comparisons: the same walk without writes. In Lua: `lua/rebuild/rebuild.lua`.

Both need the arguments of `put`, compiled from the stored document: the fleet's tables follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from slta.models import AuditResult, Findings, Repaired, Survey
from slta.models.request_record import Author
from slta.store._client.functions import FunctionClient
from slta.store._outcomes import Reply
from slta.store.census import take_census
from slta.store.fleets import FLEETS_KEY
from slta.store.operations import Value

WORK = 3000
"""Approximate Redis commands per slice: a few milliseconds, which block the server."""
ATTEMPTS = 5
"""Runs that are begun: one ends early with the server's process, or beside another version of the library."""
NOT_ENDED = "the fleet, as its data was read anew during each attempt"
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Run:
    """What the slices of a run have told so far."""

    fleet: str
    name: str = ""
    slices: int = 0
    has_ended: bool = False
    sentences: list[str] = field(default_factory=list)
    total: int = 0
    survey: Survey = field(default_factory=Survey)
    without_type: int = 0
    unchecked: str = ""

    def add(self, reply: Reply) -> None:
        """Take up the reply of one call."""
        _, self.name, ended, found, total, live, sessions, pools, named, without_type, self.unchecked = reply
        self.slices, self.has_ended, self.total = self.slices + 1, bool(ended), int(total)
        self.sentences += found
        self.without_type = int(without_type)
        records = tuple(zip(named[::3], named[1::3], named[2::3], strict=True))
        self.survey = Survey(live=int(live), sessions=int(sessions), pools=int(pools), records=records)

    def findings(self) -> Findings:
        """The findings of a comparison."""
        return Findings(
            fleet=self.fleet,
            sentences=self.sentences,
            total=self.total,
            slices=self.slices,
            unchecked=self.unchecked or None,
        )


class Rebuilds:
    """Rebuilds and comparisons of all fleets. Every method may raise StoreUnavailableError.

    Those of one fleet: UnknownFleetError, NewerFleetError, RepairFailedError, VersionMismatchError if its document has
    changed since it was compiled.
    """

    def __init__(self, functions: FunctionClient, work: int = WORK) -> None:
        """`work` limits a slice, see `WORK`."""
        self._functions = functions
        self._work = work

    async def listed(self) -> set[str]:
        """Names on the list of fleets; none if the list has another type, which `server_keys` finds."""
        return set(await self._functions.query("SMEMBERS", FLEETS_KEY)) if await self._is_list() else set()

    async def is_listed(self, fleet: str) -> bool:
        """Whether a name is one of `listed`. O(1)."""
        return await self._is_list() and bool(await self._functions.query("SISMEMBER", FLEETS_KEY, fleet))

    async def _is_list(self) -> bool:
        kind: str = await self._functions.query("TYPE", FLEETS_KEY)
        return kind == "set"

    async def census(self) -> set[str]:
        """Names of all fleets that have keys, also of those missing from the list of fleets. O(keys), 1000 per call."""
        return await take_census(self._functions)

    async def server_keys(self) -> list[str]:
        """Findings on the key that belongs to no fleet."""
        kind = str(await self._functions.query("TYPE", FLEETS_KEY))
        findings = [] if kind in ("set", "none") else [f"{FLEETS_KEY}: its type: {kind}, expected set"]
        if int(await self._functions.query("PTTL", FLEETS_KEY)) >= 0:
            findings.append(f"{FLEETS_KEY}: has a time to live")
        return findings

    async def document(self, fleet: str) -> str:
        """The stored document, also of a damaged fleet; '' if it is missing."""
        key = f"{{{fleet}}}:document"
        is_hash = await self._functions.query("TYPE", key) == "hash"
        return (is_hash and await self._functions.query("HGET", key, "text")) or ""

    async def compare(self, fleet: str, configuration: Mapping[str, Value]) -> tuple[Findings, Survey]:
        """Compare the fleet's keys with its records, with at most half of the server's time; it writes nothing."""
        for _ in range(ATTEMPTS):
            run = Run(fleet)
            run.add(await self._functions.read("begin_compare", fleet, **configuration))
            if await self._walk("compare", run):
                break
        return run.findings(), run.survey

    async def begin(self, fleet: str, configuration: Mapping[str, Value], author: Author | None = None) -> Run:
        """Begin a rebuild, which makes the fleet's state and tables readable. OutcomeUnknownError."""
        run = Run(fleet)
        run.add((await self._functions.record("begin_rebuild", fleet, author, **configuration))[0])
        return run

    async def rebuild(self, fleet: str, configuration: Mapping[str, Value], author: Author | None = None) -> Repaired:
        """Make the fleet's derived keys anew, while it serves calls. OutcomeUnknownError, RepairFailedError.

        Sessions whose type is gone, or may not use their class any more, become `default`: their number is logged.
        """
        for _ in range(ATTEMPTS):
            run = await self.begin(fleet, configuration, author)
            if await self._walk("rebuild", run):
                break
        if run.without_type:
            log.warning("session_types_lost", fleet=fleet, sessions=run.without_type)
        return Repaired(fleet=fleet, slices=run.slices, set_aside=run.survey.sessions + run.survey.pools)

    async def _walk(self, function: str, run: Run) -> bool:
        """Run the slices; whether the run has come to its end."""
        while not run.has_ended:
            reply = await self._functions.slice(
                function, run.fleet, writes=function == "rebuild", run=run.name, work=self._work
            )
            if reply[0] == "AGAIN":
                run.unchecked = NOT_ENDED
                return False
            run.add(reply)
        return True

    async def block(self, fleet: str, reason: str) -> None:
        """Record why a suspect fleet is not repaired automatically; it is tried again after a minute."""
        await self._functions.read("block_repair", fleet, reason=reason)

    async def store(self, fleet: str, claim: str, result: AuditResult) -> None:
        """Record the result of an audit that a tick has claimed. DamagedError."""
        text = f"{result.at:.3f} {result.total} {result.by} {' '.join(result.first.split())}"
        await self._functions.read("store_audit", fleet, claim=claim, result=text)
