"""Proxy headers: the client address from X-Forwarded-For, which only trusted proxies may set."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """Networks of trusted proxies; X-Forwarded-For of other peers is ignored."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)

    def forwarded_client(self, peer: str, forwarded: str | None) -> str:
        """The first address that is not a trusted proxy's, from the peer backwards through `forwarded`.

        If all are, or the next entry is not an IP address, the last valid address.
        """
        address = peer
        for hop in reversed((forwarded or "").split(",") if self._networks else ()):
            if not self.trusts(address) or _parsed(hop.strip()) is None:
                break
            address = hop.strip()
        return address

    def trusts(self, address: str) -> bool:
        """Whether the address is a trusted proxy's."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
