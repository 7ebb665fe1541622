"""Order and share of predictions: which fleet is next, and when. Pure: the caller has the clock.

Predictions of all fleets take at most `share` of one processor together. Of the fleets that are due, those read by a
page or a call in the last `RECENT_SECONDS` come first, then those read by a scrape, then others; among equals the one
that has waited longest. A fleet is due again `pause_seconds` after its last prediction.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

SHARE = 0.25
"""Maximum share of one processor for the predictions of all fleets."""
PAUSE_SECONDS = 10.0
"""Minimum interval between predictions of one fleet."""
RECENT_SECONDS = 60.0
"""Time since a read for which a fleet comes before others."""
KEPT_SECONDS = 600.0
"""Time since the last read after which a fleet is forgotten."""


class Turn(NamedTuple):
    """The fleet whose turn is next, and the time at which it begins."""

    fleet: str
    at: float


@dataclass
class _Reads:
    """Time of the last call or page, and of the last scrape, that read a fleet; when its next prediction is due."""

    called: float = -inf
    scraped: float = -inf
    due: float = 0.0

    @property
    def last(self) -> float:
        return max(self.called, self.scraped)

    def rank(self, now: float) -> int:
        if now - self.called <= RECENT_SECONDS:
            return 0
        return 1 if now - self.scraped <= RECENT_SECONDS else 2


@dataclass
class Schedule:
    """Turns of the fleets that are read. Times are seconds of one monotonic clock."""

    pause_seconds: float = PAUSE_SECONDS
    share: float = SHARE
    _fleets: dict[str, _Reads] = field(default_factory=dict)
    _free_at: float = 0.0

    def read(self, fleet: str, now: float, *, by_scrape: bool = False) -> None:
        """Record a read."""
        reads = self._fleets.setdefault(fleet, _Reads())
        if by_scrape:
            reads.scraped = now
        else:
            reads.called = now

    def last_read(self, fleet: str) -> float:
        """Time of the last read."""
        return self._fleets[fleet].last

    def next(self, waiting: Collection[str], now: float) -> Turn | None:
        """Whose turn it is among the fleets `waiting`, each of which has been read; None if there are none."""
        at = max(now, self._free_at)
        reads = [(self._fleets[fleet], fleet) for fleet in waiting]
        due = [(one.rank(now), one.due, fleet) for one, fleet in reads if one.due <= at]
        if due:
            return Turn(min(due)[-1], at)
        first = min(((one.due, fleet) for one, fleet in reads), default=None)
        return Turn(first[1], first[0]) if first else None

    def predicted(self, fleet: str, began: float, now: float, seconds: float) -> None:
        """Record a prediction that took `seconds` of processor time."""
        self._fleets[fleet].due = began + self.pause_seconds
        self._free_at = now + seconds * (1 / self.share - 1)

    def forget(self, now: float) -> set[str]:
        """Forget the fleets that have not been read for `KEPT_SECONDS`, and return them."""
        gone = {fleet for fleet, reads in self._fleets.items() if now - reads.last >= KEPT_SECONDS}
        for fleet in gone:
            del self._fleets[fleet]
        return gone
