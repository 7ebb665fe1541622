"""A fleet's audit: what the store finds, and whether the tables are those of the document."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from service.errors import DispatchError, InvalidFleet, NewerFleet, OlderFleet, Repairing, UnknownFleet
from service.fleet_file import Specs
from service.store import Store
from service.store.audits import differences
from service.store.tables import put_arguments
from service.values import Configuration, Findings

UNLISTED = "name: is not on the list slta:fleets"
NOT_OURS = (UnknownFleet, NewerFleet, OlderFleet, Repairing)


async def audit_all(store: Store, specs: Specs) -> list[Findings]:
    """What belongs to no fleet, then every fleet that is on the list or has keys, by name. StoreUnavailable.

    A name on the list that has no keys is no fleet: a PUT that broke off leaves one.
    """
    found = [await audit_fleet(store, specs, name) for name in await _names(store)]
    server = await store.audits.server_keys()
    rest = Findings(fleet="", sentences=server, total=len(server), slices=0)
    return ([rest] if server else []) + [one for one in found if one.not_looked != UnknownFleet.code]


async def _names(store: Store) -> list[str]:
    try:
        listed = set(await store.fleets.names())
    except DispatchError:  # the list is no set: every fleet is missing from it
        listed = set()
    return sorted(listed | await store.audits.census())


async def audit_fleet(store: Store, specs: Specs, fleet: str) -> Findings:
    """One fleet. StoreUnavailable."""
    try:
        found = await store.audits.look(fleet)
    except NOT_OURS as error:
        return Findings(fleet=fleet, sentences=[], total=0, slices=0, not_looked=error.code)
    more = await _configuration(store, specs, fleet) + await _listing(store, fleet)
    return replace(found, sentences=found.sentences + more, total=found.total + len(more))


async def _configuration(store: Store, specs: Specs, fleet: str) -> list[str]:
    try:
        stored = await store.audits.configuration(fleet)
    except DispatchError:  # the slices have said why
        return []
    return await compare(specs, stored)


async def compare(specs: Specs, stored: Configuration) -> list[str]:
    """What is stored otherwise than the document says."""
    try:
        spec = await specs.of(stored.document)
    except (InvalidFleet, ValueError):
        return ["document: is unreadable"]
    _, _, *words = map(str, put_arguments(spec, stored.document, None))
    digests = [hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in words[9:]]
    return differences(stored, words[:9], digests, spec.class_names())


async def _listing(store: Store, fleet: str) -> list[str]:
    try:
        listed = await store.fleets.names()
    except DispatchError:
        listed = []
    return [] if fleet in listed else [UNLISTED]
