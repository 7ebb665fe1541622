"""Overview of all fleets: a row for each, read together at most every few seconds for all viewers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from slta.api.http.bodies import in_worker
from slta.core.fleet import FleetSpec
from slta.dashboard.frames import WINDOW_SECONDS
from slta.fleet_file import Specs
from slta.models import Snapshot
from slta.models.errors import DispatchError, UnknownFleetError
from slta.store import Store
from slta.views.averages import averages, over_window

SECONDS = 2.0
"""Minimum interval between two reads."""
MAX_CONCURRENT_READS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRow:
    """One fleet. `placement_gap` is relative, of the last minute; `problem` says why a fleet cannot be read."""

    fleet: str
    pools: int = 0
    draining_pools: int = 0
    failed_pools: int = 0
    lost_pools: int = 0
    unconfirmed_pools: int = 0
    sessions: int = 0
    capacity: int = 0
    placement_gap: float | None = None
    is_damaged: bool = False
    problem: str | None = None


class Overview:
    """Rows of all fleets of a store, by name."""

    def __init__(self, store: Store, specs: Specs) -> None:
        self._store = store
        self._specs = specs
        self._rows: list[FleetRow] = []
        self._due = -math.inf
        self._lock = asyncio.Lock()

    async def rows(self, sees: Callable[[str], bool]) -> list[FleetRow]:
        """Rows of the fleets that a key sees. StoreUnavailableError."""
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if clock() >= self._due:
                self._rows = await self._read()
                self._due = clock() + SECONDS
        return [row for row in self._rows if sees(row.fleet)]

    async def _read(self) -> list[FleetRow]:
        turns = asyncio.Semaphore(MAX_CONCURRENT_READS)
        rows = await asyncio.gather(*(self._row(name, turns) for name in await self._store.fleets.names()))
        return [row for row in rows if row is not None]

    async def _row(self, fleet: str, turns: asyncio.Semaphore) -> FleetRow | None:
        """The row; None if the fleet was deleted meanwhile."""
        try:
            async with turns:
                snapshot = await self._store.fleets.snapshot(fleet)
            spec = await self._specs.of_stored(snapshot.document)
        except UnknownFleetError:
            return None
        except DispatchError as error:
            return FleetRow(fleet=fleet, problem=str(error))
        pools = [c.counts[0] for c in snapshot.classes]
        return FleetRow(
            fleet=fleet,
            pools=sum(pools),
            draining_pools=sum(c.draining_pools - c.lost_pools for c in snapshot.classes),
            lost_pools=sum(c.lost_pools for c in snapshot.classes),
            unconfirmed_pools=sum(c.leased_pools["unconfirmed"] for c in snapshot.classes),
            failed_pools=sum(c.failed_pools for c in snapshot.classes),
            sessions=snapshot.sessions,
            capacity=spec.places(pools),
            placement_gap=await in_worker(_placement_gap, snapshot, spec),
            is_damaged=snapshot.suspect,
        )


def _placement_gap(snapshot: Snapshot, spec: FleetSpec) -> float | None:
    means = over_window(snapshot, WINDOW_SECONDS, lambda older: averages(snapshot.integrals, older, spec))
    return means.relative(means.placement_gap) if means else None
