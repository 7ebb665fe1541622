"""Durability of acknowledged writes, by mode, and the replicas that must confirm them (WAIT)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from redis.exceptions import ResponseError

from slta.store._client.failures import is_forbidden

log = structlog.get_logger(__name__)

Mode = Literal["async", "replicated", "fsync"]


@dataclass(frozen=True, slots=True)
class Durability:
    """Conditions for the acknowledgement of a write, besides that the master executed it."""

    replicas: int = 0
    """Minimum number of replicas that confirm it (WAIT); if more are online, all of them."""
    on_disk: bool = False
    """The server has synced it: with `appendfsync always` it replies only then."""

    @property
    def promises(self) -> bool:
        """Whether an acknowledged write survives the loss of the server or the machine."""
        return self.on_disk or self.replicas > 0


ASYNC = Durability()
DURABILITIES: Mapping[Mode, Callable[[int], Durability]] = {
    "async": lambda _: ASYNC,
    "replicated": lambda replicas: Durability(replicas=replicas),
    "fsync": lambda _: Durability(on_disk=True),
}
"""The durability of each mode, given the number of replicas.

WAITAOF is not used: under everysec Redis replies after a second, Valkey 8.1 and 9.1 before the sync to disk.
"""

SYNCED = "always"
"""`appendfsync` of servers that sync each write before its reply."""


def unsynced(setting: str | None) -> str:
    """Reason why acknowledged writes may not be on disk, or ''; `setting` is `appendfsync`, None if unknown."""
    if setting is None:
        return (
            f"forbids CONFIG GET, so its appendfsync is unknown: run it with appendfsync {SYNCED}, and confirm that "
            f"with SLTA_STORE_CHECKS=false"
        )
    return "" if setting == SYNCED else f"has appendfsync {setting}, which does not sync each write: set it to {SYNCED}"


class Replicas:
    """Required confirmations: the configured number of replicas, or all that ROLE lists as online, if more.

    A replica of priority 0, which is never promoted, also confirms writes, so a smaller number would not be safe.
    """

    def __init__(self, configured: int, wait_ms: int) -> None:
        """`wait_ms` is the timeout of WAIT."""
        self._configured = configured
        self._wait_ms = wait_ms
        self._online = 0
        self._may_list = True

    @property
    def needed(self) -> int:
        """Number of replicas that must confirm a write."""
        return max(self._configured, self._online)

    @property
    def surplus(self) -> int:
        """Number of online replicas above the configured number."""
        return self.needed - self._configured

    def commands(self) -> list[tuple[str | int, ...]]:
        """Commands to append to a write: WAIT, and ROLE if the ACL allows it."""
        return [("WAIT", self.needed, self._wait_ms), *([("ROLE",)] if self._may_list else [])]

    def read(self, confirmed: Any, role: Any = None) -> int:  # noqa: ANN401 - replies to these commands, or errors
        """Number of confirmations; updates `needed` from ROLE. A number above the configured one is logged."""
        if isinstance(role, ResponseError):
            self._may_list = not is_forbidden(role)
        elif role and role[0] == "master":  # a demoted server rejects WAIT
            online = len(role[2])
            if online > self._configured and online != self._online:
                log.warning("store_has_more_replicas", online=online, configured=self._configured)
            self._online = online
        return 0 if isinstance(confirmed, ResponseError) else int(confirmed)
