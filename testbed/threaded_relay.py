"""Relay between a follower and a dispatcher, in a thread: it holds answers back, or is away."""

from __future__ import annotations

import asyncio
import threading

from testbed.awaiting import DEADLINE_SECONDS
from testbed.relay import Link, Relay
from testbed.servers import free_port
from testbed.threads import LoopThread


class ThreadedRelay(LoopThread):
    """A relay to a dispatcher at a loopback port."""

    def __init__(self, upstream: int) -> None:
        port = free_port()
        self._relay = Relay(upstream, port)
        self._relay.rule = self._rule
        self.url = f"http://127.0.0.1:{port}"
        self._answered = threading.Event()
        self._passing = threading.Event()
        self._passing.set()
        self.held = threading.Event()

    async def begin(self) -> None:
        await self.stack.enter_async_context(self._relay)

    async def _rule(self, link: Link, data: bytes, from_client: bool) -> bytes:
        if from_client:
            link.notes["held"] = not self._passing.is_set()
        else:
            if link.notes["held"] and not self._passing.is_set():
                self.held.set()
                await asyncio.to_thread(self._passing.wait)
            self._answered.set()
        return data

    def hold(self) -> None:
        """Hold back the answers of the calls from now on, not what is missing of an earlier one."""
        self._until_called()
        self._passing.clear()

    def _until_called(self) -> None:
        """Wait until the follower's call at its start is over, which would be taken for that of a line."""
        assert self._answered.wait(DEADLINE_SECONDS)

    def release(self) -> None:
        self._passing.set()

    def go_away(self) -> None:
        """Close connections and refuse new ones, as by a dispatcher that was killed."""
        self._until_called()
        self.run(self._relay.stop())

    def come_back(self) -> None:
        self.run(self._relay.listen())

    def stop(self) -> None:
        self.release()
        super().stop()
