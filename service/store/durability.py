"""What an acknowledgement promises: a row for each mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["async", "replicated", "fsync"]


@dataclass(frozen=True, slots=True)
class Durability:
    """How far a write has got before it is acknowledged; the server has it in any case."""

    replicas: int = 0
    """So many replicas, and all that are online, have confirmed that they have it (WAIT)."""
    on_disk: bool = False
    """The server has synced it: with `appendfsync always` it answers only then."""

    @property
    def promises(self) -> bool:
        """Whether an acknowledged write outlives the server or the machine."""
        return self.on_disk or self.replicas > 0


ASYNC = Durability()
DURABILITIES: Mapping[Mode, Callable[[int], Durability]] = {
    "async": lambda _: ASYNC,
    "replicated": lambda replicas: Durability(replicas=replicas),
    "fsync": lambda _: Durability(on_disk=True),
}
"""The durability of each mode, given the number of replicas.

WAITAOF has no row: under everysec Redis answers it after a second, and Valkey 8.1 and 9.1 before the disk has synced.
"""

SYNCED = "always"
"""What `appendfsync` must be where an acknowledgement promises that a write is on disk."""


def unsynced(setting: str | None) -> str:
    """Why acknowledged writes may not be on disk, given `appendfsync`, None if it is not told; '' if they are."""
    if setting is None:
        return (
            "forbids CONFIG GET, so nobody can see whether it syncs each write: run it with appendfsync "
            f"{SYNCED}, and say so with SLTA_STORE_FSYNC={SYNCED}"
        )
    return "" if setting == SYNCED else f"syncs {setting} and not each write: set its appendfsync to {SYNCED}"
