"""Waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE_SECONDS = 90.0
"""What has not come by then does not come: a busy machine needs some seconds, a broken one for ever."""
POLL_SECONDS = 0.02


def until(condition: Callable[[], object], passing: tuple[type[Exception], ...] = ()) -> None:
    """Ask again and again until the condition is true; errors of the kinds `passing` say that it is not yet."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not _holds(condition, passing):
        assert time.monotonic() < deadline, "the awaited did not happen"
        time.sleep(POLL_SECONDS)


def _holds(condition: Callable[[], object], passing: tuple[type[Exception], ...]) -> bool:
    try:
        return bool(condition())
    except passing:
        return False
