"""Client process: places sessions at a rate until its standard input ends, then ends them all.

Each beginning, end and refusal is a line of JSON. Times are of the machine's steady clock, which processes share.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TextIO
from uuid import uuid4

from slta_client import AsyncClient, PlacementError, SessionLostError

MARGIN_SECONDS = 0.1
LAG_SECONDS = 0.01
"""Between two looks at how late the event loop is."""


@dataclass(frozen=True)
class Task:
    """What a client process is to do. `fallback_file` may be shared; `rate` is in sessions a second."""

    url: str
    fleet: str
    rate: float
    mean_seconds: float
    seed: int
    fallback_file: str
    lines: str
    """Path of the file of its lines."""

    def argument(self) -> str:
        """The task as one word of a command."""
        return json.dumps(asdict(self))


class LoadGenerator:
    """Load generator: places sessions, and writes their lines."""

    def __init__(self, task: Task, client: AsyncClient, lines: TextIO) -> None:
        self._task = task
        self._client = client
        self._lines = lines
        self._draws = random.Random(task.seed)
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Sessions as a Poisson process until the input ends; all have ended when it returns."""
        lag = asyncio.create_task(self._watch_lag())
        reading = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        reading.add_done_callback(lambda _: self._over.set())
        at = monotonic()
        async with asyncio.TaskGroup() as sessions:
            while not self._over.is_set():
                at += self._draws.expovariate(self._task.rate)
                await self._pause(at - monotonic())
                sessions.create_task(self._session(self._draws.expovariate(1 / self._task.mean_seconds)))
        lag.cancel()

    async def _session(self, seconds: float) -> None:
        session_id, began = uuid4().hex, monotonic()
        row: dict[str, Any] = {"id": session_id, "began": began, "open": self._is_open(began)}
        try:
            async with self._client.session(session_id) as session:
                self._write(**row, placed=monotonic(), pool=session.pool_id, by=session.placed_by)
                await self._pause(began + seconds - monotonic())
                self._write(id=session_id, ended=monotonic())
        except PlacementError as error:
            self._write(**row, placed=monotonic(), code=error.code)
        except SessionLostError as error:
            self._write(id=session_id, lost=error.reason)

    def _is_open(self, now: float) -> bool:
        """Whether the circuit breaker is open, and will be: a process may stand still until the placement begins.

        It is not public: only a campaign asks.
        """
        fallback = self._client._state.fallback
        return fallback is not None and fallback.breaker.open_until > now + MARGIN_SECONDS

    async def _pause(self, seconds: float) -> None:
        """So long, or until the input ends."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), max(seconds, 0.0))

    async def _watch_lag(self) -> None:
        """Write how late the event loop was at most, once a second."""
        while True:
            second, lag = monotonic(), 0.0
            while (now := monotonic()) < second + 1:
                await asyncio.sleep(LAG_SECONDS)
                lag = max(lag, monotonic() - now - LAG_SECONDS)
            self._write(at=second, lag=lag)

    def _write(self, **row: object) -> None:
        self._lines.write(json.dumps(row) + "\n")


async def generate(task: Task, lines: TextIO) -> None:
    """Generate the load until the input ends."""
    file = Path(task.fallback_file)
    async with AsyncClient(task.url, task.fleet, fallback="two-choices", fallback_file=file) as client:
        await LoadGenerator(task, client, lines).run()


def main() -> None:
    """Generate the task that the argument describes."""
    task = Task(**json.loads(sys.argv[1]))
    with Path(task.lines).open("w", buffering=1, encoding="utf-8") as lines:
        asyncio.run(generate(task, lines))


if __name__ == "__main__":
    main()
