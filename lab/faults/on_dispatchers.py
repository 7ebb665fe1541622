"""Faults of dispatchers: killed, frozen, and talked to by somebody hostile."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from lab.faults.on_store import ask
from lab.faults.system import System
from slta_client.replies import DISCONNECTED, TIMEOUT, UNREACHABLE
from testbed.sentinels import until

ROUNDS = 6
FREEZES = 2
FREEZE_SECONDS = 4.0
"""Longer than clients wait."""
BUSY_BYTES = 64 << 20
HELD_BACK_SECONDS = 3.0
LOST_CODES = (UNREACHABLE, DISCONNECTED, TIMEOUT)
ASSIGN = b"POST /v1/fleets/faults/assign HTTP/1.1\r\nHost: localhost\r\n"
HOSTILE = (
    ASSIGN + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ASSIGN + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ASSIGN + b"Content-Length: -1\r\n\r\n{}",
    ASSIGN + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    ASSIGN + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n{}",
    ASSIGN + b"Content-Length: 7\r\n\r\n\xff\x00{NaN}\n",
    b"GET /v1/fleets/faults HTTP/1.1\nHost: localhost\n\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Half: ",
    bytes(range(256)) * 16,
)
"""Requests that are none, that two servers could read in two ways, or that are too long."""


async def killed(system: System) -> int:
    """kill -9 of the dispatchers in turn, and started again: kills after which clients were cut off or turned away."""
    seen = 0
    for number in range(ROUNDS):
        dispatcher = system.dispatchers[number % len(system.dispatchers)]
        before = _cut_off(system.load.ledger.codes)
        dispatcher.kill()
        await asyncio.sleep(0.3)
        seen += _cut_off(system.load.ledger.codes) > before
        await asyncio.to_thread(dispatcher.start)
        await asyncio.sleep(0.5)
    return seen


async def frozen(system: System) -> int:
    """SIGSTOP of the dispatchers in turn: times that calls to them were given up."""
    before = _cut_off(system.load.ledger.codes)
    for number in range(FREEZES):
        dispatcher = system.dispatchers[number % len(system.dispatchers)]
        dispatcher.signal(signal.SIGSTOP)
        await asyncio.sleep(FREEZE_SECONDS)
        dispatcher.signal(signal.SIGCONT)
        await asyncio.sleep(1)
    return _cut_off(system.load.ledger.codes) - before


def _cut_off(codes: Counter[str]) -> int:
    return sum(codes[code] for code in LOST_CODES)


async def store_of_its_own_killed(system: System) -> int:
    """kill -9 of the Valkey that a dispatcher owns and starts again: those that came after it."""
    seen = set()
    for _ in range(ROUNDS // 2):
        told = await ask(system.servers[0], lambda redis: redis.info("server"))
        seen.add(told["run_id"])
        os.kill(told["process_id"], signal.SIGKILL)
        await asyncio.to_thread(until, system.servers[0].is_ready)
        await asyncio.sleep(1)
    return len(seen | {(await ask(system.servers[0], lambda redis: redis.info("server")))["run_id"]}) - 1


async def killed_with_its_store(system: System) -> int:
    """kill -9 of a dispatcher and of the Valkey that it owns, at once, while the disk is busy: stores that came after.

    Under `everysec` Valkey holds back what it would write while a sync runs, up to two seconds: that is the moment.
    """
    [dispatcher], [store] = system.dispatchers, system.servers
    seen = set()
    async with _busy_disk(system.folder):
        for _ in range(ROUNDS):
            await asyncio.sleep(1)
            told = await ask(store, lambda redis: redis.info("server"))
            seen.add(told["run_id"])
            held_back = await ask(store, _held_back)
            os.kill(told["process_id"], signal.SIGKILL)
            dispatcher.kill()
            system.notes["bytes held back"] = system.notes.get("bytes held back", 0) + held_back
            await asyncio.to_thread(dispatcher.start)
    return len(seen | {(await ask(store, lambda redis: redis.info("server")))["run_id"]}) - 1


def _held_back(redis: Any) -> int:
    """Bytes that the server has answered and not written, as soon as there are some; 0 if there are none for long."""
    deadline = time.monotonic() + HELD_BACK_SECONDS
    while time.monotonic() < deadline:
        told = redis.info("persistence")
        if told["aof_pending_bio_fsync"] and told["aof_buffer_length"]:
            return int(told["aof_buffer_length"])
        time.sleep(HELD_BACK_SECONDS / 1000)
    return 0


@asynccontextmanager
async def _busy_disk(folder: Path) -> AsyncIterator[None]:
    """A file is written and synced again and again meanwhile."""
    ended = threading.Event()

    def write() -> None:
        with (folder / "busy").open("wb", buffering=0) as file:
            while not ended.is_set():
                file.seek(0)
                file.write(bytes(BUSY_BYTES))
                os.fsync(file.fileno())

    writing = asyncio.create_task(asyncio.to_thread(write))
    try:
        yield
    finally:
        ended.set()
        await writing


async def harassed(system: System) -> int:
    """Hostile bytes at every dispatcher, ten times each: connections that were answered or closed."""
    ended = 0
    for _ in range(10):
        for dispatcher in system.dispatchers:
            ends = await asyncio.gather(*(_say(dispatcher.port, said) for said in HOSTILE))
            ended += sum(ends)
    return ended


async def _say(port: int, said: bytes) -> bool:
    """True if the other side ended the connection within a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            writer.write(said)
            await writer.drain()
            while await reader.read(65_536):
                pass
            return True
    writer.transport.abort()
    return False
