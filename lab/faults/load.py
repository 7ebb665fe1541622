"""A steady load whose client keeps a ledger: every call is asked again, with the same id, until an answer is final."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any, Self

from lab.faults import ledger
from lab.faults.ledger import Ledger, Session, Told
from slta_client.replies import Reply
from slta_loadgen.client import Client
from slta_loadgen.retry import is_final

FLEET = "faults"
DOCUMENT: dict[str, Any] = {
    "lease_seconds": 0,
    "retention_seconds": 600,
    "classes": [
        {"name": "small", "utility": {"kind": "log_share", "resource": 20}, "capacity": 20, "pools": 20},
        {"name": "large", "utility": {"kind": "log_share", "resource": 30}, "capacity": 30, "pools": 20},
    ],
}
"""Room for 1,000 sessions, which live until they are completed."""
LIVE = 320
TWICE = 0.1
"""The share of assigns that are sent twice at once, to different dispatchers."""
AGAIN = 0.03
"""The share of calls that ask once more for a session that lives."""
PAUSE_SECONDS = 0.03
UNTIL_FINAL_SECONDS = 45.0
"""Time for which a call is retried after the load has ended."""

Call = Callable[[Client], Awaitable[Reply]]


@dataclass(frozen=True)
class Plan:
    """Size of a load. `per_second` counts calls."""

    per_second: float = 400.0
    workers: int = 16
    timeout_seconds: float = 3.0


class Load:
    """Use it as `async with Load(urls, plan, seed) as load`: it runs until the end of the block, then settles."""

    def __init__(self, urls: Sequence[str], plan: Plan, seed: str, fleet: str = FLEET) -> None:
        self.ledger = Ledger()
        self.fleet = fleet
        self.weights = [1.0] * len(urls)
        """Shares of the dispatchers in the calls."""
        self._plan = plan
        self._random = Random(seed)
        self._seed = seed
        self._stack = AsyncExitStack()
        self._clients = [Client(url, fleet, timeout_seconds=plan.timeout_seconds) for url in urls]
        self._until = float("inf")
        self._ending = asyncio.Event()

    async def __aenter__(self) -> Self:
        for client in self._clients:
            await self._stack.enter_async_context(client)
        await self._clients[0].put_fleet(DOCUMENT)
        self.started = time.monotonic()
        self._workers = [asyncio.create_task(self._work(k)) for k in range(self._plan.workers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ended = time.monotonic()
        self._until = self.ended + UNTIL_FINAL_SECONDS
        self._ending.set()
        await asyncio.gather(*self._workers)
        await self._stack.aclose()

    def longest_silence(self) -> float:
        """Seconds without a good answer, from the start to the end."""
        return self.ledger.longest_silence(self.started, self.ended)

    async def _work(self, number: int) -> None:
        mine: list[Session] = []
        due = time.monotonic()
        while not self._ending.is_set():
            due = max(due + self._plan.workers / self._plan.per_second, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            await self._step(mine, number)

    async def _step(self, mine: list[Session], number: int) -> None:
        full = len(mine) >= LIVE // self._plan.workers
        if mine and self._random.random() < AGAIN:
            await self.assign(self._random.choice(mine))
        elif mine and (full or self._random.random() < 0.4):
            await self.complete(mine.pop(self._random.randrange(len(mine))))
        else:
            session = self.ledger.open(f"{self._seed}-{number}-{len(self.ledger.sessions)}")
            both = self._random.random() < TWICE
            await asyncio.gather(*(self.assign(session) for _ in range(1 + both)))
            if session.told is Told.LIVES:
                mine.append(session)

    async def assign(self, session: Session, first: int | None = None) -> None:
        """Until an answer is final; `first` is the number of the dispatcher that is asked first, None for any."""
        known = session.pool
        ledger.placed(session, await self._ask(lambda client: client.assign(session.session_id), first), known=known)

    async def complete(self, session: Session, first: int | None = None) -> None:
        """The same."""
        ledger.completed(session, await self._ask(lambda client: client.complete(session.session_id), first))

    async def _ask(self, call: Call, first: int | None = None) -> Reply:
        """The final answer, or the last one where none was final in time."""
        if first is None:
            [first] = self._random.choices(range(len(self._clients)), self.weights)
        for attempt in range(10**9):
            reply = await call(self._clients[(first + attempt) % len(self._clients)])
            self.ledger.heard(reply, time.monotonic())
            if is_final(reply) or time.monotonic() > self._until:
                return reply
            await asyncio.sleep(PAUSE_SECONDS)
        raise AssertionError
