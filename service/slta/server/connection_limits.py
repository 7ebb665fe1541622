"""Connection limits before authentication: number, deadlines, TLS handshakes; counts refused connections."""

from __future__ import annotations

import asyncio
import ctypes
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from slta.server.admission import MAX_SPARE, AdmissionControl
from slta.server.callback_queue import CallbackQueue
from slta.server.request_head import KnownHeads

MAX_CONNECTIONS = 4096
"""Default of the setting `max_connections`."""
MAX_HANDSHAKES = 512
HANDSHAKE_SECONDS = 5.0
RESERVED_DESCRIPTORS = 64
"""File descriptors reserved for the store's connections, files and the log."""
STALLED_SECONDS = 10.0
"""Write timeout, and time that a half-closed connection lingers."""
REQUEST_SECONDS = 300.0
"""Timeout until a response starts. Reading a body, store calls and repairs have shorter ones."""
SHED_PAUSE_SECONDS = 0.5
"""Pause before reading again from a connection whose request was shed. Together with the longest queueing delay (0.5 s)
this bounds the response time of a client that ignores Retry-After to one second."""
MAX_PER_ITERATION = 32
"""Maximum connections closed, and maximum fast-path requests started, in one iteration of the event loop: the store
executes the first ones while the others are still being parsed."""

SHED = ("too_many_connections", "evicted", "too_many_handshakes", "no_descriptors")
"""Reasons that mean overload; logged as a summary."""

log = structlog.get_logger(__name__)


def raise_descriptor_limit() -> None:
    """Raise the soft limit of open files (RLIMIT_NOFILE) to the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS refuses a limit above its maximum
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def possible_connections(handshakes: int = 0) -> int:
    """Maximum connections that RLIMIT_NOFILE allows in addition to the handshakes, at least 1."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, files - RESERVED_DESCRIPTORS - MAX_SPARE - handshakes)


def trim_heap() -> None:
    """Return free memory to the system; after thousands of handshakes glibc would keep five times the live memory."""
    with suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


class Connection(Protocol):
    """Connection with a `deadline`, in seconds of the event loop's clock."""

    deadline: float
    transport: asyncio.Transport

    def on_timeout(self) -> None:
        """Close the connection if its deadline has passed."""


@dataclass(kw_only=True, eq=False)
class ConnectionLimits:
    """Admission and deadlines of connections and TLS handshakes. One per process.

    `refused` is called with the reason for each connection refused or closed by the server: an error code of HTTP
    parsing, one of SHED, `handshake_failed`, `stalled` or `unanswered`. `header_timeout_seconds`: timeout to the first
    byte, and from it to the end of the headers.
    """

    max_connections: int
    idle_timeout_seconds: float
    header_timeout_seconds: float
    most_handshakes: int = MAX_HANDSHAKES
    refused: Callable[[str], None] = lambda _: None
    is_trusted: Callable[[str], bool] = lambda _: False
    ending: bool = False
    """The process is shutting down: each response closes its connection."""

    def __post_init__(self) -> None:
        self.handshake_seconds = min(HANDSHAKE_SECONDS, self.header_timeout_seconds)
        self.connections = AdmissionControl[Connection](self.max_connections, self._evict, self.is_trusted)
        self.handshakes = AdmissionControl[asyncio.Task[None]](self.most_handshakes, self._cancel, self.is_trusted)
        self._shed: Counter[str] = Counter()
        self._timeouts = CallbackQueue(MAX_PER_ITERATION)
        self.starts = CallbackQueue(MAX_PER_ITERATION)
        self.known_heads = KnownHeads()

    def refuse(self, reason: str) -> None:
        """Count a connection refused or closed by the server; overload is logged once a second."""
        self.refused(reason)
        if reason in SHED:
            self._shed[reason] += 1

    def close_expired(self, connections: Iterable[Connection], now: float) -> None:
        """Close connections whose deadline has passed, and log how many were shed. Called once a second."""
        for connection in tuple(connections):
            if connection.deadline <= now:
                self._timeouts.add(connection.on_timeout)
        if self._shed:
            log.warning("too_many_connections", most=self.connections.limit, **self._shed)
            self._shed.clear()
            trim_heap()

    def _evict(self, connection: Connection) -> None:
        self.refuse("evicted")
        connection.transport.abort()

    def _cancel(self, handshake: asyncio.Task[None]) -> None:
        self.refuse("too_many_handshakes")
        handshake.cancel()
