"""The process that predicts, from outside: started at the first question, ended when asked or when we end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import service
from service.child import end_with_parent
from service.observation import Expected, Question

PATIENCE_SECONDS = 60.0
"""For one answer. The process itself gives up after some seconds of processor time, but it may wait long for them."""
LONGEST_ANSWER = 2**16
ROOT = Path(service.__file__).resolve().parent.parent
"""Where our own package lies, whoever else has one of this name."""
COMMAND = (sys.executable, "-S", "-P", "-m", "service.prediction.program")
"""Without the installed packages: it needs none."""


class PredictionFailed(Exception):
    """The process ended, or did not answer in time. The next question starts another."""


class Predictor:
    """One process at most, one question at a time. Use it in the main thread's event loop only."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, None while there is none."""
        return self._process.pid if self._process else None

    async def ask(self, question: Question) -> Expected:
        """The answer; PredictionFailed."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                process = self._process = self._process or await _start()
                line = await _exchange(process, _as_line(words_of(question)))
        except (TimeoutError, OSError, ValueError) as error:
            await self.end()
            raise PredictionFailed(repr(error)) from error
        except asyncio.CancelledError:
            await self.end()
            raise
        if not line.endswith(b"\n"):
            await self.end()
            raise PredictionFailed(f"the process ended: {process.returncode}")
        return Expected(**json.loads(line))

    async def end(self) -> None:
        """End the process, if there is one."""
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
        limit=LONGEST_ANSWER,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=end_with_parent(),
    )


async def _exchange(process: asyncio.subprocess.Process, line: bytes) -> bytes:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(line)
    await process.stdin.drain()
    return await process.stdout.readline()


def words_of(question: Question) -> dict[str, Any]:
    """A question as `program.answer` takes it."""
    ranking = question.spec.ranking
    return {
        "classes": [c.pool_class for c in ranking.order],
        "marginals": ranking.marginals,
        "pools": question.pools,
        "sessions": question.sessions,
    }


def _as_line(words: dict[str, Any]) -> bytes:
    return json.dumps(words).encode() + b"\n"
