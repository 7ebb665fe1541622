"""Audit of a fleet: the findings of the store, and a comparison of the tables with the document."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
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
from slta.store import Store, put_arguments
from slta.store.operations import CONFIGURATION_FIELDS, encode

UNLISTED = "name: is not on the list slta:fleets"
NOT_AUDITED = (UnknownFleetError, NewerFleetError, RepairingError)


async def audit_all(store: Store, specs: Specs) -> list[Findings]:
    """Audit the server's keys, then by name each fleet that is listed or has keys. StoreUnavailableError.

    A listed name without keys, left by an interrupted PUT, is skipped.
    """
    names = await store.audits.listed() | await store.audits.census()
    server = await _audit_server(store)
    return ([server] if server.total else []) + await _audit_fleets(store, specs, names)


async def audit_unlisted(store: Store, specs: Specs) -> list[Findings]:
    """Audit the server's keys, then each fleet that has keys and is not listed. StoreUnavailableError.

    The findings on the server's keys come first, of a fleet named ''.
    """
    names = await store.audits.census() - await store.audits.listed()
    return [await _audit_server(store), *await _audit_fleets(store, specs, names)]


async def _audit_server(store: Store) -> Findings:
    found = await store.audits.server_keys()
    return Findings(fleet="", sentences=found, total=len(found), slices=0)


async def _audit_fleets(store: Store, specs: Specs, names: Iterable[str]) -> list[Findings]:
    """The findings of the fleets that exist, by name."""
    fleets = [await audit_fleet(store, specs, name) for name in sorted(names)]
    return [findings for findings in fleets if findings.not_looked != UnknownFleetError.code]


async def audit_fleet(store: Store, specs: Specs, fleet: str) -> Findings:
    """Audit one fleet. StoreUnavailableError."""
    try:
        findings = await store.audits.inspect(fleet)
        more = await _configuration(store, specs, findings)
    except NOT_AUDITED as error:
        return Findings(fleet=fleet, sentences=[], total=0, slices=0, not_looked=error.code)
    if not await store.audits.is_listed(fleet):
        more.append(UNLISTED)
    return replace(findings, sentences=findings.sentences + more, total=findings.total + len(more))


async def _configuration(store: Store, specs: Specs, findings: Findings) -> list[str]:
    """Findings on stored fields and tables that differ from the compiled document.

    StoreUnavailableError, unless the fleet has findings, which may be why its configuration cannot be read.
    """
    try:
        stored = await store.audits.configuration(findings.fleet)
        spec = await specs.of(stored.document)
    except (InvalidFleetError, ValueError):
        return ["document: is unreadable"]
    except DispatchError:
        if not findings.total:
            raise
        return []
    _, _, *arguments = map(str, encode("begin_survey", put_arguments(spec, stored.document, None)))
    fields = zip(CONFIGURATION_FIELDS, stored.fields, arguments, strict=False)
    sentences = [f"{name}: {got!r}, expected {want!r}" for name, got, want in fields if got != want]
    tables = arguments[len(CONFIGURATION_FIELDS) :]
    if len(stored.digests) != len(tables):
        return [*sentences, "tables: their number of classes differs from the document's"]
    digests = [hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in tables]
    marginals = (f"marginals of class {name}" for name in spec.class_names())
    names = ("session types", "order:full", "bound:full", *marginals)
    pairs = zip(names, stored.digests, digests, strict=True)
    return sentences + [f"{name}: does not follow from the document" for name, got, want in pairs if got != want]
