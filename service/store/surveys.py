"""Surveys: the dry run of a repair, slice by slice. The functions are in `lua/repair_survey.lua`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter

from service.store.caller import Argument, Caller
from service.values import Survey

SETS_PER_CALL = 500
"""Sets of ids that one call is handed."""
UNREADABLE, NO_CLASS, NO_RECORD = (
    "its record is unreadable",
    "no class has the number of its pool",
    "neither it nor its pool has a record",
)


class Told:
    """What the slices of one survey have told so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.named: set[str] = set()
        self.pools: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.homeless: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.put_back: list[str] = []
        self.numbers: list[str] = []
        self._words: dict[str, Callable[[str, str], object]] = {
            "named": lambda pool_id, _: self.named.add(pool_id),
            "pool": lambda pool_id, _: self.pools.update({pool_id: UNREADABLE}),
            "session": lambda id_, _: self.sessions.update({id_: UNREADABLE}),
            "homeless": lambda id_, pool_id: self.homeless.update({id_: pool_id}),
            "lost": lambda id_, _: self.sessions.update({id_: NO_RECORD}),
            "key": lambda name, kind: self.keys.update({name: f"a stray {kind}"}),
            "back": lambda what, _: self.put_back.append(what),
            "ids": lambda number, _: self.numbers.append(number),
        }

    def add(self, flat: Sequence[str]) -> None:
        """Triples: a word, and two facts."""
        for word, first, second in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            self._words[word](first, second)

    def next_place(self, part: str, cursor: str) -> tuple[str, str]:
        """Where to go on; sets of ids that were told of come before the part that follows them."""
        if part in ("ids", "aside") and not cursor and self.numbers:
            some = self.numbers[:SETS_PER_CALL]
            del self.numbers[:SETS_PER_CALL]
            return "ids", " ".join(some)
        return part, cursor

    def survey(self, live: int) -> Survey:
        """All of it. A pool whose record is unreadable is not lost where its name and its bit tell of it."""
        homeless = {id_: NO_CLASS for id_, pool_id in self.homeless.items() if pool_id not in self.named}
        pools = {pool_id: why for pool_id, why in self.pools.items() if pool_id not in self.named}
        return Survey(
            live=live, sessions=self.sessions | homeless, pools=pools, keys=self.keys, put_back=sorted(self.put_back)
        )


async def survey(caller: Caller, fleet: str, arguments: Sequence[Argument], work: int) -> Survey:
    """See `Repairs.survey`; one slice does so much `work`."""
    _, policy, numbers, live = await caller.read("begin_survey", fleet, *arguments)
    told, part, cursor = Told(), "names", ""
    while part:
        began = perf_counter()
        _, part, cursor, flat = await caller.read("survey", fleet, policy, numbers, part, cursor, work)
        told.add(flat)
        part, cursor = told.next_place(part, cursor)
        await asyncio.sleep(perf_counter() - began)
    return told.survey(int(live))
