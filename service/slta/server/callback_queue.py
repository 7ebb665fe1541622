"""A callback queue that limits how many callbacks run in one iteration of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class CallbackQueue:
    """Runs callbacks in FIFO order, at most `max_per_iteration` of them before other ready callbacks get their turn."""

    def __init__(self, max_per_iteration: int) -> None:
        self._max_per_iteration = max_per_iteration
        self._pending: deque[Callable[[], object]] = deque()

    def add(self, callback: Callable[[], object]) -> None:
        """Schedule a callback. Its exception goes to the event loop's handler and does not affect the others."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._run)
        self._pending.append(callback)

    def _run(self) -> None:
        called = 0
        try:
            while self._pending and called < self._max_per_iteration:
                called += 1
                self._pending.popleft()()
        finally:
            if self._pending:
                asyncio.get_running_loop().call_soon(self._run)
