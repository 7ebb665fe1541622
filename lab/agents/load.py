"""Load: places sessions at a rate, connects to their pools, and completes them, until its standard input ends.

Each event is a line of JSON. Times are of the machine's steady clock, which processes share.
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

import aiohttp

DEADLINE_SECONDS = 10.0
RETRY_SECONDS = 0.5


@dataclass(frozen=True)
class Load:
    """`rate` in sessions a second; each stays for an exponential time."""

    url: str
    fleet: str
    rate: float
    mean_seconds: float
    lines: str
    """Path of the file of its lines."""

    def argument(self) -> str:
        """As one word of a command."""
        return json.dumps(asdict(self))


class LoadGenerator:
    """Load generator: places sessions, and writes their lines."""

    def __init__(self, load: Load, http: aiohttp.ClientSession, lines: TextIO) -> None:
        self._load = load
        self._http = http
        self._lines = lines
        self._draws = random.Random(1)

    async def run(self) -> None:
        """Sessions as a Poisson process until the input ends; those that live then stay."""
        reading = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        sessions, at = set[asyncio.Task[None]](), monotonic()
        while not reading.done():
            at += self._draws.expovariate(self._load.rate)
            await asyncio.sleep(max(at - monotonic(), 0))
            task = asyncio.create_task(self._session(self._draws.expovariate(1 / self._load.mean_seconds)))
            sessions.add(task)
            task.add_done_callback(sessions.discard)
        for task in sessions:
            task.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    async def _session(self, seconds: float) -> None:
        """A session that its pool ends is not completed: nobody tells slta."""
        id_, began = uuid4().hex, monotonic()
        status, body = await self._call("assign", {"session_id": id_, "lease_seconds": 0})
        if not 200 <= status < 300:
            self._write(id=id_, began=began, placed=monotonic(), code=str(body.get("code", status)))
            return
        self._write(id=id_, began=began, placed=monotonic(), pool=body["pool_id"])
        try:
            host, _, port = body["address"].rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"{id_}\n".encode())
            async with asyncio.timeout(seconds):
                await reader.read()
            self._write(id=id_, cut=monotonic())
        except TimeoutError:
            self._write(id=id_, ended=monotonic())
            self._write(id=id_, outcome=await self._complete(id_))
            writer.close()
        except OSError:
            self._write(id=id_, cut=monotonic())

    async def _complete(self, session_id: str) -> str:
        """Complete until the answer is final; why the session ended."""
        while True:
            status, body = await self._call("complete", {"session_id": session_id})
            if 200 <= status < 500:
                return str(body.get("reason") or body.get("outcome") or body.get("code"))
            await asyncio.sleep(RETRY_SECONDS)

    async def _call(self, call: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        url = f"{self._load.url}/v1/fleets/{self._load.fleet}/{call}"
        try:
            async with self._http.post(url, json=body) as response:
                return response.status, await response.json()
        except (TimeoutError, aiohttp.ClientError) as error:
            return 0, {"code": type(error).__name__}

    def _write(self, **row: object) -> None:
        self._lines.write(json.dumps(row) + "\n")


async def generate(load: Load, lines: TextIO) -> None:
    """Generate the load until the input ends."""
    timeout = aiohttp.ClientTimeout(total=DEADLINE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
        await LoadGenerator(load, http, lines).run()


def main() -> None:
    """Generate the load that the argument describes."""
    load = Load(**json.loads(sys.argv[1]))
    with Path(load.lines).open("w", buffering=1, encoding="utf-8") as lines, suppress(KeyboardInterrupt):
        asyncio.run(generate(load, lines))


if __name__ == "__main__":
    main()
