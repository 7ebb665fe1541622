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
from slta.models import WINDOWS, Integrals, Pool, Snapshot
from slta.models.errors import DispatchError, ScaleNotConfiguredError
from slta.store import Store
from slta.views.scale import lines_of, present_of

FRESH_SECONDS = 10.0
"""How long advice is returned before the fleet is read again."""


class Basis(NamedTuple):
    """What advice is computed from, and that by the fleet's own settings."""

    spec: FleetSpec
    scale: Scale
    lines: Sequence[Line]
    present: Present
    advice: Advice | Withheld


class Advisor:
    """Advice of the fleets that were asked for lately. One per process."""

    def __init__(self, store: Store, specs: Specs) -> None:
        self._store = store
        self._specs = specs
        self._readings: dict[str, tuple[float, asyncio.Task[Basis]]] = {}

    async def basis(self, fleet: str) -> Basis:
        """What there is of a fleet. ScaleNotConfiguredError, and errors of the store."""
        now = asyncio.get_running_loop().time()
        self._readings = {name: one for name, one in self._readings.items() if now - one[0] < FRESH_SECONDS}
        if fleet not in self._readings:
            self._readings[fleet] = now, asyncio.create_task(self._read(fleet))
        task = self._readings[fleet][1]
        try:
            return await asyncio.shield(task)  # a client that disconnects must not cancel the reading of the others
        except Exception:
            self._readings.pop(fleet, None)
            raise

    async def advice(self, fleet: str) -> Advice | Withheld | None:
        """The advice by the fleet's own settings; None if there are none, or it cannot be read."""
        try:
            return (await self.basis(fleet)).advice
        except DispatchError:
            return None

    async def _read(self, fleet: str) -> Basis:
        snapshot = await self._store.fleets.snapshot(fleet)
        spec = await self._specs.of_stored(snapshot.document)
        if spec.scale is None:
            raise ScaleNotConfiguredError
        ring = await self._store.fleets.past(snapshot, max(WINDOWS))
        pools = [pool async for page in self._store.pools.each_page(fleet) for pool in page]
        return await asyncio.to_thread(_basis, spec, spec.scale, snapshot, ring, pools)


def _basis(
    spec: FleetSpec, scale: Scale, snapshot: Snapshot, ring: Sequence[Integrals], pools: Sequence[Pool]
) -> Basis:
    lines, present = lines_of(snapshot, ring), present_of(snapshot, spec, pools)
    return Basis(spec, scale, lines, present, advise(spec, scale, lines, present))
