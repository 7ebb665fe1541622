"""What a scrape reads of a fleet, and the kinds of rows that are read from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from service.core.fleet import FleetSpec
from service.core.gaps import Gaps
from service.errors import InvalidIntegrals, UtilitiesChanged
from service.metrics.rows import Kind
from service.observation import PENDING, ClassObservation, Expected, Instant, averages, instant, mean_difference
from service.values import MICROSECONDS, ClassSnapshot, Integrals, Snapshot

MOST_LEVELS = 64
"""Occupancy levels of a class that are shown: with a larger capacity every second, third, …"""

ENDS = ("completed", "expired", "failed", "reported_ended")
"""What counts sessions that have ended."""


class Seen(NamedTuple):
    """One fleet in one scrape: what the store said, and what that means."""

    snapshot: Snapshot
    spec: FleetSpec
    now: Instant
    windows: Mapping[str, Gaps]
    """By seconds. Windows in which curves changed are left out: no series rather than a wrong one."""
    differences: Mapping[str, float]
    """By seconds, the mean difference at the moment of placing, where reports were compared."""

    @property
    def mean_holding_seconds(self) -> float | None:
        """∫N over the sessions that have ended, since the fleet began; None before the first has (Little's law)."""
        ended = sum(self.now.counters[name] for name in ENDS)
        return sum(self.snapshot.integrals.sessions) / MICROSECONDS / ended if ended else None


def see(snapshot: Snapshot, spec: FleetSpec, expected: Expected = PENDING) -> Seen:
    """Compute it once for all rows. O(levels)."""
    found = {str(window): _gaps(snapshot.integrals, older, spec) for window, older in snapshot.past.items()}
    windows = {window: gaps for window, gaps in found.items() if gaps}
    means = {str(window): mean_difference(snapshot.integrals, older, spec) for window, older in snapshot.past.items()}
    differences = {window: mean for window, mean in means.items() if mean is not None}
    return Seen(snapshot, spec, instant(snapshot, spec, expected), windows, differences)


def _gaps(newer: Integrals, older: Integrals, spec: FleetSpec) -> Gaps | None:
    try:
        return averages(newer, older, spec)
    except (InvalidIntegrals, UtilitiesChanged):
        return None


class Level(NamedTuple):
    """One level of a class: the fraction of its pools that hold at least so many sessions, and q* of it."""

    fraction: float
    optimal_fraction: float


def _levels(c: ClassObservation) -> Iterator[tuple[str, Level]]:
    stride = -(-c.capacity // MOST_LEVELS)
    for level in range(stride, c.capacity + 1, stride) if c.pools.active else ():
        yield str(level), Level(_fraction(c.occupancy, level), _fraction(c.optimal_occupancy, level))


def _fraction(column: list[int] | list[float], level: int) -> float:
    return column[level] / column[0] if level < len(column) else 0.0


FLEET: Kind[Seen, Seen] = Kind(("fleet",), lambda seen: [((seen.now.fleet,), seen)])
WINDOW: Kind[Seen, Gaps] = Kind(
    ("fleet", "window"), lambda seen: [((seen.now.fleet, window), gaps) for window, gaps in seen.windows.items()]
)
CLASS: Kind[Seen, ClassObservation] = Kind(
    ("fleet", "pool_class"), lambda seen: [((seen.now.fleet, c.name), c) for c in seen.now.classes]
)
CLASS_COUNTS: Kind[Seen, ClassSnapshot] = Kind(
    ("fleet", "pool_class"), lambda seen: [((seen.now.fleet, c.name), c) for c in seen.snapshot.classes]
)
LEVEL: Kind[Seen, Level] = Kind(
    ("fleet", "pool_class", "level"),
    lambda seen: [((seen.now.fleet, c.name, level), found) for c in seen.now.classes for level, found in _levels(c)],
)
