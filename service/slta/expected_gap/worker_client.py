"""Client of the prediction subprocess: started on the first question, stopped by `end` or with its parent."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import slta
from slta.child_process import end_with_parent
from slta.views.expected_gap import ExpectedGap, ExpectedGapQuestion

PATIENCE_SECONDS = 60.0
"""Timeout of one answer. The subprocess has a CPU time limit, but low priority, so that it may take far longer."""
MAX_ANSWER = 2**16
ROOT = Path(slta.__file__).resolve().parent.parent
"""Import path of the subprocess, so that no other package named `slta` is imported."""
COMMAND = (sys.executable, "-S", "-P", "-m", "slta.expected_gap.worker")
"""Without site-packages: the subprocess needs only the standard library."""


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
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=MAX_ANSWER,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=end_with_parent(),
    )


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
