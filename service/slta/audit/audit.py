"""Audit and repair of a fleet: compile its document, compare its keys with its records, and rebuild them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from slta.fleet_file import Specs
from slta.models import Findings, Repaired, Survey
from slta.models.errors import (
    DocumentUnreadableError,
    NewerFleetError,
    RepairFailedError,
    UnknownFleetError,
    VersionMismatchError,
    WouldSetAsideError,
)
from slta.models.request_record import Author
from slta.store import Store, put_arguments
from slta.store.operations import Value

UNLISTED = "name: is not on the list slta:fleets"
Ask = Callable[[str, Survey], bool]
"""Callback that decides whether a fleet is repaired, given what the repair would set aside."""


async def audit_all(store: Store, specs: Specs) -> list[Findings]:
    """Audit the server's keys, then by name each fleet that is listed or has keys. StoreUnavailableError.

    A listed name without keys, left by an interrupted PUT, is skipped.
    """
    names = await store.rebuilds.listed() | await store.rebuilds.census()
    server = await _audit_server(store)
    return ([server] if server.total else []) + await _audit_fleets(store, specs, names)


async def audit_unlisted(store: Store, specs: Specs) -> list[Findings]:
    """Audit the server's keys, then each fleet that has keys and is not listed. StoreUnavailableError.

    The findings on the server's keys come first, of a fleet named ''.
    """
    names = await store.rebuilds.census() - await store.rebuilds.listed()
    return [await _audit_server(store), *await _audit_fleets(store, specs, names)]


async def _audit_server(store: Store) -> Findings:
    found = await store.rebuilds.server_keys()
    return Findings(fleet="", sentences=found, total=len(found), slices=0)


async def _audit_fleets(store: Store, specs: Specs, names: Iterable[str]) -> list[Findings]:
    """The findings of the fleets that exist, by name."""
    fleets = [await audit_fleet(store, specs, name) for name in sorted(names)]
    return [findings for findings in fleets if findings.not_looked != UnknownFleetError.code]


async def audit_fleet(store: Store, specs: Specs, fleet: str) -> Findings:
    """Audit one fleet. StoreUnavailableError."""
    try:
        findings, _ = await store.rebuilds.compare(fleet, await _configuration(store, specs, fleet))
    except (UnknownFleetError, NewerFleetError, VersionMismatchError) as error:
        return Findings(fleet=fleet, sentences=[], total=0, slices=0, not_looked=error.code)
    except (DocumentUnreadableError, RepairFailedError) as error:
        unchecked = "all keys but the document"
        findings = Findings(fleet=fleet, sentences=[f"document: {error}"], total=1, slices=0, unchecked=unchecked)
    if not await store.rebuilds.is_listed(fleet):
        return replace(findings, sentences=[*findings.sentences, UNLISTED], total=findings.total + 1)
    return findings


async def repair_fleet(
    store: Store, specs: Specs, fleet: str, author: Author | None = None, *, set_aside: bool = False
) -> Repaired:
    """Rebuild a fleet, which goes on serving, and list it.

    Raises WouldSetAsideError unless `set_aside`, DocumentUnreadableError, RepairFailedError, VersionMismatchError,
    UnknownFleetError, NewerFleetError, StoreUnavailableError, OutcomeUnknownError.
    """
    configuration = await _configuration(store, specs, fleet)
    survey = await _survey(store, fleet, configuration)
    if not (survey.is_harmless or set_aside):
        raise WouldSetAsideError(
            f"The repair would set aside {survey}: inspect them with `slta audit`, or allow it with `set_aside: true`."
        )
    repaired = await store.rebuilds.rebuild(fleet, configuration, author)
    await store.fleets.relist(fleet)
    return repaired


async def _survey(store: Store, fleet: str, configuration: Mapping[str, Value]) -> Survey:
    """What a rebuild would set aside. A state that is unreadable is made readable first, from the document."""
    findings, survey = await store.rebuilds.compare(fleet, configuration)
    if findings.unchecked:
        await store.rebuilds.begin(fleet, configuration)
        _, survey = await store.rebuilds.compare(fleet, configuration)
    return survey


class Attempt(NamedTuple):
    """Automatic repair: the reason if it was `blocked`, or ''; what was set aside, or would be."""

    blocked: str
    survey: Survey
    repaired: Repaired | None


async def repair_suspect(store: Store, specs: Specs, fleet: str) -> Attempt:
    """Rebuild a suspect fleet, unless its document is lost, setting records aside requires confirmation, or it fails.

    Raises VersionMismatchError, UnknownFleetError, NewerFleetError, StoreUnavailableError, OutcomeUnknownError.
    """
    survey = Survey()
    try:
        configuration = await _configuration(store, specs, fleet)
        survey = await _survey(store, fleet, configuration)
        if survey.is_harmless:
            return Attempt("", survey, await store.rebuilds.rebuild(fleet, configuration))
        blocked = f"a repair would set aside {survey}"
    except DocumentUnreadableError:
        blocked = "its document is missing or unreadable"
    except RepairFailedError as failed:
        blocked = str(failed)
    await store.rebuilds.block(fleet, blocked)
    return Attempt(blocked, survey, None)


async def mend(store: Store, specs: Specs, findings: Findings, ask: Ask = lambda _, __: True) -> Findings:
    """Repair what an audit found, and audit again; without a repair, the given findings."""
    if not findings.fleet:
        await store.fleets.repair_server_keys()
        remaining = await store.rebuilds.server_keys()
        return replace(findings, sentences=remaining, total=len(remaining))
    if findings.sentences == [UNLISTED]:
        await store.fleets.relist(findings.fleet)
        return await audit_fleet(store, specs, findings.fleet)
    if findings.not_looked or not findings.total:
        return findings
    try:
        configuration = await _configuration(store, specs, findings.fleet)
        if not ask(findings.fleet, await _survey(store, findings.fleet, configuration)):
            return findings
        repaired = await repair_fleet(store, specs, findings.fleet, set_aside=True)
    except (DocumentUnreadableError, RepairFailedError, UnknownFleetError):  # already in the findings
        return findings
    return replace(await audit_fleet(store, specs, findings.fleet), repaired=repaired)


async def _configuration(store: Store, specs: Specs, fleet: str) -> Mapping[str, Value]:
    """Arguments of `put`, compiled from the stored document. DocumentUnreadableError, UnknownFleetError."""
    document = await store.rebuilds.document(fleet)
    if not document and await store.fleets.keys_left(fleet) == 0:
        raise UnknownFleetError
    if not document:
        raise DocumentUnreadableError
    return put_arguments(await specs.of_stored(document), document, None)
