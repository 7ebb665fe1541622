"""Survey: dry run of a repair, slice by slice. In Lua: `lua/integrity/repair_survey.lua`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter

from slta.models import Survey
from slta.store.client.functions import Argument, FunctionClient

SETS_PER_CALL = 500
"""Sets of session ids per call."""
UNREADABLE, NO_CLASS, NO_RECORD = (
    "its record is unreadable",
    "no class has the number of its pool",
    "neither it nor its pool has a record",
)


class SurveyBuilder:
    """Findings of the slices of one survey."""

    def __init__(self) -> None:
        self.named: set[str] = set()
        self.pools: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.homeless: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.put_back: list[str] = []
        self.numbers: list[str] = []
        self._handlers: dict[str, Callable[[str, str], object]] = {
            "named": lambda pool_id, _: self.named.add(pool_id),
            "pool": lambda pool_id, _: self.pools.update({pool_id: UNREADABLE}),
            "session": lambda id_, _: self.sessions.update({id_: UNREADABLE}),
            "homeless": lambda id_, pool_id: self.homeless.update({id_: pool_id}),
            "lost": lambda id_, _: self.sessions.update({id_: NO_RECORD}),
            "key": lambda name, kind: self.keys.update({name: f"a stray {kind}"}),
            "back": lambda name, _: self.put_back.append(name),
            "ids": lambda number, _: self.numbers.append(number),
        }

    def add(self, flat: Sequence[str]) -> None:
        """Add findings, as triples of kind and two values."""
        for kind, first, second in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            self._handlers[kind](first, second)

    def next_cursor(self, part: str, cursor: str) -> tuple[str, str]:
        """Part and cursor of the next slice; pending sets of ids come before the part that follows."""
        if part in ("ids", "aside") and not cursor and self.numbers:
            numbers = self.numbers[:SETS_PER_CALL]
            del self.numbers[:SETS_PER_CALL]
            return "ids", " ".join(numbers)
        return part, cursor

    def survey(self, live: int) -> Survey:
        """The result. A pool with an unreadable record is not lost if its name and its bit exist."""
        homeless = {id_: NO_CLASS for id_, pool_id in self.homeless.items() if pool_id not in self.named}
        pools = {pool_id: reason for pool_id, reason in self.pools.items() if pool_id not in self.named}
        return Survey(
            live=live, sessions=self.sessions | homeless, pools=pools, keys=self.keys, put_back=sorted(self.put_back)
        )


async def survey(functions: FunctionClient, fleet: str, arguments: Sequence[Argument], work: int) -> Survey:
    """Run a survey, see `Repairs.survey`; `work` limits a slice."""
    _, policy, numbers, live = await functions.read("begin_survey", fleet, *arguments)
    builder, part, cursor = SurveyBuilder(), "names", ""
    while part:
        began = perf_counter()
        _, part, cursor, flat = await functions.read("survey", fleet, policy, numbers, part, cursor, work)
        builder.add(flat)
        part, cursor = builder.next_cursor(part, cursor)
        await asyncio.sleep(perf_counter() - began)
    return builder.survey(int(live))
