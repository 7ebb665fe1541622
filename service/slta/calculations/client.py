"""Client of the calculation subprocess: started on the first question, stopped by `end` or with its parent."""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import Any

from slta.child_process import end, start_module

PATIENCE_SECONDS = 60.0
"""Timeout of one answer. The subprocess has a CPU time limit, but low priority, so that it may take far longer."""
WITHOUT_SITE_PACKAGES = "-S"
"""The subprocess needs only the standard library."""


class CalculationFailedError(Exception):
    """The subprocess exited or timed out. The next question starts a new one."""


class Calculator:
    """At most one subprocess, one question at a time. Only for the event loop of the main thread."""

    def __init__(self) -> None:
        """Starts no subprocess yet."""
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._used = 0.0

    @property
    def pid(self) -> int | None:
        """Process id, None if not running."""
        return self._process.pid if self._process else None

    async def ask(self, question: str) -> Any:  # noqa: ANN401 - as decoded
        """Answer to a question in JSON, None if it would take too long; raises CalculationFailedError."""
        async with self._lock:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    process = self._process = self._process or await _start()
                    line = await _exchange(process, f"{question}\n".encode())
            except (TimeoutError, OSError, ValueError) as error:
                await self.end()
                raise CalculationFailedError(repr(error)) from error
            except asyncio.CancelledError:
                await self.end()
                raise
            self._used = monotonic()
        return json.loads(line)

    async def rest(self, seconds: float) -> None:
        """Kill the subprocess if it has had no question for so long."""
        if not self._lock.locked() and monotonic() - self._used >= seconds:
            await self.end()

    async def end(self) -> None:
        """Kill the subprocess if it runs."""
        process, self._process = self._process, None
        if process is not None:
            await end(process)


async def _start() -> asyncio.subprocess.Process:
    return await start_module("slta.calculations.worker", options=[WITHOUT_SITE_PACKAGES])


async def _exchange(process: asyncio.subprocess.Process, line: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(line)
    await process.stdin.drain()
    answer = await process.stdout.readline()
    if not answer.endswith(b"\n"):
        raise ConnectionError("the process ended")
    return answer
