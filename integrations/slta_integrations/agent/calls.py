"""Calls of the agent to slta (docs/api.md), as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from slta_integrations.agent.pool import Pool


class Call(NamedTuple):
    """HTTP call about pools of the fleet. `path` follows the fleet's URL."""

    kind: str
    """As metrics name it."""
    pool_ids: tuple[str, ...]
    method: str
    path: str
    body: Mapping[str, Any] | None = None


def heartbeats(pools: Sequence[Pool], ttl_seconds: int) -> Call:
    """All pools in one call, each with its count and quality if these are fresh."""
    rows = [
        {"pool_id": pool.id, "ttl_seconds": ttl_seconds}
        | {name: value for name, value in (("count", pool.count), ("quality", pool.quality)) if value is not None}
        for pool in pools
    ]
    return Call("heartbeats", _ids(pools), "POST", "pools/heartbeats", {"heartbeats": rows})


def register(pools: Sequence[Pool]) -> Call:
    """Create pools or set their attributes."""
    rows = [
        {"pool_id": pool.id, "pool_class": pool.entry.pool_class, "address": pool.entry.address, "labels": pool.labels}
        for pool in pools
    ]
    return Call("register", _ids(pools), "POST", "pools", {"pools": rows})


def read(pool: Pool) -> Call:
    """Read status and labels."""
    return Call("read", (pool.id,), "GET", f"pools/{pool.id}")


def change(pool: Pool, verb: str) -> Call:
    """`drain` or `undrain`."""
    return Call(verb, (pool.id,), "POST", f"pools/{pool.id}/{verb}")


def sessions(pool: Pool) -> Call:
    """The pool's own list."""
    types = {"session_types": pool.listed_types} if pool.listed_types else {}
    body = {"as_of": pool.asked_as_of, "session_ids": pool.listed, **types}
    return Call("sessions", (pool.id,), "PUT", f"pools/{pool.id}/sessions", body)


def remove(pool: Pool) -> Call:
    """Remove the pool; slta refuses while it has sessions."""
    return Call("remove", (pool.id,), "DELETE", f"pools/{pool.id}")


def _ids(pools: Sequence[Pool]) -> tuple[str, ...]:
    return tuple(pool.id for pool in pools)
