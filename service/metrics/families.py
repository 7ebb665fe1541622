"""The fleet's metric families: name, help and labels of each, and where its values stand in an observation."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from service.core.fleet import FleetSpec
from service.core.occupancy import Gaps
from service.errors import InvalidIntegrals, UtilitiesChanged
from service.metrics.activity import PREFIX
from service.observation import MICROSECONDS, ClassObservation, Observation, averages, observe
from service.values import ClassSnapshot, Integrals, Snapshot

MOST_LEVELS = 64
"""Occupancy levels of a class that are shown: with a larger capacity every second, third, …"""

GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "aggregate_utility": ("Utility of all active pools now.", ()),
    "aggregate_utility_bound": ("Largest utility at the present sessions and pools, U*(N, A).", ()),
    "utility_mean": ("Mean utility per pool over the window.", ("window",)),
    "utility_bound": ("Proven bound of the mean utility per pool over the window, u*(<s>).", ("window",)),
    "placement_gap": ("What better placement could have won per pool over the window.", ("window",)),
    "swing_gap": ("What the swings of the load cost per pool over the window.", ("window",)),
    "utility_pool_seconds": ("Time integral of the utility: divide a difference by that of pool_seconds.", ()),
    "bound_pool_seconds": ("Time integral of the largest utility at each instant.", ()),
    "session_seconds": ("Time integral of the sessions on active pools.", ()),
    "pool_seconds": ("Time integral of the active pools.", ("pool_class",)),
    "sessions": ("Sessions by the status of their pools.", ("pool_class", "status")),
    "pools": ("Pools by status.", ("pool_class", "status")),
    "session_capacity": ("Sessions that the active pools can hold.", ("pool_class",)),
    "occupancy_fraction": (
        "Fraction of the class's pools with at least so many sessions.",
        ("pool_class", "level"),
    ),
    "optimal_occupancy_fraction": ("The same in the optimal assignment.", ("pool_class", "level")),
    "threshold": ("Sessions below which a pool has a green token.", ("pool_class",)),
    "optimal_threshold": ("The threshold at the optimal rank.", ("pool_class",)),
    "estimate_rank": ("The learned rank r; under JLMU the rank of the best coordinate any pool has.", ()),
    "optimal_rank": ("The rank that r should have at the present sessions and pools.", ()),
    "min_green_to_decrement": ("Green tokens from which on r falls.", ()),
    "tokens": ("Pools with a token of the colour.", ("pool_class", "color")),
    "marginal_utility": ("What one more session is worth on the emptiest pool of the class.", ("pool_class",)),
    "load_price": ("What one more session is worth at the optimum.", ()),
    "pool_worth": ("What one more pool of the class would add at the optimum.", ("pool_class",)),
    "store_epoch": ("When the fleet was created, in seconds of Unix time: totals begin anew with it.", ()),
    "config_version": ("Version of the fleet's configuration.", ()),
    "suspect": ("1 from an error inside an operation until the fleet's rows are rebuilt.", ()),
    "state_bytes": ("Bytes of bit rows: tokens are what a choice reads, the ledger what pools hold.", ("part",)),
    "fleet_info": ("The fleet's policy.", ("policy",)),
}

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "assignments": ("Sessions placed, by the token that decided.", ("pool_class", "token")),
    "completions": ("Sessions that were completed.", ()),
    "rejections": ("Sessions that were not placed.", ("reason",)),
    "leases_expired": ("Sessions that ended because nobody renewed their lease.", ()),
    "sessions_failed": ("Sessions that ended with their pool.", ()),
    "sessions_reported_ended": ("Sessions that their pool no longer had.", ()),
    "sessions_adopted": ("Sessions that a pool reported and that were unknown.", ()),
    "learning_steps": ("Steps of r.", ("direction",)),
    "repairs": ("Times the fleet's rows were rebuilt from its sessions.", ()),
}


class Families:
    """One scrape's families of all fleets."""

    def __init__(self) -> None:
        self._gauges = {
            name: GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=("fleet", *labels))
            for name, (text, labels) in GAUGES.items()
        }
        self._counters = {
            name: CounterMetricFamily(f"{PREFIX}_{name}", text, labels=("fleet", *labels))
            for name, (text, labels) in COUNTERS.items()
        }

    def all(self) -> list[Metric]:
        """Those that have a value."""
        return [family for family in (*self._gauges.values(), *self._counters.values()) if family.samples]

    def add(self, snapshot: Snapshot, spec: FleetSpec) -> None:
        """Everything of one fleet."""
        seen = observe(snapshot, spec)
        self._add_totals(seen)
        self._add_integrals(seen, snapshot.integrals, spec)
        for window, beginning in snapshot.past.items():
            self._add_window(seen.fleet, str(window), _gaps(snapshot.integrals, beginning, spec))
        for observed, counted in zip(seen.classes, snapshot.classes, strict=True):
            self._add_class(seen.fleet, observed, counted)
            self._add_levels(seen.fleet, observed)
        for part, size in snapshot.row_bytes.items():
            self._gauge("state_bytes", size, seen.fleet, part)
        self._add_counters(seen)

    def _gauge(self, name: str, value: float | None, *labels: str) -> None:
        if value is not None:
            self._gauges[name].add_metric(labels, value)

    def _add_totals(self, seen: Observation) -> None:
        fleet = seen.fleet
        self._gauge("aggregate_utility", seen.utility, fleet)
        self._gauge("aggregate_utility_bound", seen.utility_bound, fleet)
        self._gauge("estimate_rank", seen.estimate_rank, fleet)
        self._gauge("optimal_rank", seen.optimal_rank, fleet)
        self._gauge("min_green_to_decrement", seen.min_green_to_decrement, fleet)
        self._gauge("load_price", seen.load_price, fleet)
        self._gauge("store_epoch", seen.store_epoch, fleet)
        self._gauge("config_version", seen.config_version, fleet)
        self._gauge("suspect", seen.suspect, fleet)
        self._gauge("fleet_info", 1, fleet, seen.policy)

    def _add_integrals(self, seen: Observation, integrals: Integrals, spec: FleetSpec) -> None:
        to_utility = spec.integers.to_utility
        self._gauge("utility_pool_seconds", to_utility(sum(integrals.utility)) / MICROSECONDS, seen.fleet)
        self._gauge("bound_pool_seconds", to_utility(sum(integrals.optimum)) / MICROSECONDS, seen.fleet)
        self._gauge("session_seconds", sum(integrals.sessions) / MICROSECONDS, seen.fleet)
        for observed, pools in zip(seen.classes, integrals.pools, strict=True):
            self._gauge("pool_seconds", sum(pools) / MICROSECONDS, seen.fleet, observed.name)

    def _add_window(self, fleet: str, window: str, gaps: Gaps | None) -> None:
        if gaps is None:
            return
        self._gauge("utility_mean", gaps.utility_mean, fleet, window)
        self._gauge("utility_bound", gaps.utility_bound, fleet, window)
        self._gauge("placement_gap", gaps.placement_gap, fleet, window)
        self._gauge("swing_gap", gaps.swing_gap, fleet, window)

    def _add_class(self, fleet: str, observed: ClassObservation, counted: ClassSnapshot) -> None:
        name = observed.name
        for status in ("active", "draining"):
            self._gauge("sessions", getattr(observed.sessions, status), fleet, name, status)
        for status in ("active", "draining", "failed"):
            self._gauge("pools", getattr(observed.pools, status), fleet, name, status)
        self._gauge("session_capacity", observed.pools.active * observed.capacity, fleet, name)
        self._gauge("threshold", observed.threshold, fleet, name)
        self._gauge("optimal_threshold", observed.optimal_threshold, fleet, name)
        if observed.tokens:
            self._gauge("tokens", observed.tokens.green, fleet, name, "green")
            self._gauge("tokens", observed.tokens.yellow, fleet, name, "yellow")
        self._gauge("marginal_utility", observed.marginal_utility, fleet, name)
        self._gauge("pool_worth", observed.pool_worth, fleet, name)
        for token, count in counted.assigned.items():
            self._counters["assignments"].add_metric((fleet, name, token), count)

    def _add_levels(self, fleet: str, observed: ClassObservation) -> None:
        if not observed.pools.active:
            return
        stride = -(-observed.capacity // MOST_LEVELS)
        for level in range(stride, observed.capacity + 1, stride):
            labels = (fleet, observed.name, str(level))
            self._gauge("occupancy_fraction", _fraction(observed.occupancy, level), *labels)
            self._gauge("optimal_occupancy_fraction", _fraction(observed.optimal_occupancy, level), *labels)

    def _add_counters(self, seen: Observation) -> None:
        counted = seen.counters
        for name, labels, counter in (
            ("completions", (), "completed"),
            ("rejections", ("no_capacity",), "rejected_no_capacity"),
            ("rejections", ("no_active_pool",), "rejected_no_active_pool"),
            ("leases_expired", (), "expired"),
            ("sessions_failed", (), "failed"),
            ("sessions_reported_ended", (), "reported_ended"),
            ("sessions_adopted", (), "adopted"),
            ("learning_steps", ("up",), "learning_steps_up"),
            ("learning_steps", ("down",), "learning_steps_down"),
            ("repairs", (), "repairs"),
        ):
            self._counters[name].add_metric((seen.fleet, *labels), counted[counter])


def _fraction(column: list[int] | list[float], level: int) -> float:
    return column[level] / column[0] if level < len(column) else 0.0


def _gaps(newer: Integrals, older: Integrals, spec: FleetSpec) -> Gaps | None:
    """None too where curves changed within: no series rather than a wrong one."""
    try:
        return averages(newer, older, spec)
    except (InvalidIntegrals, UtilitiesChanged):
        return None
