"""Relay between a follower and a dispatcher, in a thread: it holds answers back, or is away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from testbed.awaiting import DEADLINE_SECONDS
from testbed.relay import Link, Relay
from testbed.servers import free_port


class ThreadedRelay:
    """A relay to a dispatcher at a loopback port."""

    def __init__(self, upstream: int) -> None:
        self._relay = Relay(upstream)
        self._relay.rule = self._rule
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._answered = threading.Event()
        self._passing = threading.Event()
        self._passing.set()
        self.held = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.come_back()

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
        """Until the follower's call at its start is over, which would be taken for that of a line."""
        assert self._answered.wait(DEADLINE_SECONDS)

    def release(self) -> None:
        self._passing.set()

    def go_away(self) -> None:
        """Connections end, and new ones are refused, as by a dispatcher that was killed."""
        self._until_called()
        self._run(self._relay.stop())

    def come_back(self) -> None:
        self._run(self._relay.listen(self._port))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self) -> None:
        self.release()
        self._run(self._relay.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@contextmanager
def relayed(upstream: int) -> Iterator[ThreadedRelay]:
    made = ThreadedRelay(upstream)
    try:
        yield made
    finally:
        made.end()
