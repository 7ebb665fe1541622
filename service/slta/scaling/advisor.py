"""Advisor: reads what scale advice needs of a fleet, once in `FRESH_SECONDS`, for all who ask."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.scaling.advice import Advice, Present, advise
from slta.core.scaling.offered import Line
from slta.core.scaling.settings import Scale
from slta.core.scaling.withheld import Withheld
from slta.fleet_file import Specs
from slta.models import WINDOWS, Snapshot
from slta.models.errors import DispatchError, ScaleNotConfiguredError
from slta.store import Store
from slta.views.scale import lines_of, present_of

FRESH_SECONDS = 10.0
"""How long a reading is used."""


class Basis(NamedTuple):
    """What advice is computed from: a fleet, its settings, its history and its pools."""

    spec: FleetSpec
    scale: Scale
    lines: Sequence[Line]
    present: Present


async def read_basis(store: Store, snapshot: Snapshot, spec: FleetSpec) -> Basis:
    """The rest of what advice is computed from. ScaleNotConfiguredError, and errors of the store."""
    if spec.scale is None:
        raise ScaleNotConfiguredError
    ring = await store.fleets.past(snapshot, max(WINDOWS))
    pools = [pool async for page in store.pools.each_page(snapshot.fleet) for pool in page]
    now = snapshot.integrals
    found = await asyncio.to_thread(lambda: (lines_of(ring, now), present_of(snapshot, spec, pools)))
    return Basis(spec, spec.scale, *found)


async def read_advice(store: Store, snapshot: Snapshot, spec: FleetSpec) -> Advice | Withheld | None:
    """The advice for a fleet; None if it has no settings, or cannot be read."""
    try:
        return await asyncio.to_thread(advise, *await read_basis(store, snapshot, spec))
    except DispatchError:
        return None


class Advisor:
    """Bases of the fleets that were asked for lately. One per process.

    `turn` is held while advice is computed, up to a second in the worker, so that other work waits for one at most.
    """

    def __init__(self, store: Store, specs: Specs) -> None:
        self._store = store
        self._specs = specs
        self.turn = asyncio.Lock()
        self._readings: dict[str, tuple[float, asyncio.Task[Basis]]] = {}

    async def basis(self, fleet: str) -> Basis:
        """The basis of a fleet. ScaleNotConfiguredError, and errors of the store."""
        now = asyncio.get_running_loop().time()
        self._readings = {name: one for name, one in self._readings.items() if now - one[0] < FRESH_SECONDS}
        if fleet not in self._readings:
            self._readings[fleet] = now, asyncio.create_task(self._read(fleet))
        try:
            # Shielded: a client that disconnects must not cancel the reading of the others.
            return await asyncio.shield(self._readings[fleet][1])
        except DispatchError:
            self._readings.pop(fleet, None)
            raise

    async def _read(self, fleet: str) -> Basis:
        snapshot = await self._store.fleets.snapshot(fleet)
        return await read_basis(self._store, snapshot, await self._specs.of_stored(snapshot.document))
