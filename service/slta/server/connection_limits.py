"""Connection limits before authentication: admission, deadlines, TLS handshakes, callbacks per iteration."""

from __future__ import annotations

import asyncio
import ctypes
import resource
import socket
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog

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
MAX_SPARE = 64
"""Maximum of `spare_connections`."""
Client = TypeVar("Client")

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


class AdmissionControl(Generic[Client]):
    """Admits connections up to `limit`.

    At the limit the longest idle connection is evicted, those of trusted proxies last. One address may use at most half
    of the limit, then its own longest idle connection is evicted; trusted proxies are exempt. If none is idle, a few
    more are accepted than the limit, not admitted: they get an error response.
    """

    def __init__(
        self, limit: int, evict: Callable[[Client], object], is_trusted: Callable[[str], bool] = lambda _: False
    ) -> None:
        """`evict` closes an evicted connection; `is_trusted` is true for the addresses of trusted proxies."""
        self.limit = limit
        self._evict = evict
        self._is_trusted = is_trusted
        self._share = max(1, limit // 2)
        self._spare = spare_connections(limit)
        self._idle: dict[Client, None] = {}
        self._trusted_idle: dict[Client, None] = {}
        self._network_of: dict[Client, str | bytes | None] = {}
        self._count_by_network: Counter[str | bytes | None] = Counter()

    def __len__(self) -> int:
        """Number of connections, admitted or not."""
        return len(self._network_of)

    def admit(self, client: Client, address: str) -> bool:
        """Register a new connection, as idle; return whether it is admitted."""
        network = None if self._is_trusted(address) else address_key(address)
        if self._is_at_share(network):
            self._evict_idle_of(network)
        elif len(self) >= self.limit and len(self._idle) + len(self._trusted_idle) >= self._spare:
            self.evict_idle()
        is_admitted = len(self) < self.limit and not self._is_at_share(network)
        self._network_of[client] = network
        if network is not None:
            self._count_by_network[network] += 1
        self.idle_list(client)[client] = None
        return is_admitted

    def idle_list(self, client: Client) -> dict[Client, None]:
        """The idle list for this connection, longest idle first; it removes itself while it has a request."""
        return self._trusted_idle if self._network_of[client] is None else self._idle

    def mark_idle(self, client: Client) -> None:
        """Mark a connection as idle again; no effect once it is released."""
        if client in self._network_of:
            self.idle_list(client)[client] = None

    def release(self, client: Client) -> None:
        """Unregister a connection; no effect if it is not registered."""
        if client not in self._network_of:
            return
        self.idle_list(client).pop(client, None)
        network = self._network_of.pop(client)
        if network is not None:
            self._count_by_network[network] -= 1
            if not self._count_by_network[network]:
                del self._count_by_network[network]

    def evict_idle(self) -> bool:
        """Evict the longest idle connection; False if none is idle."""
        return self._evict_client(next(iter(self._idle or self._trusted_idle), None))

    def _evict_idle_of(self, network: str | bytes | None) -> bool:
        return self._evict_client(next((client for client in self._idle if self._network_of[client] == network), None))

    def _evict_client(self, client: Client | None) -> bool:
        if client is None:
            return False
        self.release(client)
        self._evict(client)
        return True

    def _is_at_share(self, network: str | bytes | None) -> bool:
        return network is not None and self._count_by_network[network] >= self._share


def spare_connections(limit: int) -> int:
    """Number of connections accepted beyond the limit, to be answered with an error."""
    return min(MAX_SPARE, max(1, limit // 8))


def address_key(address: str) -> str | bytes:
    """Key of the per-address limit: the IPv4 address, or the /64 prefix, as one IPv6 client has a whole /64."""
    if ":" not in address:
        return address
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    return packed[:8] if any(packed[:8]) else packed  # loopback and IPv4-mapped addresses differ only in the last bytes


class CallbackQueue:
    """Runs callbacks in FIFO order, at most `max_per_iteration` of them before other ready callbacks get their turn."""

    def __init__(self, max_per_iteration: int) -> None:
        self._max_per_iteration = max_per_iteration
        self._pending: deque[Callable[[], object]] = deque()

    def add(self, callback: Callable[[], object]) -> None:
        """Schedule a callback. Its exception goes to the event loop's handler and does not affect the others."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._run)
        self._pending.append(callback)

    def _run(self) -> None:
        called = 0
        try:
            while self._pending and called < self._max_per_iteration:
                called += 1
                self._pending.popleft()()
        finally:
            if self._pending:
                asyncio.get_running_loop().call_soon(self._run)
