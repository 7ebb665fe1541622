"""The tick of every fleet, once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from service.errors import DispatchError, UnknownFleet
from service.process.repairing import AutomaticRepairs
from service.process.vanishing import Absences
from service.store import Store

TOGETHER = 12
"""Ticks under way at once. With the snapshots of a scrape they use half of the connections to the store."""

log = structlog.get_logger(__name__)


class Ticks:
    """Ends leases and keeps the integrals of every fleet. Every process does so, and once a second is enough."""

    def __init__(self, store: Store, repairs: AutomaticRepairs, vanished: Callable[[], None] = lambda: None) -> None:
        """`repairs` take up suspect fleets. `vanished` is called for each fleet that vanishes, see `vanishing`."""
        self._store = store
        self._repairs = repairs
        self._vanished = vanished
        self._absences = Absences()

    async def round(self, evicted_keys: int = 0) -> str:
        """Tick every fleet, though another fails; the code of an error that was in the way, or ''.

        `evicted_keys` is how many keys the server has evicted so far.
        """
        try:
            fleets = await self._store.fleets.names()
            self._store.keep_only(fleets)
            self._repairs.keep_only(fleets)
            outcomes = await self._tick_all(fleets)
            await self._look_for_vanished(outcomes, evicted_keys)
        except DispatchError as error:
            return error.code
        return next((code for code in outcomes.values() if code not in ("", UnknownFleet.code)), "")

    async def _tick_all(self, fleets: Collection[str]) -> dict[str, str]:
        """The outcome of each tick: '' or an error's code."""
        outcomes: dict[str, str] = {}
        rest = iter(fleets)

        async def tick_the_rest() -> None:
            for fleet in rest:
                outcomes[fleet] = await self._tick(fleet)

        ended = await asyncio.gather(*(tick_the_rest() for _ in range(TOGETHER)), return_exceptions=True)
        for defect in filter(None, ended):
            raise defect
        return outcomes

    async def _tick(self, fleet: str) -> str:
        try:
            self._repairs.ticked(fleet, await self._store.fleets.tick(fleet))
        except DispatchError as error:
            return error.code
        return ""

    async def _look_for_vanished(self, outcomes: dict[str, str], evicted_keys: int) -> None:
        for fleet in self._absences.overdue(outcomes, asyncio.get_running_loop().time(), evicted_keys):
            left = await self._store.fleets.keys_left(fleet)
            if self._absences.has_vanished(fleet, listed=fleet in outcomes, keys_left=left > 0):
                log.error("fleet_vanished", fleet=fleet, listed=fleet in outcomes, keys_left=left)
                self._vanished()
