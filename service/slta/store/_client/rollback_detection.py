"""Rollback detection: finds acknowledged calls that a fleet's store has lost, by incarnation and revision.

`lua/state/incarnations.lua` defines both. A restart, promotion or restore begins a new incarnation, which is in every
reply; its fork is the revision that the store had then.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from slta.store.library import INCARNATION_BITS

Fate = Literal["present", "lost", "unknown", "other fleet"]
"""Result of comparing an acknowledged call with a history: the store has it; has lost it; has no record of its
incarnation; or the call belongs to an earlier fleet of the same name."""


class Stamp(NamedTuple):
    """A fleet's incarnation and revision after a call, 0 without a fleet."""

    incarnation: int
    revision: int


class History:
    """Latest incarnations of a fleet, and where each forked from the one before."""

    def __init__(self, forks: Sequence[Stamp]) -> None:
        """`forks` are the incarnations and the revision at which each began, the present one last."""
        self.incarnation = forks[-1].incarnation
        last_revisions = [*(fork.revision for fork in forks[1:]), math.inf]
        self._last_revision = dict(zip((fork.incarnation for fork in forks), last_revisions, strict=True))

    def fate(self, stamp: Stamp) -> Fate:
        """Fate of a call that was acknowledged with this stamp."""
        if stamp.incarnation >> INCARNATION_BITS != self.incarnation >> INCARNATION_BITS:
            return "other fleet"
        last = self._last_revision.get(stamp.incarnation)
        if last is None:
            return "unknown"
        return "lost" if stamp.revision > last else "present"


@dataclass(slots=True)
class RollbackDetector:
    """Last known incarnations of all fleets of one store."""

    suspected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a fleet becomes a suspect."""
    _settled: dict[str, int] = field(default_factory=dict)
    _suspects: set[str] = field(default_factory=set)

    def observe(self, fleet: str, stamp: Stamp) -> None:
        """Compare the stamp of a reply with the fleet's last known incarnation. O(1)."""
        if stamp.incarnation and self._settled.setdefault(fleet, stamp.incarnation) != stamp.incarnation:
            self._suspects.add(fleet)
            self.suspected.set()

    def fleets(self) -> Collection[str]:
        """Fleets of which a reply was observed."""
        return self._settled.keys()

    def suspects(self) -> list[str]:
        """Fleets with a new incarnation, whose lost sessions are not restored yet."""
        return sorted(self._suspects)

    def is_suspect(self, fleet: str) -> bool:
        """Whether a fleet is one of `suspects`. O(1)."""
        return fleet in self._suspects

    def resolve(self, fleet: str, incarnation: int | None = None) -> None:
        """Record that what was lost before this incarnation has been sent; None if the fleet does not exist."""
        self._settled[fleet] = incarnation or self._settled[fleet]
        self._suspects.discard(fleet)

    def keep(self, fleets: Iterable[str]) -> None:
        """Drop all other fleets."""
        names = set(fleets)
        self._settled = {name: incarnation for name, incarnation in self._settled.items() if name in names}
        self._suspects &= names
