"""nginx configuration of a fleet's pools: a map from pool id to upstream, and an upstream for each address."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

from slta.cli.error_messages import UserError

SPECIAL = frozenset({"default", "hostnames", "include", "volatile"})
"""Parameters of `map`: as values they need a backslash."""
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")


class PoolAddress(NamedTuple):
    """Pool and its address, if it has one."""

    pool_id: str
    address: str | None


def render(fleet: str, pools: Sequence[PoolAddress]) -> str:
    """The file, in the order of pool ids. Raises UserError without an address, or for what nginx cannot read."""
    addressed = {pool.pool_id: check_address(pool) for pool in pools if pool.address}
    if not addressed:
        raise UserError(f"no pool of the fleet {fleet} has an address: see docs/fleet-file.md")
    without = sorted(pool.pool_id for pool in pools if not pool.address)
    upstreams = _upstreams(sorted(addressed))
    lines = [f"# Pools of the fleet {fleet}. Written by `slta nginx-map`: changes here are lost.", ""]
    lines += ["map $slta_pool $slta_upstream {", '    default "";']
    lines += [f"    {_quoted(pool)} {upstream};" for pool, upstream in upstreams.items()]
    lines += ["}"]
    for pool, upstream in upstreams.items():
        lines += ["", f"upstream {upstream} {{", f"    server {addressed[pool]};", "}"]
    lines += [f"\n# Without an address, left out: {pool}" for pool in without]
    return "\n".join(lines) + "\n"


def check_address(pool: PoolAddress) -> str:
    """The address, if nginx reads it as host and port. Raises UserError."""
    host, colon, port = (pool.address or "").rpartition(":")
    if colon and _is_host(host) and _PORT.fullmatch(port) and int(port) <= 65535:
        return f"{host}:{port}"
    raise UserError(f"pool {pool.pool_id}: nginx needs HOST:PORT as address, not {pool.address!r}")


def _is_host(host: str) -> bool:
    try:
        if host.startswith("[") and host.endswith("]"):
            return "%" not in host and bool(ipaddress.IPv6Address(host[1:-1]))
        if re.fullmatch(r"[0-9.]+", host):
            return bool(ipaddress.IPv4Address(host))
    except ValueError:
        return False
    return host != "unix" and bool(_HOST.fullmatch(host))


def _upstreams(pool_ids: Sequence[str]) -> dict[str, str]:
    """Names of upstreams by pool. nginx ignores case, and takes what follows a colon for a port."""
    names = {pool: f"slta_{pool.replace(':', '_')}" for pool in pool_ids}
    owners: dict[str, str] = {}
    for pool, name in names.items():
        other = owners.setdefault(name.lower(), pool)
        if other != pool:
            raise UserError(f"pools {other} and {pool}: nginx cannot tell them apart, rename one of them")
    return names


def _quoted(pool_id: str) -> str:
    return f"\\{pool_id}" if pool_id.lower() in SPECIAL else pool_id
