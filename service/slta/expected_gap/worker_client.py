"""Client of the prediction subprocess: started on the first question, stopped by `end` or with its parent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from slta.child_process import end, start_module
from slta.views.expected_gap import ExpectedGap, ExpectedGapQuestion

PATIENCE_SECONDS = 60.0
"""Timeout of one answer. The subprocess has a CPU time limit, but low priority, so that it may take far longer."""
WITHOUT_SITE_PACKAGES = "-S"
"""The subprocess needs only the standard library."""


class WorkerFailedError(Exception):
    """The subprocess exited or timed out. The next question starts a new one."""


class ExpectedGapWorker:
    """At most one subprocess, one question at a time. Only for the event loop of the main thread."""

    def __init__(self) -> None:
        """Starts no subprocess yet."""
        self._process: asyncio.subprocess.Process | None = None
        self.spent_seconds = 0.0
        """Processor time of all answers so far."""

    @property
    def pid(self) -> int | None:
        """Process id, None if not running."""
        return self._process.pid if self._process else None

    async def ask(self, question: ExpectedGapQuestion) -> ExpectedGap:
        """Compute one prediction; raises WorkerFailedError."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                process = self._process = self._process or await _start()
                line = await _exchange(process, json.dumps(arguments_of(question)).encode() + b"\n")
        except (TimeoutError, OSError, ValueError) as error:
            await self.end()
            raise WorkerFailedError(repr(error)) from error
        except asyncio.CancelledError:
            await self.end()
            raise
        if not line.endswith(b"\n"):
            await self.end()
            raise WorkerFailedError(f"the process ended: {process.returncode}")
        answer = json.loads(line)
        self.spent_seconds += answer.pop("seconds")
        return ExpectedGap(**answer)

    async def end(self) -> None:
        """Kill the subprocess if it runs."""
        process, self._process = self._process, None
        if process is not None:
            await end(process)


async def _start() -> asyncio.subprocess.Process:
    return await start_module("slta.expected_gap.worker", options=[WITHOUT_SITE_PACKAGES])


async def _exchange(process: asyncio.subprocess.Process, line: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(line)
    await process.stdin.drain()
    return await process.stdout.readline()


def arguments_of(question: ExpectedGapQuestion) -> dict[str, Any]:
    """Serialize a question for `worker.answer`."""
    ranking = question.spec.ranking
    return {
        "classes": [c.pool_class for c in ranking.order],
        "marginals": ranking.marginals,
        "pools": question.pools,
        "sessions": question.sessions,
    }
