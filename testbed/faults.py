"""A proxy that loses replies, holds them back and refuses calls, as a test asks for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from testbed.relay import CutError, Link, Relay


class Proxy(Relay):
    """Proxy between a store and its server that loses replies, holds back and refuses calls of functions."""

    def __init__(self, upstream: str, folder: Path) -> None:
        """`upstream` is the server's URL; the proxy listens in `folder`."""
        super().__init__(upstream.removeprefix("unix://"), f"{folder}/p")
        self.url = f"unix://{folder}/p"
        self.rule = self._treat
        self._called = asyncio.Condition()
        self.open = asyncio.Event()
        self.open.set()
        self.calls = 0
        """Calls of functions that came in."""
        self.lose = 0
        """Number of the next calls that run while their reply is lost and the connection cut."""
        self.refusals: list[str] = []
        """Error replies to the next calls, which then never reach the server."""

    async def waiting(self, calls: int) -> None:
        """Wait until so many calls have come in."""
        async with self._called:
            await self._called.wait_for(lambda: self.calls >= calls)

    async def _treat(self, link: Link, data: bytes, from_client: bool) -> bytes:
        if not from_client:
            if "lost" in link.notes:
                raise CutError
            return data
        return await self._call(link, data) if b"\r\nFCALL" in data[:32] else data

    async def _call(self, link: Link, data: bytes) -> bytes:
        async with self._called:
            self.calls += 1
            self._called.notify_all()
        await self.open.wait()
        if self.refusals:
            link.client.write(f"-{self.refusals.pop(0)}\r\n".encode())
            return b""
        if self.lose:
            self.lose -= 1
            link.notes["lost"] = True
        return data

    async def stop(self) -> None:
        self.open.set()
        await super().stop()
