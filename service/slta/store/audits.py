"""Audits: invariants of a fleet's keys, checked slice by slice. In Lua: `lua/integrity/audit.lua`."""

from __future__ import annotations

from slta.models import AuditResult, Configuration, Findings
from slta.store._client.functions import FunctionClient
from slta.store.census import take_census
from slta.store.fleets import FLEETS_KEY
from slta.store.operations import CONFIGURATION_FIELDS
from slta.store.repairs import WORK


class Audits:
    """Audits of all fleets, which read only but for their results. Every method may raise StoreUnavailableError."""

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

    async def inspect(self, fleet: str) -> Findings:
        """Audit a fleet, with at most half of the server's time. UnknownFleetError, NewerFleetError."""
        sentences: list[str] = []
        part, cursor, total, slices, unchecked = "", "", 0, 0, None
        while slices == 0 or part:
            reply = await self._functions.slice("audit", fleet, part=part, cursor=cursor, work=self._work)
            _, part, cursor, found, count, omitted = reply
            sentences += found
            total, slices, unchecked = total + int(count), slices + 1, omitted or unchecked
        return Findings(fleet=fleet, sentences=sentences, total=total, slices=slices, unchecked=unchecked)

    async def store(self, fleet: str, claim: str, result: AuditResult) -> None:
        """Store the result of an audit that a tick has claimed, in the fleet.

        UnknownFleetError, NewerFleetError, DamagedError, RepairingError, OutcomeUnknownError.
        """
        text = f"{result.at:.3f} {result.total} {result.by} {' '.join(result.first.split())}"
        await self._functions.change("store_audit", fleet, claim=claim, result=text)

    async def configuration(self, fleet: str) -> Configuration:
        """A fleet's stored document and compiled tables. UnknownFleetError, NewerFleetError."""
        _, document, version, *rest = await self._functions.read("configuration", fleet)
        count = len(CONFIGURATION_FIELDS)
        return Configuration(document=document, version=version, fields=rest[:count], digests=rest[count:])

    async def server_keys(self) -> list[str]:
        """Findings on the key that belongs to no fleet."""
        kind = str(await self._functions.query("TYPE", FLEETS_KEY))
        findings = [] if kind in ("set", "none") else [f"{FLEETS_KEY}: its type: {kind}, expected set"]
        if int(await self._functions.query("PTTL", FLEETS_KEY)) >= 0:
            findings.append(f"{FLEETS_KEY}: has a time to live")
        return findings
