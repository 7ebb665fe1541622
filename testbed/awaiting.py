"""Waiting for what another process or task does."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Callable

DEADLINE_SECONDS = 90.0
"""Deadline of a wait: a busy machine needs some seconds, a broken one for ever."""
POLL_SECONDS = 0.02


def until(condition: Callable[[], object], passing: tuple[type[Exception], ...] = ()) -> None:
    """Poll a condition until it is true; errors of the kinds `passing` say that it is not yet."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not _holds(condition, passing):
        assert time.monotonic() < deadline, "the awaited did not happen"
        time.sleep(POLL_SECONDS)


def until_answered(url: str) -> None:
    """Wait until a server on loopback answers with success."""

    def answers() -> bool:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - http on loopback
            return True

    until(answers, (OSError,))


async def eventually(condition: Callable[[], object]) -> None:
    """Poll a condition that other tasks of the event loop make true."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110 - the other tasks are to run
            await asyncio.sleep(0.001)


def _holds(condition: Callable[[], object], passing: tuple[type[Exception], ...]) -> bool:
    try:
        return bool(condition())
    except passing:
        return False
