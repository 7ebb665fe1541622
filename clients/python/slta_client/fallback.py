"""Fallback: places sessions by two choices among the last known endpoints while slta does not answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from slta_client import two_choices
from slta_client.copies import Copies
from slta_client.endpoints import DEFAULT_TYPE, Endpoints, Pool


class Choice(NamedTuple):
    """Pool of a fleet."""

    fleet: str
    pool: Pool


class Fallback:
    """Fallback of a client."""

    def __init__(
        self,
        fleets: Sequence[str],
        file: Path | None,
        inherited: Mapping[str, Endpoints],
        rng: random.Random | None = None,
    ) -> None:
        self._rng = rng or random.Random()
        self.copies = Copies(fleets, file, self._rng, inherited)

    def can_place(self, fleets: Sequence[str], session_type: str | None) -> bool:
        """True if the endpoints of one of these fleets are known, and their session types have this one."""
        known = self.copies.known
        return any(fleet in known and known[fleet].has_type(session_type or DEFAULT_TYPE) for fleet in fleets)

    def choose(
        self, fleets: Sequence[str], live: Callable[[str], int], session_type: str = DEFAULT_TYPE
    ) -> Choice | None:
        """A pool of the type's classes in the first fleet that has room there, as far as is known.

        `live` counts this client's sessions in a fleet.
        """
        known = self.copies.known
        for fleet in filter(known.__contains__, fleets):
            weight = known[fleet].sessions / max(live(fleet), 1)
            endpoints = known[fleet].of_type(session_type)
            pool = two_choices.choose(endpoints, self.copies.changes(fleet), max(weight, 1.0), self._rng)
            if pool is not None:
                return Choice(fleet, pool)
        return None
