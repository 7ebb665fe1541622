"""Load: places sessions at a rate until its standard input ends. Each event is a line of JSON.

Times are of the machine's steady clock, which processes share.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TextIO
from uuid import uuid4

import aiohttp

from testbed.processes import FilterProcess, environment

DEADLINE_SECONDS = 10.0
RETRY_SECONDS = 0.5
MARGIN_SECONDS = 0.1
LAG_SECONDS = 0.01
"""Interval of the samples of the event loop's delay."""
Play = Callable[[str, float], Awaitable[None]]
"""Plays a session: its id, and the seconds that it stays."""


@dataclass(frozen=True)
class Task:
    """Task of a process: `rate` in sessions a second, each of which stays for an exponential time.

    With a `fallback_file`, which may be shared, the client library places them; else each is a connection to its pool.
    """

    url: str
    fleet: str
    rate: float
    mean_seconds: float
    lines: str
    """Path of the file of its lines."""
    fallback_file: str = ""
    seed: int = 1

    def process(self) -> FilterProcess:
        """Process of the task."""
        command, log = [sys.executable, "-m", "lab.campaign.load", json.dumps(asdict(self))], Path(f"{self.lines}.log")
        return FilterProcess(*command, log=log, env=environment(), is_clean=True)


class Sessions:
    """Sessions as a Poisson process until the input ends; all have ended when `run` returns."""

    def __init__(self, task: Task, lines: TextIO) -> None:
        self._task = task
        self._lines = lines
        self._draws = random.Random(task.seed)
        self._over = asyncio.Event()

    async def run(self, play: Play) -> None:
        reading = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        reading.add_done_callback(lambda _: self._over.set())
        at = monotonic()
        async with asyncio.TaskGroup() as sessions:
            while not self._over.is_set():
                at += self._draws.expovariate(self._task.rate)
                await self.pause(at - monotonic())
                seconds = self._draws.expovariate(1 / self._task.mean_seconds)
                sessions.create_task(play(uuid4().hex, seconds))  # type: ignore[arg-type]

    async def pause(self, seconds: float) -> None:
        """Sleep, or until the input ends."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), max(seconds, 0.0))

    def write(self, **row: object) -> None:
        self._lines.write(json.dumps(row) + "\n")


async def connected(task: Task, sessions: Sessions) -> None:
    """A session is a connection to its pool. One that its pool ends is not completed: nobody tells slta."""

    async def play(id_: str, seconds: float) -> None:
        began = monotonic()
        status, body = await call("assign", {"session_id": id_, "lease_seconds": 0})
        if not 200 <= status < 300:
            sessions.write(id=id_, began=began, placed=monotonic(), code=str(body.get("code", status)))
            return
        sessions.write(id=id_, began=began, placed=monotonic(), pool=body["pool_id"])
        host, _, port = body["address"].rpartition(":")
        staying = asyncio.create_task(sessions.pause(seconds))
        leaving = asyncio.create_task(_until_left(host, int(port), id_))
        await asyncio.wait([staying, leaving], return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            staying.cancel()
            sessions.write(id=id_, cut=monotonic())
            return
        sessions.write(id=id_, ended=monotonic())
        sessions.write(id=id_, outcome=await complete(id_))
        leaving.cancel()

    async def complete(id_: str) -> str:
        """Complete until the reply is final; reason of the session's end."""
        while True:
            status, body = await call("complete", {"session_id": id_})
            if 200 <= status < 500:
                return str(body.get("reason") or body.get("outcome") or body.get("code"))
            await asyncio.sleep(RETRY_SECONDS)

    async def call(name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            async with http.post(f"{task.url}/v1/fleets/{task.fleet}/{name}", json=body) as response:
                return response.status, await response.json()
        except (TimeoutError, aiohttp.ClientError) as error:
            return 0, {"code": type(error).__name__}

    timeout = aiohttp.ClientTimeout(total=DEADLINE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
        await sessions.run(play)


async def _until_left(host: str, port: int, id_: str) -> None:
    """Connect to the pool, and return when it is away."""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(f"{id_}\n".encode())
            await reader.read()
        finally:
            writer.close()


async def placed_by_library(task: Task, sessions: Sessions) -> None:
    """A session is a block of the client library, with its fallback."""
    from slta_client import AsyncClient, PlacementError, SessionLostError

    async def play(id_: str, seconds: float) -> None:
        began = monotonic()
        row: dict[str, Any] = {"id": id_, "began": began, "open": is_open(began)}
        try:
            async with client.session(id_) as session:
                sessions.write(**row, placed=monotonic(), pool=session.pool_id, by=session.placed_by)
                await sessions.pause(began + seconds - monotonic())
                sessions.write(id=id_, ended=monotonic())
        except PlacementError as error:
            sessions.write(**row, placed=monotonic(), code=error.code)
        except SessionLostError as error:
            sessions.write(id=id_, lost=error.reason)

    def is_open(now: float) -> bool:
        """True if the circuit breaker is open, and will be: a process may stand still until the placement begins.

        It is not public: only a campaign asks.
        """
        return client._engine.breaker.open_until > now + MARGIN_SECONDS

    async def watch_lag() -> None:
        """Write how late the event loop was at most, once a second."""
        while True:
            second, lag = monotonic(), 0.0
            while (now := monotonic()) < second + 1:
                await asyncio.sleep(LAG_SECONDS)
                lag = max(lag, monotonic() - now - LAG_SECONDS)
            sessions.write(at=second, lag=lag)

    file = Path(task.fallback_file)
    async with AsyncClient(task.url, task.fleet, fallback="two-choices", fallback_file=file) as client:
        watching = asyncio.create_task(watch_lag())
        await sessions.run(play)
        watching.cancel()


def main() -> None:
    """Run the task in the argument."""
    task = Task(**json.loads(sys.argv[1]))
    place = placed_by_library if task.fallback_file else connected
    with Path(task.lines).open("w", buffering=1, encoding="utf-8") as lines:
        asyncio.run(place(task, Sessions(task, lines)))


if __name__ == "__main__":
    main()
