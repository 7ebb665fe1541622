"""Callers of a store that remember every answer, and what of it is true in the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count, pairwise
from time import monotonic
from typing import TypeVar

from slta.models import errors
from slta.store import Store
from testbed.awaiting import eventually
from testbed.clusters import Cluster
from testbed.in_process import tick
from tests.audit import violations
from tests.store.fleets import LARGE, SMALL, create, pool_class, spec

T = TypeVar("T")
CALLERS = 16
"""Of one fleet."""
LIVE = 4
"""Sessions of one caller."""
PAUSE_SECONDS = 0.02
AGAIN = (errors.StoreUnavailableError, errors.OutcomeUnknownError)
ROOMY = spec(pool_class("small", SMALL, 20), pool_class("large", LARGE, 30))


class Witness:
    """Sessions of one fleet, as their callers know them: each call is repeated, with its id, until it is answered."""

    def __init__(self, store: Store, fleet: str) -> None:
        self.fleet = fleet
        self.pools: dict[str, str] = {}
        """Sessions that live, and the pools that their callers were told."""
        self.contradictions: list[str] = []
        self.refused: Counter[str] = Counter()
        """Calls that had to be repeated, by error."""
        self.answered: list[float] = []
        self._store = store
        self._numbers = count()

    async def call(self, is_over: asyncio.Event) -> None:
        """One caller, whose sessions come and go."""
        mine: list[str] = []
        while not is_over.is_set():
            mine.append(f"s{next(self._numbers)}")
            await self.assign(mine[-1])
            if len(mine) > LIVE:
                await self.complete(mine.pop(0))

    async def assign(self, session: str) -> str:
        """The pool."""
        placed = await self._until_answered(lambda: self._store.sessions.assign(self.fleet, session, None))
        if self.pools.setdefault(session, placed.pool_id) != placed.pool_id:
            self.contradictions.append(f"{session}: {placed.pool_id} after {self.pools[session]}")
        return placed.pool_id

    async def complete(self, session: str) -> None:
        await self._until_answered(lambda: self._store.sessions.complete(self.fleet, session))
        del self.pools[session]

    async def served(self) -> None:
        """Until as many calls were answered from now on as there are callers."""
        answered = len(self.answered)
        await eventually(lambda: len(self.answered) >= answered + CALLERS)

    def longest_silence(self) -> float:
        """Seconds between two answers."""
        return max(later - sooner for sooner, later in pairwise(self.answered))

    def faults(self, nodes: Cluster) -> list[str]:
        """What is lost, doubled or leaked, and the invariants that do not hold, in the records of the present owner."""
        with nodes.owner(self.fleet).client() as redis:
            records = redis.hgetall(f"{{{self.fleet}}}:sessions")
            broken = violations(redis, self.fleet)
        live = {session: record.split()[0] for session, record in records.items()}
        lost = [session for session, pool in self.pools.items() if live.get(session) != pool]
        leaked = live.keys() - self.pools.keys()
        return [*self.contradictions, *(f"lost: {id_}" for id_ in lost), *(f"leaked: {id_}" for id_ in leaked), *broken]

    async def _until_answered(self, call: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                answer = await call()
            except AGAIN as error:
                self.refused[type(error).__name__] += 1
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self.answered.append(monotonic())
                return answer


@asynccontextmanager
async def calling(store: Store, fleets: Sequence[str], callers: int = CALLERS) -> AsyncIterator[list[Witness]]:
    """Callers on fleets of a dispatcher, which does what it does each second, until the end of the block."""
    for fleet in fleets:
        await create(store, ROOMY, {"small": 40, "large": 40}, fleet)
    witnesses, is_over = [Witness(store, fleet) for fleet in fleets], asyncio.Event()
    seconds = asyncio.create_task(_seconds_pass(store, fleets))
    try:
        async with asyncio.TaskGroup() as tasks:
            for witness in witnesses:
                for _ in range(callers):
                    tasks.create_task(witness.call(is_over))
            for witness in witnesses:
                await witness.served()
            yield witnesses
            is_over.set()
    finally:
        seconds.cancel()


async def _seconds_pass(store: Store, fleets: Sequence[str]) -> None:
    while True:
        await store.check()
        await store.recover()
        for fleet in fleets:
            try:
                await tick(store, fleet)
            except AGAIN:
                continue
        await asyncio.sleep(1)
