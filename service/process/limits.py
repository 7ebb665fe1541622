"""What connections may take before anybody knows whose they are, and how many were refused for it. One per process."""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import structlog

MOST_CONNECTIONS = 4096
"""Unless a setting says otherwise."""
SPARE_DESCRIPTORS = 128
"""Kept for the store's connections, files and a log."""
STALLED_SECONDS = 10.0
"""How long a client may leave its answers unread, or send on what nobody reads any more."""
NEVER = math.inf

log = structlog.get_logger(__name__)


def possible_connections() -> int:
    """What the limit of open files leaves room for, at least one."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else max(1, files - SPARE_DESCRIPTORS)


class Timed(Protocol):
    """A connection: when it is `due` to end, in seconds of the loop's clock, if nothing changes until then."""

    due: float

    def give_up(self) -> None:
        """End it."""


@dataclass(kw_only=True)
class Limits:
    """`head_seconds`: to the first byte, and again from it to the end of the headers.

    `refused` hears a word of a fixed list for each connection that was refused or ended: `too_many_connections`,
    `request_timeout`, `uri_too_long`, `headers_too_large`, `stalled`.
    """

    most_connections: int
    keep_alive_seconds: float
    head_seconds: float
    refused: Callable[[str], None] = lambda _: None
    ending: bool = False
    """The process will end: every answer is the last of its connection."""
    _turned_away: int = 0

    def turn_away(self) -> None:
        """Count a connection that is one too many."""
        self._turned_away += 1

    def look(self, connections: Iterable[Timed], now: float) -> None:
        """End the connections whose time is over, and say in the log that there were too many. Once a second."""
        for connection in tuple(connections):
            if connection.due <= now:
                connection.give_up()
        if self._turned_away:
            log.warning("too_many_connections", most=self.most_connections, turned_away=self._turned_away)
            self._turned_away = 0
