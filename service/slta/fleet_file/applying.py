"""Apply a fleet file to the store: for `PUT /v1/fleets/{fleet}` and the file given at startup."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from slta.fleet_file.schema import FleetFile
from slta.fleet_file.specs import Specs
from slta.fleet_file.yaml_file import LoadedFleet
from slta.models import Configured, PoolsAdded
from slta.models.request_record import Author
from slta.store import Store
from slta.store.pools import POOLS_PER_CALL


@dataclass(frozen=True)
class Applied:
    """Result: the stored document, the fleet's new version, and the pools of `pools: N`."""

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
) -> Applied:
    """Create or change a fleet, and create its missing pools. Idempotent.

    Raises InvalidFleetError, VersionMismatchError, ClassInUseError, CapacityBelowOccupancyError, PoolInOtherClassError,
    PoolLimitError.
    """
    document, wanted = await asyncio.to_thread(lambda: (file.document(), file.wanted_pools()))  # up to 30 ms
    spec = await specs.of(document)
    configured = await store.fleets.configure(fleet, spec, document, expected_version, author)
    return Applied(document, configured, await _add_pools(store, fleet, wanted, author))


async def _add_pools(store: Store, fleet: str, wanted: list[tuple[str, str]], author: Author | None) -> PoolsAdded:
    """Add pools slice by slice, so that the event loop is not blocked."""
    created: list[str] = []
    unchanged: list[str] = []
    for start in range(0, len(wanted), POOLS_PER_CALL):
        added = await store.pools.add(fleet, wanted[start : start + POOLS_PER_CALL], author)
        created += added.created
        unchanged += added.unchanged
    return PoolsAdded(created=created, unchanged=unchanged)


async def apply_file(store: Store, specs: Specs, loaded: LoadedFleet) -> Applied | None:
    """Apply a file; None if it was the last one applied to its fleet, so that later changes by API stay."""
    if await store.fleets.applied_file(loaded.name) == loaded.digest:
        return None
    applied = await apply_fleet(store, specs, loaded.name, loaded.file)
    await store.fleets.remember_file(loaded.name, loaded.digest)
    return applied
