"""Repair of a fleet: compile its document, survey the records, then rebuild it in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from slta.audit.audit import UNLISTED, audit_fleet
from slta.fleet_file import Specs
from slta.models import Findings, Repaired, Survey
from slta.models.errors import (
    DamagedError,
    DocumentUnreadableError,
    RepairFailedError,
    RepairingError,
    UnknownFleetError,
    WouldSetAsideError,
)
from slta.models.request_record import Author
from slta.store import Store, put_arguments
from slta.store.operations import Value
from slta.store.repairs import TAKEOVER_SECONDS


class Consent(NamedTuple):
    """Consent to a repair, and to the restoration of records that were set aside before."""

    repair: bool
    put_back: bool


CONSENT_TO_ALL = Consent(repair=True, put_back=True)
Ask = Callable[[str, Survey], Consent]
"""Callback that decides on a fleet's repair, given its survey."""


async def repair_fleet(
    store: Store, specs: Specs, fleet: str, author: Author | None = None, *, set_aside: bool = False
) -> Repaired | None:
    """Rebuild a fleet, relist it, and restore records that were set aside; None if another dispatcher has just done so.

    Meanwhile its calls fail with RepairingError; other fleets are served. Any dispatcher resumes an interrupted repair.
    Raises WouldSetAsideError unless `set_aside`, DocumentUnreadableError, VersionMismatchError, UnknownFleetError,
    NewerFleetError, StoreUnavailableError.
    """
    configuration = await _configuration(store, specs, fleet)
    survey = await store.repairs.survey(fleet, configuration)
    if not (survey.is_harmless or set_aside):
        raise WouldSetAsideError(
            f"The repair would set aside {survey}: inspect them with `slta audit`, or allow it with `set_aside: true`."
        )
    return await _repair(store, fleet, configuration, author, put_back=True)


class Attempt(NamedTuple):
    """Automatic repair: the reason if it was `blocked`, or ''; its survey, None without a document.

    `repaired` is None if it was blocked, or another dispatcher has just repaired the fleet.
    """

    blocked: str
    survey: Survey | None
    repaired: Repaired | None


async def repair_suspect(store: Store, specs: Specs, fleet: str) -> Attempt:
    """Rebuild a suspect fleet, unless its document is lost, setting records aside requires confirmation, or it fails.

    Raises VersionMismatchError, UnknownFleetError, NewerFleetError, StoreUnavailableError.
    """
    survey = None
    try:
        configuration = await _configuration(store, specs, fleet)
        survey = await store.repairs.survey(fleet, configuration)
        if survey.is_harmless:
            await store.repairs.begin(fleet, configuration, requested=False)
            return Attempt("", survey, await store.repairs.finish(fleet))
        blocked = f"a repair would set aside {survey}"
    except DocumentUnreadableError:
        blocked = "its document is missing or unreadable"
    except RepairFailedError as failed:
        blocked = str(failed)
    await store.repairs.block(fleet, blocked)
    return Attempt(blocked, survey, None)


async def resume(store: Store, fleet: str) -> Attempt:
    """Resume a repair that was abandoned; neither repaired nor blocked if another dispatcher is running it.

    Raises UnknownFleetError, NewerFleetError, StoreUnavailableError.
    """
    try:
        return Attempt("", None, await store.repairs.finish(fleet, TAKEOVER_SECONDS))
    except RepairFailedError as failed:
        return Attempt(str(failed), None, None)


async def mend(store: Store, specs: Specs, findings: Findings, ask: Ask = lambda _, __: CONSENT_TO_ALL) -> Findings:
    """Repair what an audit found, and audit again; without a repair, the given findings."""
    if not findings.fleet:
        await store.fleets.repair_server_keys()
        remaining = await store.audits.server_keys()
        return replace(findings, sentences=remaining, total=len(remaining))
    if findings.sentences == [UNLISTED]:
        await store.fleets.relist(findings.fleet)
        return await audit_fleet(store, specs, findings.fleet)
    if findings.not_looked not in (None, RepairingError.code):
        return findings
    try:
        repaired = await _repair_with_consent(store, specs, findings, ask)
    except (DocumentUnreadableError, UnknownFleetError):  # already in the findings
        return findings
    return replace(await audit_fleet(store, specs, findings.fleet), repaired=repaired) if repaired else findings


async def _repair_with_consent(store: Store, specs: Specs, findings: Findings, ask: Ask) -> Repaired | None:
    """Repair a fleet; None if it is sound, consent is denied, or another dispatcher repaired it."""
    configuration = await _configuration(store, specs, findings.fleet)
    survey = await store.repairs.survey(findings.fleet, configuration)
    is_damaged = bool(findings.total or findings.not_looked)
    if not (is_damaged or survey.put_back):
        return None
    consent = ask(findings.fleet, survey)
    if not ((consent.repair and is_damaged) or consent.put_back):
        return None
    return await _repair(store, findings.fleet, configuration, put_back=consent.put_back)


async def _repair(
    store: Store, fleet: str, configuration: Mapping[str, Value], author: Author | None = None, *, put_back: bool
) -> Repaired | None:
    await store.repairs.begin(fleet, configuration, author, put_back=put_back)
    repaired = await store.repairs.finish(fleet)
    await store.fleets.relist(fleet)
    return repaired


async def _configuration(store: Store, specs: Specs, fleet: str) -> Mapping[str, Value]:
    """Arguments of a repair, compiled from the stored document. DocumentUnreadableError, UnknownFleetError."""
    document = await store.repairs.document(fleet)
    if not document:
        with suppress(DamagedError):
            await store.fleets.config(fleet)
        raise DocumentUnreadableError
    return put_arguments(await specs.of_stored(document), document, None)
