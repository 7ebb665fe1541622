"""Preflight check of the server by INFO: version, cluster mode, eviction policy and persistence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from slta.models.errors import StoreUnavailableError
from slta.store.client.connections import Connections
from slta.store.client.failures import classify
from slta.store.client.pipeline import exchange

MIN_VERSION = 7
"""Major version of Redis that introduced Functions. Valkey reports the Redis version it is compatible with."""
NO_EVICTION = "noeviction"
"""The only `maxmemory-policy` that never evicts keys."""
FORBIDDEN = frozenset({"noperm", "response"})
"""Kinds of failures of a command that the ACL forbids or the server has renamed."""
REPLICA = (
    "the store is a read-only replica: set --store-url (SLTA_STORE_URL) to its master, or to a redis+sentinel:// URL, "
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
    """Check the server; False if it forbids INFO. UnsuitableStoreError, StoreUnavailableError.

    A replica passes if the URL names sentinels: they will report the master.
    """
    information = await _information(connections)
    reason = unsuitable(information, volatile=requirements.volatile) if information else ""
    if requirements.confirmed and not reason and await _ask(connections, "WAIT", 0, 0) is None:
        reason = "forbids WAIT, with which replicas confirm writes: allow it in the ACL of the store's user"
    if reason:
        raise UnsuitableStoreError(f"the store {reason}")
    return information is not None


class Eviction(NamedTuple):
    """Eviction: the server's `maxmemory-policy`, and its number of evicted keys since its start."""

    policy: str
    evicted_keys: int

    @property
    def is_possible(self) -> bool:
        """Whether the server evicts keys when its memory is full."""
        return self.policy != NO_EVICTION


async def eviction(connections: Connections) -> Eviction | None:
    """The present eviction policy, which can change at run time; None if the user may not call INFO.

    StoreUnavailableError.
    """
    information = await _ask(connections, "INFO", "memory", "stats")
    if information is None:
        return None
    fields = _parsed(information)
    return Eviction(fields.get("maxmemory_policy", NO_EVICTION), int(fields.get("evicted_keys", 0)))


def _parsed(information: str) -> dict[str, str]:
    """Fields of an INFO reply by name."""
    lines = (line.partition(":") for line in information.splitlines())
    return {name: value for name, separator, value in lines if separator}


async def _information(connections: Connections) -> Mapping[str, str] | None:
    try:
        return _parsed((await exchange(connections, "", ("INFO",)))[0])
    except (RedisError, OSError) as error:
        kind = classify(error).kind
        if kind == "noperm":
            return None
        if kind == "readonly" and not connections.finds_masters:
            raise UnsuitableStoreError(REPLICA) from error
        if kind == "unsynced":
            raise UnsuitableStoreError(f"the store {error.__cause__}") from error
        raise StoreUnavailableError from error


async def _ask(connections: Connections, *command: str | int) -> Any:  # noqa: ANN401 - the reply's type depends on the command
    """The reply; None if the command is forbidden. StoreUnavailableError."""
    try:
        return (await exchange(connections, "", command))[0]
    except (RedisError, OSError) as error:
        if classify(error).kind in FORBIDDEN:
            return None
        raise StoreUnavailableError from error


def unsuitable(information: Mapping[str, str], *, volatile: bool) -> str:
    """The first requirement that the server fails, with the remedy, or ''. Fields missing from INFO pass."""
    version = information.get("redis_version", str(MIN_VERSION))
    policy = information.get("maxmemory_policy", NO_EVICTION)
    if int(version.partition(".")[0]) < MIN_VERSION:
        return f"is of version {version}, which has no functions: use Redis 7.0 or later, or Valkey"
    if information.get("cluster_enabled") == "1":
        return "is a cluster node, and other nodes hold most fleets' keys: use a server with cluster-enabled no"
    if policy != NO_EVICTION:
        return f"evicts keys when its memory is full ({policy}): set its maxmemory-policy to noeviction"
    if information.get("aof_enabled") == "0" and not volatile:
        return (
            "has no append-only file, so it loses its sessions when it stops: set appendonly yes, or accept that "
            "with SLTA_STORE_VOLATILE=allow"
        )
    return ""
