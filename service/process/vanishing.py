"""Which fleets have vanished: they were there, are gone, and nobody deleted them.

DELETE removes all keys of a fleet in one step and then its name from the list, whichever dispatcher does it. PUT puts
the name on the list and then writes all keys in one step. So a fleet whose state has been missing for
`ABSENT_SECONDS`, or whose name has been off the list for so long, has

| its name is | and | it |
|---|---|---|
| listed | this process has ticked it before | vanished |
| listed | it was never ticked here, and other keys of it are left | vanished |
| listed | it was never ticked here, and no key of it is left | is a PUT that broke off |
| not listed | keys of it are left | vanished |
| not listed | no key of it is left, but the server has evicted keys since it was there | vanished |
| not listed | no key of it is left, and none was evicted | was deleted |

Three cases cannot be decided. A fleet that lost its name and all its keys otherwise, by FLUSHALL or where INFO is
forbidden, counts as deleted. One that is deleted while the server evicts keys counts as vanished, and so does a DELETE
that broke off between its two steps, until somebody sends it again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from service.errors import OutcomeUnknown, StoreUnavailable, UnknownFleet

ABSENT_SECONDS = 5.0
"""Longer than a PUT or a DELETE is between its two steps."""
UNDECIDED = frozenset({StoreUnavailable.code, OutcomeUnknown.code})
"""Outcomes of a tick that do not tell whether the fleet is there."""


class Absences:
    """The fleets that one process has ticked, and since when some are absent."""

    def __init__(self) -> None:
        """Nothing was ticked yet."""
        self._ticked: set[str] = set()
        self._since: dict[str, float] = {}
        self._evicted_before = math.inf
        self._has_evicted = False

    def overdue(self, ticks: Mapping[str, str], now: float, evicted_keys: int = 0) -> list[str]:
        """Fleets that have been absent for long enough to be judged.

        `ticks` has the outcome of each listed fleet's tick, '' or an error's code; `now` is in seconds; `evicted_keys`
        is how many keys the server has evicted so far.
        """
        missing = {fleet for fleet, outcome in ticks.items() if outcome == UnknownFleet.code}
        present = {fleet for fleet, outcome in ticks.items() if outcome not in UNDECIDED} - missing
        absent = missing | (self._ticked - ticks.keys())
        undecided = ticks.keys() - present - missing
        self._ticked |= present
        kept = absent | (undecided & self._since.keys())
        self._since = {fleet: self._since.get(fleet, now) for fleet in kept}
        self._has_evicted = evicted_keys > self._evicted_before
        if not any(map(math.isfinite, self._since.values())):  # none is waiting to be judged
            self._evicted_before = evicted_keys
        return sorted(fleet for fleet in absent if now - self._since[fleet] >= ABSENT_SECONDS)

    def has_vanished(self, fleet: str, *, listed: bool, keys_left: bool) -> bool:
        """The verdict on an overdue fleet. It is given once, until the fleet has been there again."""
        vanished = keys_left or (fleet in self._ticked and (listed or self._has_evicted))
        self._ticked.discard(fleet)
        self._since[fleet] = math.inf
        return vanished
