"""Audit of a fleet: the findings of the store, and a comparison of the tables with the document."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from slta.fleet_file import Specs
from slta.models import Findings
from slta.models.errors import (
    DispatchError,
    InvalidFleetError,
    NewerFleetError,
    RepairingError,
    UnknownFleetError,
)
from slta.store import Store
from slta.store.encoding import put_arguments
from slta.store.operations import CONFIGURATION_FIELDS

UNLISTED = "name: is not on the list slta:fleets"
NOT_AUDITED = (UnknownFleetError, NewerFleetError, RepairingError)


async def audit_all(store: Store, specs: Specs) -> list[Findings]:
    """Audit the server's keys, then by name each fleet that is listed or has keys. StoreUnavailableError.

    A listed name without keys, left by an interrupted PUT, is skipped.
    """
    fleets = [
        await audit_fleet(store, specs, name) for name in sorted({*await _listed(store), *await store.audits.census()})
    ]
    server = await store.audits.server_keys()
    server_findings = Findings(fleet="", sentences=server, total=len(server), slices=0)
    existing = [findings for findings in fleets if findings.not_looked != UnknownFleetError.code]
    return ([server_findings] if server else []) + existing


async def _listed(store: Store) -> list[str]:
    try:
        return await store.fleets.names()
    except DispatchError:  # the list has the wrong type
        return []


async def audit_fleet(store: Store, specs: Specs, fleet: str) -> Findings:
    """Audit one fleet. StoreUnavailableError."""
    try:
        findings = await store.audits.inspect(fleet)
    except NOT_AUDITED as error:
        return Findings(fleet=fleet, sentences=[], total=0, slices=0, not_looked=error.code)
    unlisted = [] if fleet in await _listed(store) else [UNLISTED]
    more = await _configuration(store, specs, fleet) + unlisted
    return replace(findings, sentences=findings.sentences + more, total=findings.total + len(more))


async def _configuration(store: Store, specs: Specs, fleet: str) -> list[str]:
    """Findings on stored fields and tables that differ from the compiled document."""
    try:
        stored = await store.audits.configuration(fleet)
        spec = await specs.of(stored.document)
    except (InvalidFleetError, ValueError):
        return ["document: is unreadable"]
    except DispatchError:  # already in the findings of the slices
        return []
    _, _, *arguments = map(str, put_arguments(spec, stored.document, None))
    fields = zip(CONFIGURATION_FIELDS, stored.fields, arguments, strict=False)
    findings = [f"{name}: {got!r}, expected {want!r}" for name, got, want in fields if got != want]
    tables = arguments[len(CONFIGURATION_FIELDS) :]
    if len(stored.digests) != len(tables):
        return [*findings, "tables: their number of classes differs from the document's"]
    digests = [hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in tables]
    names = ("order:full", "bound:full", *(f"marginals of class {name}" for name in spec.class_names()))
    pairs = zip(names, stored.digests, digests, strict=True)
    return findings + [f"{name}: does not follow from the document" for name, got, want in pairs if got != want]
