"""Admission control of connections: a limit in total and per address, enforced by evicting the longest idle ones."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

MAX_SPARE = 64
"""Maximum of `spare_connections`."""
Client = TypeVar("Client")


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
