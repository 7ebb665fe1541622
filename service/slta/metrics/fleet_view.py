"""The fleet view: values of one fleet in one scrape, and the family factories that read from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.gaps import Gaps
from slta.metrics.definitions import FamilyFactory, Labels
from slta.models import MICROSECONDS, AuditResult, ClassSnapshot, Snapshot
from slta.views.averages import averages, over_window
from slta.views.differences import MeanDifference, by_source
from slta.views.integrals import completed
from slta.views.session_types import TypeObservation
from slta.views.state import ClassObservation, Instant, instant

MAX_LEVELS = 64
"""Maximum levels of a class that are exported: for larger capacities every second, third, …"""

ENDS = ("completed", "expired", "failed", "reported_ended", "pool_gone")
"""Counters of ended sessions."""


class FleetView(NamedTuple):
    """One fleet in one scrape: its snapshot, with completed integrals, and the values computed from it."""

    snapshot: Snapshot
    spec: FleetSpec
    now: Instant
    windows: Mapping[str, Gaps]
    """By seconds. Windows in which curves changed are omitted rather than wrong."""
    differences: Mapping[Labels, MeanDifference]
    """By seconds and source: mean difference at placing."""

    @property
    def mean_holding_seconds(self) -> float | None:
        """∫N / ended sessions since the fleet's creation (Little's law); None before the first has ended."""
        ended = sum(self.now.counters[name] for name in ENDS)
        return sum(self.snapshot.integrals.sessions) / MICROSECONDS / ended if ended else None


def view_of(snapshot: Snapshot, spec: FleetSpec) -> FleetView:
    """Compute the view once for all families. O(levels), and some bounds with session types."""
    now = completed(snapshot.integrals, spec)
    snapshot = replace(snapshot, integrals=now)
    found = {
        window: over_window(snapshot, window, lambda older: averages(now, older, spec)) for window in snapshot.past
    }
    windows = {str(window): gaps for window, gaps in found.items() if gaps}
    differences: dict[Labels, MeanDifference] = {
        (str(window), source): found
        for window, older in snapshot.past.items()
        for source, found in by_source(now, older, spec).items()
    }
    return FleetView(snapshot, spec, instant(snapshot, spec), windows, differences)


class Level(NamedTuple):
    """Fraction of a class's pools with at least `level` sessions, and the same in the optimal assignment."""

    occupancy_ratio: float
    optimal_occupancy_ratio: float


def _levels(c: ClassObservation) -> Iterator[tuple[str, Level]]:
    stride = -(-c.capacity // MAX_LEVELS)
    for level in range(stride, c.capacity + 1, stride) if c.pools.active else ():
        yield str(level), Level(_fraction(c.occupancy, level), _fraction(c.optimal_occupancy, level))


def _fraction(column: list[int] | list[float], level: int) -> float:
    return column[level] / column[0] if level < len(column) else 0.0


FLEET = FamilyFactory[FleetView, FleetView](("fleet",), lambda view: [((view.now.fleet,), view)])
NOW = FamilyFactory[FleetView, Instant](("fleet",), lambda view: [((view.now.fleet,), view.now)])
AUDIT = FamilyFactory[FleetView, AuditResult](
    ("fleet",), lambda view: [((view.now.fleet,), view.snapshot.audit)] if view.snapshot.audit else []
)
COUNTERS = FamilyFactory[FleetView, Mapping[str, int]](
    ("fleet",), lambda view: [((view.now.fleet,), view.now.counters)]
)
WINDOW = FamilyFactory[FleetView, Gaps](
    ("fleet", "window"), lambda view: [((view.now.fleet, window), gaps) for window, gaps in view.windows.items()]
)
DIFFERENCE = FamilyFactory[FleetView, MeanDifference](
    ("fleet", "window", "source"),
    lambda view: [((view.now.fleet, *labels), found) for labels, found in view.differences.items()],
)
CLASS = FamilyFactory[FleetView, ClassObservation](
    ("fleet", "pool_class"), lambda view: [((view.now.fleet, c.name), c) for c in view.now.classes]
)
TYPE = FamilyFactory[FleetView, TypeObservation](
    ("fleet", "session_type"), lambda view: [((view.now.fleet, one.name), one) for one in view.now.session_types]
)
CLASS_COUNTS = FamilyFactory[FleetView, ClassSnapshot](
    ("fleet", "pool_class"), lambda view: [((view.now.fleet, c.name), c) for c in view.snapshot.classes]
)
LEVEL = FamilyFactory[FleetView, Level](
    ("fleet", "pool_class", "level"),
    lambda view: [((view.now.fleet, c.name, level), found) for c in view.now.classes for level, found in _levels(c)],
)
