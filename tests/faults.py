"""Faults on purpose: a server that is stopped, killed and started again, and a proxy that loses replies."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Server:
    """A server of our own on a data folder, which outlives the process."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/s"
        self._command = [binary, "--port", "0", "--unixsocket", f"{folder}/s", "--dir", str(folder), "--save", ""]
        self._command += ["--appendonly", "yes"]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        with self.client() as redis:
            while True:
                try:
                    redis.ping()
                    return
                except RedisConnectionError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)

    def client(self) -> Redis:
        return Redis.from_url(self.url, encoding="latin-1", decode_responses=True)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)


@contextmanager
def own_server(binary: str) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="slta-"))
    server = Server(binary, folder)
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


class Proxy:
    """Stands between a store and its server, and does to calls of functions what a test asks for."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream.removeprefix("unix://")
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._called = asyncio.Condition()
        self.open = asyncio.Event()
        self.open.set()
        self.calls = 0
        """Calls of functions that came in."""
        self.lose = 0
        """How many of the next calls run while their reply is lost and the connection cut."""
        self.refusals: list[str] = []
        """Error replies to the next calls, which then never reach the server."""

    async def waiting(self, calls: int) -> None:
        """Until so many calls have come in."""
        async with self._called:
            await self._called.wait_for(lambda: self.calls >= calls)

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_unix_connection(self._upstream)
        self._writers |= {to_client, to_server}
        lost = asyncio.Event()
        replies = asyncio.create_task(self._replies(server, to_client, lost))
        self._tasks.add(replies)
        try:
            while data := await client.read(65_536):
                if b"\r\nFCALL" in data[:32]:
                    async with self._called:
                        self.calls += 1
                        self._called.notify_all()
                    await self.open.wait()
                    if self.refusals:
                        to_client.write(f"-{self.refusals.pop(0)}\r\n".encode())
                        continue
                    if self.lose:
                        self.lose -= 1
                        lost.set()
                to_server.write(data)
        except OSError:
            pass
        finally:
            to_server.close()
            to_client.close()

    async def _replies(
        self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        try:
            while data := await server.read(65_536):
                if lost.is_set():
                    to_client.close()
                    return
                to_client.write(data)
        except OSError:
            pass

    async def stop(self) -> None:
        self.open.set()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks, *(w.wait_closed() for w in self._writers), return_exceptions=True)


@asynccontextmanager
async def proxy(upstream: str) -> AsyncIterator[tuple[Proxy, str]]:
    """The proxy and its URL."""
    with tempfile.TemporaryDirectory(prefix="slta-") as folder:
        between = Proxy(upstream)
        listener = await asyncio.start_unix_server(between.serve, f"{folder}/p")
        try:
            yield between, f"unix://{folder}/p"
        finally:
            listener.close()
            await between.stop()
