"""Log messages of a long-running command: one line each, and each kind of warning at most once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from slta.parsing import printable

SPACING_SECONDS = 60.0


def configure_logging() -> None:
    """Log to standard error with time and level."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)


class Notices:
    """Messages; warnings by kind."""

    def __init__(self, command: str, clock: Callable[[], float] = time.monotonic) -> None:
        """The logger is `slta.<command>`; `clock` returns seconds."""
        self._logger = logging.getLogger(f"slta.{command}")
        self._clock = clock
        self._said: dict[str, float] = {}

    def tell(self, message: str) -> None:
        """Log what happens once."""
        self._logger.info(printable(message))

    def say(self, kind: str, message: str) -> None:
        """Log a warning unless one of this kind was logged within the last minute."""
        now = self._clock()
        if now - self._said.get(kind, -SPACING_SECONDS) >= SPACING_SECONDS:
            self._said[kind] = now
            self._logger.warning(printable(message))

    def over(self, kind: str, message: str) -> None:
        """Log that what was said of this kind is over."""
        if self._said.pop(kind, None) is not None:
            self._logger.info(printable(message))
