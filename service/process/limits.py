"""What connections may take before anybody knows whose they are, and how many were refused for it. One per process."""

from __future__ import annotations

import asyncio
import ctypes
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

import structlog

from service.process.admission import MOST_SPARE, Places
from service.process.groups import Groups

MOST_CONNECTIONS = 4096
"""Unless a setting says otherwise."""
MOST_HANDSHAKES = 512
HANDSHAKE_SECONDS = 5.0
RESERVED_DESCRIPTORS = 64
"""Kept for the store's connections, files and a log."""
STALLED_SECONDS = 10.0
"""How long a client may leave its answers unread, or send on what nobody reads any more."""
REQUEST_SECONDS = 300.0
"""How long an answer may take to begin. Bodies, calls of the store and repairs have deadlines that are shorter."""
ENDED_TOGETHER = 32
"""So many connections are ended in one turn of the event loop."""

SHED = ("too_many_connections", "evicted", "too_many_handshakes", "no_descriptors")
"""Reasons of connections that had to go because there were too many."""

log = structlog.get_logger(__name__)


def raise_descriptor_limit() -> None:
    """Let the process have as many files open as it may: the soft limit becomes the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS takes no limit for too much
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def possible_connections(handshakes: int = 0) -> int:
    """What the limit of open files leaves room for beside so many handshakes, at least one."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, files - RESERVED_DESCRIPTORS - MOST_SPARE - handshakes)


def give_memory_back() -> None:
    """Let glibc return free memory to the system: of thousands of handshakes it would keep five times what lives."""
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


class Connection(Protocol):
    """`due` is when it ends, in seconds of the loop's clock, if nothing changes until then."""

    due: float
    transport: asyncio.Transport

    def give_up(self) -> None:
        """End it if its time is over."""


class Limits:
    """Places of connections and of TLS handshakes, their deadlines, and a count of what was refused.

    `refused` hears a word of a fixed list for each connection that was refused or ended: the codes of refusals while a
    request's bytes are read, those of SHED, `handshake_failed`, `stalled` and `unanswered`.
    """

    def __init__(
        self,
        *,
        most_connections: int,
        keep_alive_seconds: float,
        head_seconds: float,
        most_handshakes: int = MOST_HANDSHAKES,
        refused: Callable[[str], None] = lambda _: None,
        trusts: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`head_seconds`: to the first byte, and again from it to the end of the headers. `trusts` as in Places."""
        self.keep_alive_seconds = keep_alive_seconds
        self.head_seconds = head_seconds
        self.handshake_seconds = min(HANDSHAKE_SECONDS, head_seconds)
        self._refused = refused
        self.ending = False
        """The process will end: every answer is the last of its connection."""
        self.places: Places[Connection] = Places(most_connections, self._evict, trusts)
        self.handshakes: Places[asyncio.Task[None]] = Places(most_handshakes, self._drop, trusts)
        self._shed: Counter[str] = Counter()
        self._due = Groups(ENDED_TOGETHER)

    def refuse(self, reason: str) -> None:
        """Count a connection that was refused or ended; the log says once a second how many were too much."""
        self._refused(reason)
        if reason in SHED:
            self._shed[reason] += 1

    def look(self, connections: Iterable[Connection], now: float) -> None:
        """End the connections whose time is over, and say in the log what was shed. Once a second."""
        for connection in tuple(connections):
            if connection.due <= now:
                self._due.add(connection.give_up)
        if self._shed:
            log.warning("too_many_connections", most=self.places.most, **self._shed)
            self._shed.clear()
            give_memory_back()

    def _evict(self, connection: Connection) -> None:
        self.refuse("evicted")
        connection.transport.abort()

    def _drop(self, handshake: asyncio.Task[None]) -> None:
        self.refuse("too_many_handshakes")
        handshake.cancel()
