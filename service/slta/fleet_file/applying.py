"""Apply a fleet file to the store: for `PUT /v1/fleets/{fleet}` and the file given at startup."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from slta.core.policies.auto import AUTO
from slta.fleet_file.schema import FleetFile, parse_document
from slta.fleet_file.specs import Specs
from slta.fleet_file.yaml_file import LoadedFleet
from slta.models import Configured, PoolsAdded
from slta.models.errors import DocumentUnreadableError, InvalidFleetError, UnknownFleetError, VersionMismatchError
from slta.models.request_record import Author
from slta.store import Store


@dataclass(frozen=True)
class Applied:
    """Result: the stored document, the fleet's new version, and the file's pools."""

    document: str
    configured: Configured
    pools: PoolsAdded


async def apply_fleet(
    store: Store,
    specs: Specs,
    fleet: str,
    file: FleetFile,
    expected_version: int | None = None,
    author: Author | None = None,
    digest: str = "",
) -> Applied:
    """Create or change a fleet, create its missing pools, and set attributes of the others. Idempotent.

    `digest` identifies the file if it is one that is applied once. A class that the file marks as learned keeps the
    curve that the fleet has, if it `keeps_learned`.

    Raises InvalidFleetError, VersionMismatchError, ClassInUseError, CapacityBelowOccupancyError,
    SessionTypeInUseError, PoolInOtherClassError, PoolLimitError.
    """
    resolved = await _resolved(store, fleet, file)
    version = expected_version
    if file.keeps_learned:
        resolved, version = await _with_learned(store, fleet, resolved, expected_version)
    document, wanted = await asyncio.to_thread(lambda: (resolved.document(), resolved.wanted_pools()))  # up to 30 ms
    spec = await specs.of(document)
    try:
        configured = await store.fleets.configure(fleet, spec, document, version, author, digest)
    except VersionMismatchError:
        if version == expected_version:
            raise
        return await apply_fleet(store, specs, fleet, file, None, author, digest)  # other curves were applied meanwhile
    return Applied(document, configured, await store.pools.add(fleet, wanted, author))


async def _with_learned(
    store: Store, fleet: str, file: FleetFile, expected: int | None
) -> tuple[FleetFile, int | None]:
    """The file with the fleet's learned curves, and the version that has them. Raises InvalidFleetError.

    The file as it is, and `expected`, if the fleet has none that can be read.
    """
    try:
        document, version = await store.fleets.config(fleet)
        stored = await asyncio.to_thread(parse_document, document)
    except (UnknownFleetError, InvalidFleetError, ValueError):
        return file, expected
    return file.keep_learned(stored), version if expected is None else expected


async def _resolved(store: Store, fleet: str, file: FleetFile) -> FleetFile:
    """The file, its policy `auto` resolved by the fleet's present pools and policy, if these can be read."""
    if file.policy == AUTO:
        with suppress(UnknownFleetError, DocumentUnreadableError):
            now = await store.fleets.snapshot(fleet)
            return file.resolve(sum(c.counts[0] + c.draining_pools for c in now.classes), now.policy)
    return file.resolve()


async def _has_document(store: Store, specs: Specs, fleet: str) -> bool:
    try:
        await specs.of_stored(await store.rebuilds.document(fleet))
    except DocumentUnreadableError:
        return False
    return True


async def apply_file(store: Store, specs: Specs, loaded: LoadedFleet) -> Applied | None:
    """Apply a file; None if it was the last one applied to its fleet, so that later changes by API stay.

    If an earlier start was interrupted before all pools were added, only these are. A fleet whose document is missing
    or unreadable gets the file's again.
    """
    digest, is_complete = await store.fleets.applied_file(loaded.name)
    if digest != loaded.digest or not await _has_document(store, specs, loaded.name):
        applied = await apply_fleet(store, specs, loaded.name, loaded.file, digest=loaded.digest)
    elif is_complete:
        return None
    else:
        document, version = await store.fleets.config(loaded.name)
        pools = await store.pools.add(loaded.name, loaded.file.wanted_pools())
        applied = Applied(document, Configured(config_version=version, created=False), pools)
    await store.fleets.finish_file(loaded.name, loaded.digest)
    return applied
