"""Whose address counts behind proxies."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from slta.api.http.guards import TrustedProxies

PROXIES = TrustedProxies([ip_network("10.0.0.0/8"), ip_network("::1")])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.9, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.7, 10.0.0.2", "192.0.2.7"),
        ("::1", " 2001:db8::7 ", "2001:db8::7"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "192.0.2.7, nonsense", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7:80", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("192.0.2.1", "192.0.2.7", "192.0.2.1"),
        ("", "192.0.2.7", ""),
    ],
)
def test_the_client_is_the_last_who_is_no_proxy_of_ours(peer: str, forwarded: str | None, client: str) -> None:
    assert PROXIES.forwarded_client(peer, forwarded) == client


def test_where_no_proxy_is_trusted_nobody_is_believed() -> None:
    assert TrustedProxies().forwarded_client("10.0.0.1", "192.0.2.7") == "10.0.0.1"
