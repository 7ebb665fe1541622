"""A proxy that loses replies, holds them back and refuses calls, as a test asks for."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


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
