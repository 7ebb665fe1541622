"""Who is behind a proxy: the address that the last proxy of ours was asked from."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """Proxies that say in `X-Forwarded-For` who asked them; what others say there counts for nothing."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)

    def client_of(self, peer: str, forwarded: str | None) -> str:
        """The last address, from the peer backwards through `forwarded`, that is no trusted proxy's.

        Where all are, or where the next one is no address, it is the last that was one.
        """
        address = peer
        for said in reversed((forwarded or "").split(",") if self._networks else ()):
            if not self.trusts(address) or _parsed(said.strip()) is None:
                break
            address = said.strip()
        return address

    def trusts(self, address: str) -> bool:
        """Whether it is a trusted proxy's."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
