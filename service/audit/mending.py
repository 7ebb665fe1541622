"""A fleet's repair: its document compiled once more, a dry run, then slice after slice in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from service.audit.checking import UNLISTED, audit_fleet
from service.errors import Damaged, DocumentUnreadable, Repairing, UnknownFleet, WouldSetAside
from service.fleet_file import Specs
from service.requests import Author
from service.store import Store
from service.store.caller import Argument
from service.store.tables import put_arguments
from service.values import Findings, Repaired, Survey


class Consent(NamedTuple):
    """What may be done to a fleet: repair it, and put back what was set aside before."""

    repair: bool
    put_back: bool


EVERYTHING = Consent(repair=True, put_back=True)
Ask = Callable[[str, Survey], Consent]
"""Who is shown the dry run of a fleet's repair, and decides."""


async def repair_fleet(
    store: Store, specs: Specs, fleet: str, author: Author | None = None, *, set_aside: bool = False
) -> Repaired | None:
    """Rebuild a fleet and put its name on the list again; None where somebody else has just done so.

    Meanwhile its calls are refused with Repairing, and other fleets are served. If this ends half-way, any dispatcher
    goes on. What was set aside before is put back where it can be. WouldSetAside unless `set_aside` allows it,
    DocumentUnreadable, VersionMismatch, UnknownFleet, NewerFleet, OlderFleet, StoreUnavailable.
    """
    configuration = await _configuration(store, specs, fleet)
    survey = await store.repairs.survey(fleet, configuration)
    if not (survey.is_harmless or set_aside):
        raise WouldSetAside(f"The repair would set aside {survey}: look with slta audit, or ask with set_aside=true.")
    return await _repair(store, fleet, configuration, author, put_back=True)


class Attempt(NamedTuple):
    """A repair that nobody asked for: why it was `blocked`, '' where it was not; its dry run, None without a document.

    `repaired` is None where it was blocked, or somebody else has just done it.
    """

    blocked: str
    survey: Survey | None
    repaired: Repaired | None


async def repair_suspect(store: Store, specs: Specs, fleet: str) -> Attempt:
    """Rebuild a fleet that met an error, unless its document is lost or more would be set aside than unasked.

    Refusals as in `repair_fleet`.
    """
    survey = None
    try:
        configuration = await _configuration(store, specs, fleet)
        survey = await store.repairs.survey(fleet, configuration)
    except DocumentUnreadable:
        blocked = "its document is missing or unreadable"
    else:
        if survey.is_harmless:
            await store.repairs.begin(fleet, configuration, asked=False)
            return Attempt("", survey, await store.repairs.finish(fleet))
        blocked = f"a repair would set aside {survey}"
    await store.repairs.block(fleet, blocked)
    return Attempt(blocked, survey, None)


async def mend(store: Store, specs: Specs, found: Findings, ask: Ask = lambda _, __: EVERYTHING) -> Findings:
    """What is left of the findings after a repair; the findings where nothing was repaired."""
    if not found.fleet:
        return await _mend_lists(store, found)
    if found.sentences == [UNLISTED]:
        await store.fleets.list_again(found.fleet)
        return await audit_fleet(store, specs, found.fleet)
    if found.not_looked not in (None, Repairing.code):
        return found
    try:
        repaired = await _repair_as_asked(store, specs, found, ask)
    except (DocumentUnreadable, UnknownFleet):  # the findings say so
        return found
    return replace(await audit_fleet(store, specs, found.fleet), repaired=repaired) if repaired else found


async def _mend_lists(store: Store, found: Findings) -> Findings:
    await store.fleets.mend_lists()
    left = await store.audits.server_keys()
    return replace(found, sentences=left, total=len(left))


async def _repair_as_asked(store: Store, specs: Specs, found: Findings, ask: Ask) -> Repaired | None:
    """None where there is nothing to do, or it was not allowed, or somebody else did it."""
    configuration = await _configuration(store, specs, found.fleet)
    survey = await store.repairs.survey(found.fleet, configuration)
    is_damaged = bool(found.total or found.not_looked)
    if not (is_damaged or survey.put_back):
        return None
    consent = ask(found.fleet, survey)
    if not ((consent.repair and is_damaged) or consent.put_back):
        return None
    return await _repair(store, found.fleet, configuration, put_back=consent.put_back)


async def _repair(
    store: Store, fleet: str, configuration: Sequence[Argument], author: Author | None = None, *, put_back: bool
) -> Repaired | None:
    await store.repairs.begin(fleet, configuration, author, put_back=put_back)
    repaired = await store.repairs.finish(fleet)
    await store.fleets.list_again(fleet)
    return repaired


async def _configuration(store: Store, specs: Specs, fleet: str) -> list[Argument]:
    """What a repair begins with, compiled from the stored document. DocumentUnreadable, UnknownFleet."""
    document = await store.repairs.document(fleet)
    if not document:
        with suppress(Damaged):
            await store.fleets.config(fleet)
        raise DocumentUnreadable
    return list(put_arguments(await specs.of_stored(document), document, None))
