"""Bounds of the intervals of fleets with session types: computed by the calculation process, told with the next tick.

The store keeps an interval until a tick has told it: a dispatcher that ends meanwhile loses nothing, and of several
that compute the same one the first counts. See `lua/fleets/intervals.lua`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import structlog

from slta.calculations.client import CalculationFailedError, Calculator
from slta.fleet_file import Specs
from slta.models.errors import DispatchError
from slta.store import Store
from slta.store.fleets import Excess

MAX_INTERVALS = 64
"""Intervals in one question."""
IDLE_SECONDS = 60.0
"""Time without a question after which the calculation process is stopped."""

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class TypeBounds:
    """Intervals that wait by fleet, as ticks tell them, and the excesses that are to be told."""

    store: Store
    specs: Specs
    calculator: Calculator = field(default_factory=Calculator)
    excesses: dict[str, Excess] = field(default_factory=dict)
    _waiting: dict[str, str] = field(default_factory=dict)
    _tables: dict[str, tuple[str, str]] = field(default_factory=dict)

    def ticked(self, fleet: str, interval: str) -> None:
        """Take over the interval that a fleet told, '' for none; the last excess is told if it is of another one."""
        name = interval.partition(" ")[0]
        if fleet in self.excesses and self.excesses[fleet][0] != name:
            del self.excesses[fleet]
        if interval and fleet not in self.excesses:
            self._waiting[fleet] = interval

    def keep_only(self, fleets: Collection[str]) -> None:
        """Forget all other fleets."""
        for known in (self.excesses, self._waiting, self._tables):
            for fleet in known.keys() - fleets:
                del known[fleet]

    async def round(self) -> None:
        """Compute the intervals that wait, once a second. What fails is told again by the next tick."""
        try:
            while self._waiting:
                fleets = list(self._waiting)[:MAX_INTERVALS]
                await self._compute({fleet: self._waiting.pop(fleet) for fleet in fleets})
        except CalculationFailedError as error:
            log.warning("bounds_failed", why=str(error))
        await self.calculator.rest(IDLE_SECONDS)

    async def _compute(self, intervals: Mapping[str, str]) -> None:
        names, questions = dict[str, str](), list[str]()
        for fleet, interval in intervals.items():
            name, _, numbers = interval.partition(" ")
            if tables := await self._tables_of(fleet, name.rpartition(":")[0]):
                names[fleet] = name
                questions.append(f"[{tables},[{numbers.replace(' ', ',')}]]")
        found = await self.calculator.ask(f"[{','.join(questions)}]") or []
        for (fleet, name), excess in zip(names.items(), found, strict=False):
            self.excesses[fleet] = (name, repr(excess))
            self._waiting.pop(fleet, None)  # told again meanwhile

    async def _tables_of(self, fleet: str, version: str) -> str:
        """What `worker.excesses` needs of a fleet, as JSON; '' if it has changed since or cannot be read."""
        if fleet not in self._tables or self._tables[fleet][0] != version:
            try:
                document, config_version = await self.store.fleets.config(fleet)
                spec = await self.specs.of_stored(document)
            except DispatchError:
                return ""
            if version.rpartition(":")[2] != str(config_version):
                return ""
            classes = [c.pool_class for c in spec.integers.order]
            tables = {"classes": classes, "marginals": spec.integers.marginals, "sets": spec.type_sets.classes}
            self._tables[fleet] = (version, json.dumps(tables))
        return self._tables[fleet][1]
