"""Admission control: who may have one of a limited number of places, and who makes room when all are taken."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

MOST_SPARE = 64
Occupant = TypeVar("Occupant")


class Places(Generic[Occupant]):
    """Places for connections, each from an address.

    When all are taken, the one that has been idle longest makes room, those of trusted proxies last. One address has
    at most half of the places, then the longest idle of its own makes room; a trusted proxy may have all. Where nobody
    is idle, a few more come in than there are places.
    """

    def __init__(
        self, most: int, evict: Callable[[Occupant], object], trusts: Callable[[str], bool] = lambda _: False
    ) -> None:
        """`evict` ends a connection that makes room; `trusts` knows the addresses of trusted proxies."""
        self.most = most
        self._evict = evict
        self._trusts = trusts
        self._share = max(1, most // 2)
        self._spare = spare_places(most)
        self._idle: dict[Occupant, None] = {}
        self._trusted_idle: dict[Occupant, None] = {}
        self._networks: dict[Occupant, str | bytes | None] = {}
        self._taken: Counter[str | bytes | None] = Counter()

    def __len__(self) -> int:
        """How many are taken."""
        return len(self._networks)

    def enter(self, occupant: Occupant, address: str) -> bool:
        """Let it in, idle; whether it got a place. Without one it is among the few more."""
        network = None if self._trusts(address) else network_of(address)
        if self._is_at_its_share(network):
            self._make_room(network)
        elif len(self) >= self.most and len(self._idle) + len(self._trusted_idle) >= self._spare:
            self.make_room()
        has_place = len(self) < self.most and not self._is_at_its_share(network)
        self._networks[occupant] = network
        if network is not None:
            self._taken[network] += 1
        self.idle_with(occupant)[occupant] = None
        return has_place

    def idle_with(self, occupant: Occupant) -> dict[Occupant, None]:
        """The list, longest idle first, that it takes itself off for a request, and puts itself back on."""
        return self._trusted_idle if self._networks[occupant] is None else self._idle

    def rest(self, occupant: Occupant) -> None:
        """It has no request under way any more; nothing happens where it has left."""
        if occupant in self._networks:
            self.idle_with(occupant)[occupant] = None

    def leave(self, occupant: Occupant) -> None:
        """Its place is free, if it had one."""
        if occupant not in self._networks:
            return
        self.idle_with(occupant).pop(occupant, None)
        network = self._networks.pop(occupant)
        if network is not None:
            self._taken[network] -= 1
            if not self._taken[network]:
                del self._taken[network]

    def make_room(self) -> bool:
        """End the one that has been idle longest; False where nobody is idle."""
        return self._end(next(iter(self._idle or self._trusted_idle), None))

    def _make_room(self, network: str | bytes | None) -> bool:
        return self._end(next((occupant for occupant in self._idle if self._networks[occupant] == network), None))

    def _end(self, occupant: Occupant | None) -> bool:
        if occupant is None:
            return False
        self.leave(occupant)
        self._evict(occupant)
        return True

    def _is_at_its_share(self, network: str | bytes | None) -> bool:
        return network is not None and self._taken[network] >= self._share


def spare_places(most: int) -> int:
    """How many more come in than there are places."""
    return min(MOST_SPARE, max(1, most // 8))


def network_of(address: str) -> str | bytes:
    """What counts as one address: one of IPv4, 64 bits of one of IPv6, of which a client has as many as it likes."""
    if ":" not in address:
        return address
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    return packed[:8] if any(packed[:8]) else packed  # loopback, and IPv4 in IPv6, differ in the last bytes
