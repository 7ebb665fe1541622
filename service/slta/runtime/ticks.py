"""Ticks: once a second every fleet ends expired leases and updates its time integrals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from slta.models.errors import DispatchError, UnknownFleetError
from slta.runtime.automatic_repairs import AutomaticRepairs
from slta.runtime.vanished_fleets import Absences
from slta.store import Store
from slta.store.library import layout_mismatch

MAX_CONCURRENT_TICKS = 12
"""Together with the snapshots of a scrape they use half of the store's connection pool."""

log = structlog.get_logger(__name__)


class Ticks:
    """Ticks all fleets. Every process does so, although one tick per second in total would be enough."""

    def __init__(self, store: Store, repairs: AutomaticRepairs, vanished: Callable[[], None] = lambda: None) -> None:
        """`repairs` receives suspect fleets. `vanished` is called for each vanished fleet, see `vanished_fleets`."""
        self._store = store
        self._repairs = repairs
        self._vanished = vanished
        self._absences = Absences()
        self._mismatches: list[str] = []
        self.first_round = asyncio.Event()
        """Set once all fleets have been ticked."""

    async def round(self, evicted_keys: int = 0) -> str:
        """Tick every fleet, even if another fails; return the code of an error, or ''.

        `evicted_keys`: number of keys that the server has evicted so far.
        """
        try:
            fleets = await self._store.fleets.names()
            self._store.keep_only(fleets)
            self._repairs.keep_only(fleets)
            self._mismatches.clear()
            try:
                outcomes = await self._tick_all(fleets)
            finally:  # a defect in the tick of one fleet must not hold up the start
                self._store.layout_mismatch = min(self._mismatches, default="")
                self.first_round.set()
            await self._detect_vanished(outcomes, evicted_keys)
        except DispatchError as error:
            return error.code
        return next((code for code in outcomes.values() if code not in ("", UnknownFleetError.code)), "")

    async def _tick_all(self, fleets: Collection[str]) -> dict[str, str]:
        """Outcome of each tick: '' or an error code."""
        outcomes: dict[str, str] = {}
        rest = iter(fleets)

        async def tick_the_rest() -> None:
            for fleet in rest:
                outcomes[fleet] = await self._tick(fleet)

        ended = await asyncio.gather(*(tick_the_rest() for _ in range(MAX_CONCURRENT_TICKS)), return_exceptions=True)
        for defect in filter(None, ended):
            raise defect
        return outcomes

    async def _tick(self, fleet: str) -> str:
        try:
            self._repairs.ticked(fleet, await self._store.fleets.tick(fleet))
        except DispatchError as error:
            if layout := error.context.get("layout"):
                self._mismatches.append(layout_mismatch(fleet, int(layout)))
            return error.code
        return ""

    async def _detect_vanished(self, outcomes: dict[str, str], evicted_keys: int) -> None:
        for fleet in self._absences.overdue(outcomes, asyncio.get_running_loop().time(), evicted_keys):
            left = await self._store.fleets.keys_left(fleet)
            if self._absences.has_vanished(fleet, listed=fleet in outcomes, keys_left=left > 0):
                log.error("fleet_vanished", fleet=fleet, listed=fleet in outcomes, keys_left=left)
                self._vanished()
