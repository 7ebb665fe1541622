"""A row of the table of faults: what is planted where, in which modes of durability."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lab.faults.system import SINGLE, Shape, System

ASYNC = ("async",)
ALL = ("async", "replicated", "fsync")
ONE_STORE = ("async", "fsync")
SEVERAL = ("async", "replicated")
ALL_SERVERS = frozenset({"embedded", "valkey-server", "redis-server"})
EMBEDDED_SERVER = frozenset({"embedded"})


@dataclass(frozen=True)
class Fault:
    """`plant` returns how often its effect was seen, in `effects`; a run without any is void.

    Losses are stated by what `fails`.

    `is_under_load` is false where the fault makes its calls itself, one at a time.
    """

    title: str
    plant: Callable[[System], Awaitable[int]]
    effects: str
    shape: Shape = SINGLE
    modes: tuple[str, ...] = ONE_STORE
    fails: str = "a process or a connection"
    is_under_load: bool = True
    servers: frozenset[str] = ALL_SERVERS
    """Names of the servers that it can be planted in."""
