"""Preflight check of the server by INFO: version, cluster mode, eviction policy and persistence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import structlog
from redis.exceptions import RedisError, ResponseError

from slta.models.errors import StoreUnavailableError
from slta.store._client.connection_pool import ConnectionPool
from slta.store._client.connections import Connections
from slta.store._client.failures import UnsuitableServerError, classify
from slta.store._client.pipeline import ask
from slta.store._client.routing import ANY_TAG, key_of

log = structlog.get_logger(__name__)

MIN_VERSION = 7
"""Major version of Redis that introduced Functions. Valkey reports the Redis version it is compatible with."""
NO_EVICTION = "noeviction"
"""The only `maxmemory-policy` that never evicts keys."""
FORBIDDEN = frozenset({"noperm", "response"})
"""Kinds of failures of a command that the ACL forbids or the server has renamed."""
COVERAGE = "cluster-require-full-coverage"
NODE = (
    "is a node of a cluster, and others hold most fleets' keys: set --store-url (SLTA_STORE_URL) to a redis+cluster:// "
    "URL, or use a server with cluster-enabled no"
)
NO_CLUSTER = "is no node of a cluster: set --store-url (SLTA_STORE_URL) to a redis:// URL"
REPLICA = (
    "is a read-only replica: set --store-url (SLTA_STORE_URL) to its master, or to a redis+sentinel:// URL, "
    "which discovers the master"
)


@dataclass(frozen=True, slots=True)
class ServerRequirements:
    """Requirements that depend on the settings.

    `volatile` accepts a server without persistence; `confirmed` requires that the user may call WAIT.
    """

    volatile: bool = False
    confirmed: bool = False


class UnsuitableStoreError(Exception):
    """The server fails the preflight check; the message has the reason and the remedy."""


async def preflight(connections: Connections, requirements: ServerRequirements) -> bool:
    """Check all servers; False if one forbids INFO. UnsuitableStoreError, StoreUnavailableError.

    Of a cluster one that passes is enough; each other one is examined again before its first call.
    """
    pools = await known_pools(connections)
    results = await asyncio.gather(
        *(_reason(connections, pool, requirements) for pool in pools), return_exceptions=True
    )
    if connections.is_cluster:
        connections.examine = partial(_admit, connections, requirements)
        for pool, result in zip(pools, results, strict=True):
            pool.is_admitted = result in ("", None)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if not isinstance(error, (RedisError, OSError)):
            raise error
    if "" in results or None in results:
        return None not in results
    reason = next((result for result in results if isinstance(result, str)), "")
    if reason:
        raise UnsuitableStoreError(f"the store {reason}")
    raise StoreUnavailableError from errors[0]


async def known_pools(connections: Connections) -> list[ConnectionPool]:
    """The pools of all masters. UnsuitableStoreError, StoreUnavailableError."""
    try:
        tags = connections.routing.tags() or (ANY_TAG,)
        return [connections.pool(await connections.find(key_of(tag))) for tag in tags]
    except (RedisError, OSError) as error:
        if isinstance(error, UnsuitableServerError):
            raise UnsuitableStoreError(f"the store {error}") from error
        if "cluster support disabled" in str(error):
            raise UnsuitableStoreError(f"the store {NO_CLUSTER}") from error
        raise StoreUnavailableError from error


async def _admit(connections: Connections, requirements: ServerRequirements, pool: ConnectionPool) -> None:
    """Examine a server of a cluster before its first call, and until it passes. UnsuitableServerError, RedisError."""
    reason = await _reason(connections, pool, requirements)
    if reason:
        host, port = pool.address
        raise UnsuitableServerError(f"{host}:{port} {reason}")
    pool.is_admitted = True


async def _reason(connections: Connections, pool: ConnectionPool, requirements: ServerRequirements) -> str | None:
    """Why a server is unsuitable, '' if it is not, None if it forbids INFO. RedisError, OSError.

    A replica passes if the URL leads to others that will name the master.
    """
    try:
        information = await _ask(pool, "INFO")
    except (RedisError, OSError) as error:
        kind = classify(error).kind
        if kind == "readonly" and not connections.finds_masters:
            return REPLICA
        if kind == "unsynced":
            return str(error)
        raise
    fields = _parsed(information or "")
    reason = unsuitable(fields, volatile=requirements.volatile, is_cluster=connections.is_cluster) if fields else ""
    if requirements.confirmed and not reason and await _ask(pool, "WAIT", 0, 0) is None:
        reason = "forbids WAIT, with which replicas confirm writes: allow it in the ACL of the store's user"
    if connections.is_cluster and not reason:
        await _warn_of_coverage(pool)
    return reason or (None if information is None else "")


async def _warn_of_coverage(pool: ConnectionPool) -> None:
    """Log unless the node serves its slots while other slots have no master."""
    found = await _ask(pool, "CONFIG", "GET", COVERAGE)
    setting = (list(found.values()) if isinstance(found, dict) else found or ["unknown"])[-1]
    if setting != "no":
        tell = log.debug if setting == "unknown" else log.warning  # forbidden, as to the shipped user
        tell("store_requires_full_coverage", node=":".join(map(str, pool.address)), setting=setting)


class Eviction(NamedTuple):
    """Eviction: the server's `maxmemory-policy`, and its number of evicted keys since its start."""

    policy: str
    evicted_keys: int

    @property
    def is_possible(self) -> bool:
        """Whether the server evicts keys when its memory is full."""
        return self.policy != NO_EVICTION


async def eviction(pool: ConnectionPool) -> Eviction | None:
    """The present eviction policy, which can change at run time; None if the user may not call INFO.

    RedisError, OSError.
    """
    information = await _ask(pool, "INFO", "memory", "stats")
    if information is None:
        return None
    fields = _parsed(information)
    return Eviction(fields.get("maxmemory_policy", NO_EVICTION), int(fields.get("evicted_keys", 0)))


def _parsed(information: str) -> dict[str, str]:
    """Fields of an INFO reply by name."""
    lines = (line.partition(":") for line in information.splitlines())
    return {name: value for name, separator, value in lines if separator}


async def _ask(pool: ConnectionPool, *command: str | int) -> Any:  # noqa: ANN401 - the reply's type depends on the command
    """The reply; None if the command is forbidden. RedisError, OSError."""
    try:
        return await ask(pool, *command)
    except ResponseError as error:
        if classify(error).kind in FORBIDDEN:
            return None
        raise


def unsuitable(information: Mapping[str, str], *, volatile: bool, is_cluster: bool = False) -> str:
    """The first requirement that the server fails, with the remedy, or ''. Fields missing from INFO pass.

    `is_cluster` if it must be a node of a cluster.
    """
    version = information.get("redis_version", str(MIN_VERSION))
    policy = information.get("maxmemory_policy", NO_EVICTION)
    if int(version.partition(".")[0]) < MIN_VERSION:
        return f"is of version {version}, which has no functions: use Redis 7.0 or later, or Valkey"
    if information.get("cluster_enabled") == "1" and not is_cluster:
        return NODE
    if information.get("cluster_enabled") == "0" and is_cluster:
        return NO_CLUSTER
    if policy != NO_EVICTION:
        return f"evicts keys when its memory is full ({policy}): set its maxmemory-policy to noeviction"
    if information.get("aof_enabled") == "0" and not volatile:
        return (
            "has no append-only file, so it loses its sessions when it stops: set appendonly yes, or accept that "
            "with SLTA_STORE_CHECKS=false"
        )
    return ""
