"""The fleet view: values of one fleet in one scrape, and the family factories that read from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import accumulate, islice
from types import MappingProxyType
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.gaps import Gaps
from slta.core.quality import Drift, unit_factor
from slta.core.scaling.advice import Advice
from slta.core.scaling.removal import Removal
from slta.core.scaling.withheld import Withheld
from slta.metrics.definitions import FamilyFactory, Labels
from slta.models import AuditResult, ClassSnapshot, Snapshot
from slta.views.averages import averages, completed, over_window
from slta.views.quality import drifts, samples_of
from slta.views.session_types import TypeObservation
from slta.views.state import ClassObservation, Instant, instant

MAX_LEVELS = 64
"""Maximum levels of a class that are exported: for larger capacities every second, third, …"""

ENDS = ("completed", "expired", "failed", "reported_ended", "pool_gone")
"""Counters of ended sessions, by what ended them: as in `counters` of the state."""


class FleetView(NamedTuple):
    """One fleet in one scrape: its snapshot, with completed integrals, and the values computed from it."""

    snapshot: Snapshot
    spec: FleetSpec
    now: Instant
    windows: Mapping[str, Gaps]
    """By seconds. Windows in which curves changed are omitted rather than wrong."""
    drifts: Mapping[str, Drift] = MappingProxyType({})
    """By class."""
    scale: Advice | Withheld | None = None
    """None without settings of scale advice."""


def view_of(snapshot: Snapshot, spec: FleetSpec) -> FleetView:
    """Compute the view once for all families. O(levels), and some bounds with session types."""
    now = completed(snapshot.integrals, spec)
    snapshot = replace(snapshot, integrals=now)
    found = {
        window: over_window(snapshot, window, lambda older: averages(now, older, spec)) for window in snapshot.past
    }
    windows = {str(window): gaps for window, gaps in found.items() if gaps}
    return FleetView(snapshot, spec, instant(snapshot, spec), windows, drifts(snapshot, spec))


class Level(NamedTuple):
    """Fraction of a class's pools with at least `level` sessions, and the same in the optimal assignment."""

    occupancy_ratio: float
    optimal_occupancy_ratio: float


def _levels(c: ClassObservation) -> Iterator[tuple[str, Level]]:
    stride = -(-c.capacity // MAX_LEVELS)
    for level in range(stride, c.capacity + 1, stride) if c.pools.active else ():
        yield str(level), Level(_fraction(c.occupancy, level), _fraction(c.optimal_occupancy, level))


class Curve(NamedTuple):
    """Utility of a pool at a level: stated, in the unit of the samples, and measured; None where it is not known."""

    curve_utility: float | None
    measured_utility: float | None


def _curves(view: FleetView) -> Iterator[tuple[Labels, Curve]]:
    """Of classes with samples."""
    samples, marginals = samples_of(view.snapshot, view.spec), view.spec.optimal_ranking.marginals
    factor = unit_factor(view.spec.optimal_ranking, samples) or None
    for c, levels, column in zip(view.spec.classes, samples, marginals, strict=True):
        measured, stride = {one.level: one.mean for one in levels}, -(-c.capacity // MAX_LEVELS)
        stated = enumerate(accumulate(column), 1) if levels else ()
        for level, utility in islice(stated, stride - 1, None, stride):
            yield (view.now.fleet, c.name, str(level)), Curve(factor and factor * utility, measured.get(level))


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
CLASS = FamilyFactory[FleetView, ClassObservation](
    ("fleet", "pool_class"), lambda view: [((view.now.fleet, c.name), c) for c in view.now.classes]
)
TYPE = FamilyFactory[FleetView, TypeObservation](
    ("fleet", "session_type"), lambda view: [((view.now.fleet, one.name), one) for one in view.now.session_types]
)
PRICE = FamilyFactory[FleetView, TypeObservation | Instant](
    ("fleet", "session_type"),
    lambda view: (
        [((view.now.fleet, one.name), one) for one in view.now.session_types] or [((view.now.fleet, ""), view.now)]
    ),
)
CLASS_COUNTS = FamilyFactory[FleetView, ClassSnapshot](
    ("fleet", "pool_class"), lambda view: [((view.now.fleet, c.name), c) for c in view.snapshot.classes]
)
LEVEL = FamilyFactory[FleetView, Level](
    ("fleet", "pool_class", "level"),
    lambda view: [((view.now.fleet, c.name, level), found) for c in view.now.classes for level, found in _levels(c)],
)
CURVE = FamilyFactory[FleetView, Curve](("fleet", "pool_class", "level"), _curves)
DRIFT = FamilyFactory[FleetView, Drift](
    ("fleet", "pool_class"), lambda view: [((view.now.fleet, name), one) for name, one in view.drifts.items()]
)


def _scales(view: FleetView) -> Iterator[tuple[Labels, tuple[int, Removal]]]:
    """Pools wanted, and which may go, unless that is withheld."""
    if isinstance(view.scale, Advice):
        for c, wanted, removal in zip(view.spec.classes, view.scale.wanted, view.scale.removals, strict=True):
            yield (view.now.fleet, c.name), (wanted, removal)


SCALE = FamilyFactory[FleetView, tuple[int, Removal]](("fleet", "pool_class"), _scales)
WITHHELD = FamilyFactory[FleetView, Withheld](
    ("fleet",), lambda view: [((view.now.fleet,), view.scale)] if isinstance(view.scale, Withheld) else []
)
