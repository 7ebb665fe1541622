"""Detection of vanished fleets: fleets that are gone from the store, or from its list, without a DELETE.

DELETE atomically removes all keys of a fleet, then its name from the list. PUT adds the name to the list, then
atomically writes all keys. So a fleet whose state has been missing for `ABSENT_SECONDS`, or whose name was missing in
two looks so far apart, is

| name | condition | verdict |
|---|---|---|
| listed | this process has seen it before | lost |
| listed | never seen here, other keys remain | lost |
| listed | never seen here, no key remains | deleted: an interrupted PUT |
| not listed | keys remain | relisted: the list has lost the name |
| not listed | keys remain, but there were none before | undeleted: the server has lost the DELETE |
| not listed | no key remains, but the server has evicted keys since it was present | lost |
| not listed | no key remains, none was evicted | deleted |

A process has seen the fleets that it has ticked, and those that a census found off the list.

Three cases are misjudged. A fleet that lost its name and all keys otherwise, by FLUSHALL or without permission for
INFO, counts as deleted. A fleet deleted while the server evicts keys counts as lost; so does one whose DELETE was
interrupted between its two steps, until the DELETE is repeated. One whose DELETE was lost before the first look counts
as relisted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from slta.models.errors import OutcomeUnknownError, StoreUnavailableError, UnknownFleetError

ABSENT_SECONDS = 5.0
"""Longer than the time between the two steps of a PUT or DELETE."""
UNDECIDED = frozenset({StoreUnavailableError.code, OutcomeUnknownError.code})
"""Outcomes of a tick that leave open whether the fleet exists."""
Verdict = Literal["pending", "deleted", "lost", "relisted", "undeleted"]


class Absences:
    """Fleets that this process has seen, and since when some of them are absent."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._keyless: set[str] = set()
        """Those absent ones that had no state, or no key, when they were looked at."""
        self._since: dict[str, float] = {}
        self._evicted_before = math.inf
        self._has_evicted = False

    def found(self, fleets: Iterable[str]) -> None:
        """Fleets off the list that a census found."""
        self._seen.update(fleets)

    def unlisted(self, names: Collection[str]) -> set[str]:
        """Fleets that are not on the list of these names, and are not judged yet."""
        return self._seen.difference(names)

    def due(self, ticks: Mapping[str, str], now: float, evicted_keys: int = 0) -> list[str]:
        """Fleets to look at: off the list for the first time, or absent for `ABSENT_SECONDS`.

        `ticks`: outcome of each listed fleet's tick, '' or an error code; `now` in seconds; `evicted_keys`: number of
        keys that the server has evicted so far.
        """
        missing = {fleet for fleet, outcome in ticks.items() if outcome == UnknownFleetError.code}
        present = {fleet for fleet, outcome in ticks.items() if outcome not in UNDECIDED} - missing
        absent = missing | self.unlisted(ticks.keys())
        undecided = ticks.keys() - present - missing
        self._seen |= present
        kept = missing | ((absent | undecided) & self._since.keys())
        self._since = {fleet: self._since.get(fleet, now) for fleet in kept}
        self._keyless = (self._keyless | missing) & (absent | undecided)
        self._has_evicted = evicted_keys > self._evicted_before
        if all(self._since.get(fleet) == math.inf for fleet in absent | kept):  # none is pending
            self._evicted_before = evicted_keys
        return sorted(fleet for fleet in absent if now - self._since.get(fleet, -math.inf) >= ABSENT_SECONDS)

    def verdict(self, fleet: str, now: float, *, listed: bool, keys_left: bool) -> Verdict:
        """Verdict on a fleet that is due; `pending` at the first look at one off the list."""
        if fleet not in self._since:
            self._since[fleet] = now
            self._keyless.update([] if keys_left else [fleet])
            return "pending"
        if keys_left and not listed:
            return "undeleted" if fleet in self._keyless else "relisted"
        return "lost" if keys_left or (fleet in self._seen and (listed or self._has_evicted)) else "deleted"

    def judged(self, fleet: str) -> None:
        """Look at the fleet no more until it reappears."""
        self._seen.discard(fleet)
        self._since[fleet] = math.inf
