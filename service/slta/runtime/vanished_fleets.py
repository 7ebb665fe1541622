"""Detection of vanished fleets: fleets that are gone from the store without a DELETE.

DELETE atomically removes all keys of a fleet, then its name from the list. PUT adds the name to the list, then
atomically writes all keys. So a fleet whose state, or whose name in the list, has been missing for `ABSENT_SECONDS` is

| name | condition | verdict |
|---|---|---|
| listed | this process has ticked it before | vanished |
| listed | never ticked here, other keys remain | vanished |
| listed | never ticked here, no key remains | an interrupted PUT |
| not listed | keys remain | vanished |
| not listed | no key remains, but the server has evicted keys since it was present | vanished |
| not listed | no key remains, none was evicted | deleted |

Three cases are misjudged. A fleet that lost its name and all keys otherwise, by FLUSHALL or without permission for
INFO, counts as deleted. A fleet deleted while the server evicts keys counts as vanished; so does one whose DELETE was
interrupted between its two steps, until the DELETE is repeated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from slta.models.errors import OutcomeUnknownError, StoreUnavailableError, UnknownFleetError

ABSENT_SECONDS = 5.0
"""Longer than the time between the two steps of a PUT or DELETE."""
UNDECIDED = frozenset({StoreUnavailableError.code, OutcomeUnknownError.code})
"""Outcomes of a tick that leave open whether the fleet exists."""


class Absences:
    """Fleets that this process has ticked, and since when some of them are absent."""

    def __init__(self) -> None:
        self._ticked: set[str] = set()
        self._since: dict[str, float] = {}
        self._evicted_before = math.inf
        self._has_evicted = False

    def overdue(self, ticks: Mapping[str, str], now: float, evicted_keys: int = 0) -> list[str]:
        """Fleets that have been absent for `ABSENT_SECONDS`.

        `ticks`: outcome of each listed fleet's tick, '' or an error code; `now` in seconds; `evicted_keys`: number of
        keys that the server has evicted so far.
        """
        missing = {fleet for fleet, outcome in ticks.items() if outcome == UnknownFleetError.code}
        present = {fleet for fleet, outcome in ticks.items() if outcome not in UNDECIDED} - missing
        absent = missing | (self._ticked - ticks.keys())
        undecided = ticks.keys() - present - missing
        self._ticked |= present
        kept = absent | (undecided & self._since.keys())
        self._since = {fleet: self._since.get(fleet, now) for fleet in kept}
        self._has_evicted = evicted_keys > self._evicted_before
        if not any(map(math.isfinite, self._since.values())):  # none is pending
            self._evicted_before = evicted_keys
        return sorted(fleet for fleet in absent if now - self._since[fleet] >= ABSENT_SECONDS)

    def has_vanished(self, fleet: str, *, listed: bool, keys_left: bool) -> bool:
        """Verdict on an overdue fleet, reported once until the fleet reappears."""
        vanished = keys_left or (fleet in self._ticked and (listed or self._has_evicted))
        self._ticked.discard(fleet)
        self._since[fleet] = math.inf
        return vanished
