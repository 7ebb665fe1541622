"""What a server must be before a dispatcher relies on it, by its own word (INFO)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.errors import StoreUnavailable
from service.store.connection import classify, pool_of

OLDEST_VERSION = 7
"""Of Redis, whose Functions began with it. Valkey names the Redis that it replaces."""
REPLICA = (
    "the store is a replica, which takes no writes: give the address of its master, or a redis+sentinel:// URL, "
    "which finds it"
)


class UnsuitableStore(Exception):
    """The server cannot be relied on; the message says why and what to do."""


async def examine(redis: Redis, *, volatile: bool) -> bool:
    """Whether the server could be examined: it may forbid that. UnsuitableStore, StoreUnavailable.

    `volatile` accepts a server that loses its data when it ends. A replica behind sentinels is not refused: they will
    name the master.
    """
    try:
        information = await redis.info()
    except (RedisError, OSError) as error:
        kind = classify(error).kind
        if kind == "noperm":
            return False
        if kind == "readonly" and pool_of(redis).sentinels is None:
            raise UnsuitableStore(REPLICA) from error
        raise StoreUnavailable from error
    if what := unsuitable(information, volatile=volatile):
        raise UnsuitableStore(f"the store {what}")
    return True


def unsuitable(information: Mapping[str, Any], *, volatile: bool) -> str:
    """The worst of what is wrong, and what to do; '' if nothing is. What INFO does not tell is taken to be right."""
    version = str(information.get("redis_version", OLDEST_VERSION))
    policy = information.get("maxmemory_policy", "noeviction")
    if int(version.partition(".")[0]) < OLDEST_VERSION:
        return f"is of version {version}, which has no functions: use Redis 7.0 or newer, or Valkey"
    if information.get("cluster_enabled") == 1:
        return "is a node of a cluster, and other nodes have most fleets' keys: use a server with cluster-enabled no"
    if policy != "noeviction":
        return f"throws keys away when its memory is full ({policy}): set its maxmemory-policy to noeviction"
    if information.get("aof_enabled") == 0 and not volatile:
        return (
            "has no append-only file, so it loses its sessions when it ends: set appendonly yes, or accept that "
            "with SLTA_STORE_VOLATILE=allow"
        )
    return ""
