"""Relay between clients and a server; a rule edits, delays or cuts their bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
CHUNK = 65_536


@dataclass(eq=False)
class Link:
    """One client's connection, and ours to the server for it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    notes: dict[str, Any] = field(default_factory=dict)
    """State of the rule."""

    @property
    def source(self) -> str:
        """The address that the client comes from, '' on a unix socket."""
        peer = self.client.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) else ""

    def close(self) -> None:
        self.client.close()
        self.server.close()


class CutError(Exception):
    """Signal of a rule that ends the link. `last` is still forwarded."""

    def __init__(self, last: bytes = b"") -> None:
        super().__init__("cut")
        self.last = last


Rule = Callable[[Link, bytes, bool], Awaitable[bytes]]
"""Rule: returns bytes to forward, when they are due; the flag is true for the client's. Raises Cut to end the link."""


async def untouched(link: Link, data: bytes, from_client: bool) -> bytes:
    """A rule that changes nothing."""
    del link, from_client
    return data


class Relay:
    """Hands on what clients and the server say to each other, by `rule`, which may be exchanged at any time.

    It listens as long as an `async with` block, and may do so again.
    """

    def __init__(self, upstream: str | int, at: str | int = 0) -> None:
        """Both are the path of a unix socket or a loopback port; of `at` 0 is a free one."""
        self._upstream = upstream
        self._at = at
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server
        self.links: set[Link] = set()
        self.rule: Rule = untouched
        self.port = 0

    async def listen(self) -> None:
        if isinstance(self._at, str):
            self._listener = await asyncio.start_unix_server(self._serve, self._at)
            return
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self._at)
        self.port = self._at = self._listener.sockets[0].getsockname()[1]

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        self._listener.close()
        for link in self.links:
            link.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await self._connect()
        except OSError:
            to_client.close()
            return
        link = Link(to_client, to_server)
        self.links.add(link)
        ways = (self._hand_on(link, client, to_server, True), self._hand_on(link, server, to_client, False))
        tasks = [asyncio.create_task(way) for way in ways]
        self._tasks.update(tasks)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        link.close()
        self.links.discard(link)
        for task in tasks:
            task.cancel()
        self._tasks.difference_update(tasks)

    async def _connect(self) -> Pair:
        if isinstance(self._upstream, int):
            return await asyncio.open_connection("127.0.0.1", self._upstream)
        return await asyncio.open_unix_connection(self._upstream)

    async def _hand_on(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, from_client: bool
    ) -> None:
        try:
            while data := await reader.read(CHUNK):
                writer.write(await self.rule(link, data, from_client))
                await writer.drain()
        except CutError as cut:
            writer.write(cut.last)
        except OSError:
            pass
