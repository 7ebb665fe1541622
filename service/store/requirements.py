"""What a server must be before a dispatcher relies on it, by its own word (INFO)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.errors import StoreUnavailable
from service.store.connection import classify, pool_of

OLDEST_VERSION = 7
"""Of Redis, whose Functions began with it. Valkey names the Redis that it replaces."""
NO_EVICTION = "noeviction"
"""The only `maxmemory-policy` under which a server keeps all keys."""
FORBIDDEN = frozenset({"noperm", "response"})
"""Kinds of failures of a question that the user may not ask, or that was renamed away."""
REPLICA = (
    "the store is a replica, which takes no writes: give the address of its master, or a redis+sentinel:// URL, "
    "which finds it"
)


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of a server besides what all are asked for.

    `volatile` accepts one that loses its data when it ends; `confirmed` asks whether replicas can confirm a write.
    """

    volatile: bool = False
    confirmed: bool = False


class UnsuitableStore(Exception):
    """The server cannot be relied on; the message says why and what to do."""


async def examine(redis: Redis, demands: Demands) -> bool:
    """Whether the server could be examined: it may forbid that. UnsuitableStore, StoreUnavailable.

    A replica behind sentinels is not refused: they will name the master.
    """
    information = await _information(redis)
    wrong = unsuitable(information, volatile=demands.volatile) if information else ""
    if demands.confirmed and not wrong and await _ask(redis, "WAIT", 0, 0) is None:
        wrong = "forbids WAIT, by which replicas confirm writes: allow it to the store's user"
    if wrong:
        raise UnsuitableStore(f"the store {wrong}")
    return information is not None


class Eviction(NamedTuple):
    """Whether a server throws keys away: its `maxmemory-policy`, and how many it has evicted since it started."""

    policy: str
    evicted_keys: int

    @property
    def is_possible(self) -> bool:
        """Whether it does so when its memory is full."""
        return self.policy != NO_EVICTION


async def eviction(redis: Redis) -> Eviction | None:
    """As it is now, for it can be changed while the server runs; None where the user may not ask. StoreUnavailable."""
    information = await _ask(redis, "INFO", "memory", "stats")
    if information is None:
        return None
    return Eviction(_eviction_policy(information), int(information.get("evicted_keys", 0)))


def _eviction_policy(information: Mapping[str, Any]) -> str:
    return str(information.get("maxmemory_policy", NO_EVICTION))


async def _information(redis: Redis) -> Mapping[str, Any] | None:
    try:
        async with asyncio.timeout(pool_of(redis).call_seconds):
            return await redis.info()
    except (RedisError, OSError) as error:
        kind = classify(error).kind
        if kind == "noperm":
            return None
        if kind == "readonly" and pool_of(redis).sentinels is None:
            raise UnsuitableStore(REPLICA) from error
        if kind == "unsynced":
            raise UnsuitableStore(f"the store {error.__cause__}") from error
        raise StoreUnavailable from error


async def _ask(redis: Redis, *command: str | int) -> Any:  # noqa: ANN401 - whatever the command answers
    """The answer; None where it is forbidden. StoreUnavailable."""
    try:
        async with asyncio.timeout(pool_of(redis).call_seconds):
            return await redis.execute_command(*command)
    except (RedisError, OSError) as error:
        if classify(error).kind in FORBIDDEN:
            return None
        raise StoreUnavailable from error


def unsuitable(information: Mapping[str, Any], *, volatile: bool) -> str:
    """The worst of what is wrong, and what to do; '' if nothing is. What INFO does not tell is taken to be right."""
    version = str(information.get("redis_version", OLDEST_VERSION))
    policy = _eviction_policy(information)
    if int(version.partition(".")[0]) < OLDEST_VERSION:
        return f"is of version {version}, which has no functions: use Redis 7.0 or newer, or Valkey"
    if information.get("cluster_enabled") == 1:
        return "is a node of a cluster, and other nodes have most fleets' keys: use a server with cluster-enabled no"
    if policy != NO_EVICTION:
        return f"throws keys away when its memory is full ({policy}): set its maxmemory-policy to noeviction"
    if information.get("aof_enabled") == 0 and not volatile:
        return (
            "has no append-only file, so it loses its sessions when it ends: set appendonly yes, or accept that "
            "with SLTA_STORE_VOLATILE=allow"
        )
    return ""
