"""Metric families of fleets, one per row: name, help, labels, value; and the view of a fleet that they read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import accumulate, islice
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.gaps import Gaps
from slta.core.quality import Drift, unit_factor
from slta.core.scaling.advice import Advice
from slta.core.scaling.removal import Removal
from slta.core.scaling.withheld import Withheld
from slta.metrics.definitions import FamilyFactory, FleetFamily, Labels
from slta.models import MICROSECONDS, AuditResult, ClassSnapshot, Integrals, Snapshot
from slta.views.averages import averages, completed, difference, over_window
from slta.views.quality import drifts, samples_of
from slta.views.session_types import TypeObservation
from slta.views.state import ClassObservation, Instant, instant

MAX_LEVELS = 64
"""Maximum levels of a class that are exported: for larger capacities every second, third, …"""
ENDS = ("completed", "expired", "failed", "reported_ended", "pool_gone")
"""Counters of ended sessions, by what ended them: as in `counters` of the state."""
SESSIONS = ("active", "draining")
"""Statuses of pools that hold sessions."""


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


def _split(prefix: str, *labels: str) -> Callable[[Mapping[str, int]], dict[str, int]]:
    """Value of a family whose series are several counters: one for each label."""
    return lambda counters: {label: counters[prefix + label] for label in labels}


def _counts(name: str, *labels: str) -> Callable[[ClassObservation], dict[str, int] | None]:
    """Value of a family whose series are the numbers of one attribute: one for each label; None without it."""
    part, numbers = attrgetter(name), attrgetter(*labels)
    return lambda c: dict(zip(labels, numbers(part(c)), strict=True)) if part(c) else None


def _bound_integral(integrals: Integrals) -> float:
    return difference(integrals.optimum, integrals.types.compatibility if integrals.types else (0.0, 0.0))


FLEET_ROWS: tuple[FleetFamily[FleetView], ...] = (
    NOW.gauge("aggregate_utility", "Utility of all active pools.", lambda now: now.utility),
    NOW.gauge(
        "aggregate_utility_bound",
        "Maximum utility for the current sessions and pools.",
        lambda now: now.utility_bound,
    ),
    WINDOW.gauge("utility_bound", "Proven upper bound of the mean utility per pool."),
    WINDOW.gauge("swing_gap", "Mean utility per pool lost to variation of the load."),
    WINDOW.gauge(
        "compatibility_gap",
        "Mean utility per pool that the best placement would add if every session could use every "
        "class; only with session types.",
    ),
    FLEET.gauge(
        "utility_seconds",
        "Time integral of the utility; may fall. Divide its delta by the increase of pool_seconds_total.",
        lambda view: view.spec.integers.to_utility(sum(view.snapshot.integrals.utility)) / MICROSECONDS,
    ),
    FLEET.gauge(
        "utility_bound_seconds",
        "Time integral of the maximum utility, with session types of its bound; may fall.",
        lambda view: view.spec.integers.to_utility(_bound_integral(view.snapshot.integrals)) / MICROSECONDS,
    ),
    FLEET.counter(
        "session_seconds",
        "Time integral of the number of sessions on active pools.",
        lambda view: sum(view.snapshot.integrals.sessions) / MICROSECONDS,
    ),
    FLEET.counter(
        "pool_seconds",
        "Time integral of the number of active pools.",
        lambda view: {
            c.name: sum(pools) / MICROSECONDS
            for c, pools in zip(view.now.classes, view.snapshot.integrals.pools, strict=True)
        },
        ("pool_class",),
    ),
    CLASS.gauge("sessions", "Sessions by status of their pool.", _counts("sessions", *SESSIONS), ("pool_status",)),
    CLASS.gauge(
        "pools",
        "Pools by status; `active` excludes lost and gone pools.",
        _counts("pools", *SESSIONS, "failed", "lost", "gone"),
        ("pool_status",),
    ),
    CLASS.gauge(
        "unconfirmed_pools",
        "Active and draining pools that are unconfirmed.",
        lambda c: c.pools.unconfirmed,
    ),
    CLASS.gauge("mass_loss_guard", "1 while the mass-loss guard of the class is on.", lambda c: int(c.guard == "on")),
    CLASS.gauge("session_capacity", "Total capacity of the active pools.", lambda c: c.pools.active * c.capacity),
    LEVEL.gauge("occupancy_ratio", "Fraction of the class's pools with at least `level` sessions."),
    LEVEL.gauge(
        "optimal_occupancy_ratio",
        "Fraction of the class's pools with at least `level` sessions in the optimal assignment.",
    ),
    CURVE.gauge("curve_utility", "Utility of one pool with `level` sessions as stated, in the measured unit."),
    CURVE.gauge("measured_utility", "Mean of the samples of the utility of one pool with `level` sessions."),
    DRIFT.gauge(
        "curve_drift_ratio",
        "Utility that placing by the measured curve of the class would gain at the present load, as a fraction; of "
        "classes that are measured, without session types.",
        attrgetter("gain"),
    ),
    DRIFT.gauge(
        "curve_drift_error_ratio",
        "Standard error of this gain, by the pools with samples, as a fraction.",
        attrgetter("error"),
    ),
    CLASS.gauge("class_threshold", "Number of sessions below which a pool has a green token.", attrgetter("threshold")),
    CLASS.gauge("class_optimal_threshold", "Threshold at the optimal rank.", attrgetter("optimal_threshold")),
    NOW.gauge(
        "estimate_rank", "Estimate of the optimal rank; with policies jlmu and observe the best rank with a free pool."
    ),
    NOW.gauge("optimal_rank", "Optimal rank for the current sessions and pools."),
    NOW.gauge("min_green_to_decrement", "Number of green tokens from which the estimate rank decreases."),
    CLASS.gauge("pool_tokens", "Pools with a token, by color.", _counts("tokens", "green", "yellow"), ("color",)),
    CLASS.gauge("marginal_utility", "Marginal utility of one more session on the emptiest pool of the class."),
    PRICE.gauge("load_price", "Marginal utility of one more session at the optimum, with session types by type."),
    CLASS.gauge("pool_worth", "What one more pool of the class would add at the optimum."),
    SCALE.gauge(
        "pools_wanted", "Active pools that scale advice wants; absent while it is withheld.", lambda one: one[0]
    ),
    SCALE.gauge(
        "pool_replicas",
        "Pods of these, and of draining pools with sessions; absent likewise.",
        lambda one: one[1].replicas,
    ),
    WITHHELD.gauge("scale_withheld", "1 while scale advice is withheld.", lambda one: {one.reason: 1}, ("reason",)),
    NOW.gauge(
        "store_epoch_timestamp_seconds",
        "Unix time of the fleet's creation or of the last detected rollback of the store.",
        attrgetter("store_epoch"),
    ),
    NOW.gauge("config_version", "Version of the fleet's configuration."),
    NOW.gauge(
        "fleet_suspect",
        "1 while the fleet is suspect: after an error inside an operation, until its repair.",
        attrgetter("suspect"),
    ),
    AUDIT.gauge(
        "audit_findings", "Findings of the fleet's last periodic audit; none before the first.", attrgetter("total")
    ),
    CLASS_COUNTS.counter("assignments", "Sessions placed, by deciding token.", lambda c: c.assigned, ("token",)),
    COUNTERS.counter("sessions_ended", "Sessions ended, by what ended them.", _split("", *ENDS), ("reason",)),
    COUNTERS.counter(
        "rejections",
        "Sessions not placed.",
        _split("rejected_", "no_capacity", "no_active_pool", "low_priority"),
        ("reason",),
    ),
    TYPE.gauge(
        "typed_sessions",
        "Sessions of a type by status of their pool.",
        lambda one: {status: getattr(one.sessions, status) for status in SESSIONS},
        ("pool_status",),
    ),
    TYPE.counter(
        "typed_rejections",
        "Sessions of a type not placed, or reported in a class that they may not use.",
        attrgetter("refused"),
        ("reason",),
    ),
    COUNTERS.counter(
        "learning_steps",
        "Learning steps of the estimate rank.",
        _split("learning_steps_", "up", "down"),
        ("direction",),
    ),
    COUNTERS.counter(
        "store_rollbacks", "Rollbacks of the store, which may have lost acknowledged changes.", itemgetter("went_back")
    ),
    COUNTERS.counter(
        "repairs", "Repairs: rebuilds of the fleet's rows from its session records.", itemgetter("repairs")
    ),
)

LEVEL_ROWS = frozenset(row for row in FLEET_ROWS if "level" in row.labels)
"""Families by level: many series, exported only on request."""
