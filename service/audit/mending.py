"""A fleet's repair: its document compiled once more, then slice after slice in the store."""

from __future__ import annotations

from dataclasses import replace

from service.audit.checking import UNLISTED, audit_fleet
from service.errors import InvalidFleet, Repairing, UnknownFleet
from service.fleet_file import Specs
from service.requests import Author
from service.store import Store
from service.store.caller import Argument
from service.store.tables import put_arguments
from service.values import Findings, Repaired


async def repair_fleet(store: Store, specs: Specs, fleet: str, author: Author | None = None) -> Repaired | None:
    """Rebuild a fleet and put its name on the list again; None where somebody else has just done so.

    Meanwhile its calls are refused with Repairing, and other fleets are served. If this ends half-way, any dispatcher
    goes on. UnknownFleet where neither a state nor a document can be read, NewerFleet, OlderFleet, StoreUnavailable.
    """
    await store.repairs.begin(fleet, await _configuration(store, specs, fleet), author)
    repaired = await store.repairs.finish(fleet)
    await store.fleets.list_again(fleet)
    return repaired


async def mend(store: Store, specs: Specs, found: Findings) -> Findings:
    """What is left of the findings after a repair; the findings where there is nothing to repair."""
    if not found.fleet:
        await store.fleets.mend_lists()
        left = await store.audits.server_keys()
        return replace(found, sentences=left, total=len(left))
    if not found.total and found.not_looked != Repairing.code:
        return found
    if found.sentences == [UNLISTED]:
        await store.fleets.list_again(found.fleet)
        return await audit_fleet(store, specs, found.fleet)
    try:
        repaired = await repair_fleet(store, specs, found.fleet)
    except UnknownFleet:  # neither a state nor a document can be read
        return found
    return replace(await audit_fleet(store, specs, found.fleet), repaired=repaired)


async def _configuration(store: Store, specs: Specs, fleet: str) -> list[Argument]:
    """What `begin_repair` takes; nothing where the document is unreadable: then the tables stay as they are."""
    document = await store.repairs.document(fleet)
    try:
        return list(put_arguments(await specs.of(document), document, None))
    except (InvalidFleet, ValueError):
        return []
