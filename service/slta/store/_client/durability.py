"""Durability of acknowledged writes, by mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

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
