"""Rollback detection: which acknowledged calls a fleet's store has lost, by incarnation and revision.

`lua/incarnations.lua` explains both. A store that was restarted, promoted or set back begins another incarnation, which
every reply carries; its fork says what the store had then.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from service.store.library import INCARNATION_BITS

Fate = Literal["present", "lost", "unknown", "other fleet"]
"""Of an acknowledged call: the store has it; it does not; its incarnation is no longer recorded; another fleet of the
same name acknowledged it."""


class Stamp(NamedTuple):
    """What a reply says of the fleet: its incarnation and revision after the call, both 0 without a fleet."""

    incarnation: int
    revision: int


class History:
    """The last incarnations of a fleet."""

    def __init__(self, forks: Sequence[Stamp]) -> None:
        """`forks` are the incarnations and the revision at which each began, the present one last."""
        self.incarnation = forks[-1].incarnation
        following = [*(fork.revision for fork in forks[1:]), math.inf]
        self._last_revision = dict(zip((fork.incarnation for fork in forks), following, strict=True))

    def fate(self, stamp: Stamp) -> Fate:
        """What became of a call that was acknowledged with this stamp."""
        if stamp.incarnation >> INCARNATION_BITS != self.incarnation >> INCARNATION_BITS:
            return "other fleet"
        last = self._last_revision.get(stamp.incarnation)
        if last is None:
            return "unknown"
        return "lost" if stamp.revision > last else "present"


@dataclass(slots=True)
class RollbackDetector:
    """The incarnations of all fleets of one store, as one process has seen them."""

    suspected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a fleet becomes a suspect."""
    _settled: dict[str, int] = field(default_factory=dict)
    _suspects: set[str] = field(default_factory=set)

    def observe(self, fleet: str, stamp: Stamp) -> None:
        """A reply has come. O(1)."""
        if stamp.incarnation and self._settled.setdefault(fleet, stamp.incarnation) != stamp.incarnation:
            self._suspects.add(fleet)
            self.suspected.set()

    def suspects(self) -> list[str]:
        """Fleets with an incarnation that is not settled."""
        return sorted(self._suspects)

    def settle(self, fleet: str, incarnation: int) -> None:
        """Everything that was lost before this incarnation has been replayed."""
        self._settled[fleet] = incarnation
        self._suspects.discard(fleet)

    def keep(self, fleets: Iterable[str]) -> None:
        """Forget all other fleets."""
        names = set(fleets)
        self._settled = {name: known for name, known in self._settled.items() if name in names}
        self._suspects &= names
