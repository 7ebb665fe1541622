"""Audits: is a fleet as it must be? Slice by slice. The functions are in `lua/audit.lua` and `lua/audit_*.lua`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

from service.store.caller import Caller
from service.store.fleets import NO_FLEET, SERVER_KEYS
from service.store.repairs import WORK
from service.values import Configuration, Findings

FIELDS = (
    "policy", "utilities", "names", "capacities", "lease", "retention", "beta_coefficient", "beta_power", "exponent",
)  # fmt: skip
"""Of a `Configuration`."""
LEASES_PER_CALL = 500
"""Seconds with leases that one call is handed."""


class Place(NamedTuple):
    """Where an audit stands: a part ('' before the first), and the cursor in it."""

    part: str
    cursor: str


class Audits:
    """The audits of all fleets. Nothing is written. Every method may raise StoreUnavailable."""

    def __init__(self, caller: Caller, work: int = WORK) -> None:
        """`work` is how much one slice does."""
        self._caller = caller
        self._work = work

    async def census(self) -> set[str]:
        """The names of all fleets that have keys, on the list of fleets or not. O(keys), 1000 a call."""
        found: set[str] = set()
        cursor = "0"
        while True:
            _, cursor, names = await self._caller.read("census", NO_FLEET, cursor)
            found.update(names)
            if cursor == "0":
                return found

    async def look(self, fleet: str) -> Findings:
        """Look at a whole fleet. UnknownFleet, NewerFleet, OlderFleet.

        After each slice as much time passes as it took, so that others wait for one slice at most.
        """
        sentences: list[str] = []
        leases: list[str] = []
        place, total, slices = Place("", ""), 0, 0
        while slices == 0 or place.part:
            if place == ("leases", ""):
                place = Place("leases", " ".join(leases[:LEASES_PER_CALL]))
                del leases[:LEASES_PER_CALL]
            place, found, count, seconds = await self._slice(fleet, place)
            sentences += found
            leases += seconds
            total, slices = total + count, slices + 1
            if not place.part and leases:
                place = Place("leases", "")
        return Findings(fleet=fleet, sentences=sentences, total=total, slices=slices)

    async def _slice(self, fleet: str, place: Place) -> tuple[Place, list[str], int, list[str]]:
        began = perf_counter()
        _, part, cursor, found, count, leases = await self._caller.read("audit", fleet, *place, self._work)
        await asyncio.sleep(perf_counter() - began)
        return Place(part, cursor), found, int(count), leases

    async def configuration(self, fleet: str) -> Configuration:
        """What is stored of a fleet's document and its tables. UnknownFleet, NewerFleet, OlderFleet."""
        _, document, version, *rest = await self._caller.read("configuration", fleet)
        return Configuration(document=document, version=version, fields=rest[:9], digests=rest[9:])

    async def server_keys(self) -> list[str]:
        """What is wrong with the two keys that belong to no fleet, as sentences."""
        found = []
        for key, wanted in SERVER_KEYS.items():
            kind = str(await self._caller.look("TYPE", key))
            if kind not in (wanted, "none"):
                found.append(f"{key}: its type: {kind}, expected {wanted}")
            if int(await self._caller.look("PTTL", key)) >= 0:
                found.append(f"{key}: has a time to live")
        return found


def differences(
    stored: Configuration, wanted: Sequence[str], digests: Sequence[str], names: Sequence[str]
) -> list[str]:
    """Sentences on what is stored otherwise than the document, compiled, says."""
    fields = dict(zip(FIELDS, zip(stored.fields, wanted, strict=True), strict=True))
    if not stored.fields[-1]:  # configured before there was an exponent
        del fields["exponent"]
    tables = ("order:full", "bound:full", *(f"marginals of class {name}" for name in names))
    found = [f"{name}: {is_!r}, expected {should!r}" for name, (is_, should) in fields.items() if is_ != should]
    if len(stored.digests) != len(digests):
        return [*found, "tables: of another number of classes than the document has"]
    pairs = zip(tables, stored.digests, digests, strict=True)
    return found + [f"{name}: does not follow from the document" for name, is_, should in pairs if is_ != should]
