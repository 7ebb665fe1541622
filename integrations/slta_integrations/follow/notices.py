"""Log messages of the follower: each kind at most once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

SPACING_SECONDS = 60.0
LOGGER = logging.getLogger("slta.follow")


def configure_logging() -> None:
    """Log to standard error with time and level."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)


class Notices:
    """Warnings by kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns seconds."""
        self._clock = clock
        self._said: dict[str, float] = {}

    def say(self, kind: str, message: str) -> None:
        """Log a warning unless one of this kind was logged within the last minute."""
        now = self._clock()
        if now - self._said.get(kind, -SPACING_SECONDS) >= SPACING_SECONDS:
            self._said[kind] = now
            LOGGER.warning(message)

    def over(self, kind: str, message: str) -> None:
        """Log that what was said of this kind is over."""
        if self._said.pop(kind, None) is not None:
            LOGGER.info(message)
