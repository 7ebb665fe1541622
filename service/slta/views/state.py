"""State of a fleet at one instant, compared with the optimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum
from slta.core.ranking import Coordinate, Ranking
from slta.models import MICROSECONDS, ClassSnapshot, Snapshot
from slta.models.pools import Guard
from slta.views.averages import DifferencesBySource, completed, differences_by_source, encode_integrals, mean_difference
from slta.views.quality import samples_of
from slta.views.session_types import (
    FleetOptimum,
    SessionCounts,
    TypeObservation,
    columns_of,
    fleet_optimum,
    observe_types,
    reserves,
    sessions_by_type,
)

FACTS = ("fleet", "config_version", "policy", "as_of", "store_epoch", "suspect", "repair_blocked")
"""Fields of an instant that are those of the snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCounts:
    """Number of pools: `active` are in service, `unconfirmed` of them without a heartbeat during a mass loss.

    `lost` and `gone` have the status active, but are not in service.
    """

    active: int
    draining: int
    failed: int
    unconfirmed: int
    lost: int
    gone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Number of pools of a class with a green and with a yellow token."""

    green: int
    yellow: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassObservation:
    """Class of pools. Values that need an active pool are null without one.

    - `threshold`, `optimal_threshold`: target occupancies by `estimate_rank` and `optimal_rank`.
    - `tokens`: pools with a token, null under JLMU and `observe`.
    - `guard`: the mass-loss guard, `over` until the last unconfirmed pool sends a heartbeat or is lost.
    - `marginal_utility`: what a session adds on the emptiest pool, null if all are full.
    - `pool_worth`: what one more pool adds at the optimum. `measured_level`: beyond it the curve is assumed.
    - `kept_places`: free places kept for the types `kept_for`, null without session types.
    - `occupancy[j]`: active pools with at least j sessions. `optimal_occupancy[j]`: the same in the best assignment.
    - `marginal_utilities[x]`: what one more session adds to x sessions, up to one session beyond the present ones.
    """

    name: str
    capacity: int
    pools: PoolCounts
    sessions: SessionCounts
    threshold: int | None
    optimal_threshold: int | None
    tokens: Tokens | None
    guard: Guard
    marginal_utility: float | None
    pool_worth: float | None
    kept_places: int | None
    kept_for: list[str]
    measured_level: int | None
    occupancy: list[int]
    optimal_occupancy: list[float]
    marginal_utilities: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """Fleet at one instant; `Observation` says what its values are."""

    fleet: str
    config_version: int
    policy: str
    stated_policy: str
    utility_unit: str | None
    as_of: str
    time: float
    store_epoch: int
    suspect: bool
    repair_blocked: str | None
    went_back_seconds: float | None
    pools: PoolCounts
    sessions: SessionCounts
    capacity: int
    offered_load_estimate: float | None
    estimate_rank: int | None
    optimal_rank: int | None
    min_green_to_decrement: int | None
    utility: float
    utility_bound: float
    utility_per_pool: float | None
    utility_bound_per_pool: float | None
    relative_gap: float | None
    compatibility_gap: float | None
    load_price: float | None
    difference_at_placing: float | None
    difference_at_placing_by_source: DifferencesBySource | None
    classes: list[ClassObservation]
    session_types: list[TypeObservation]
    counters: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation(Instant):
    """Fleet at one instant, `GET …/state`. Values that need an active pool are null without one.

    - `as_of`: the instant, for a pool's list of sessions. `time`: fleet time, which stops while the store is
      unreachable.
    - `store_epoch`: Unix time of the fleet's creation or of its store's last rollback, which was `went_back_seconds`
      ago. Discard cached state when it changes.
    - `suspect`: the fleet is repaired within about a second, unless `repair_blocked` says why not.
    - `pools.active`: pools in service, unconfirmed ones included. `capacity`: their places. `offered_load_estimate`:
      sessions per active pool. `sessions.draining`: sessions on all other pools, which have no utility.
    - `estimate_rank`: under JLMU and `observe` the best rank with a free pool. `optimal_rank`: the last if all is full.
    - `min_green_to_decrement`: green tokens that lower the estimate, null under JLMU and `observe`.
    - `utility_bound`: maximum utility of as many sessions. `relative_gap`: 1 - utility / bound.
    - `load_price`: what one more session adds at the optimum.
    - `difference_at_placing`: mean over all reports since curves, order or policy changed; of a fleet that places,
      `difference_at_placing_by_source`.
    - `compatibility_gap`: null without session types. With them `optimal_rank`, `load_price` and `optimal_threshold`
      are null, and each type has a load price.
    - `counters`: since the creation. `refused_ids`: with
      scale advice the different ids among the rejections, less those that were placed within a mean stay.
    - `integrals`: opaque, for `averages`.
    """

    integrals: str


def observe_state(snapshot: Snapshot, spec: FleetSpec) -> Observation:
    """Response of `GET …/state`. O(levels)."""
    seen = instant(snapshot, spec)
    facts = {field.name: getattr(seen, field.name) for field in fields(seen)}
    return Observation(**facts, integrals=encode_integrals(snapshot.fleet, completed(snapshot.integrals, spec)))


def instant(snapshot: Snapshot, spec: FleetSpec) -> Instant:
    """Snapshot compared with the optimum for its sessions and pools. O(levels)."""
    pools = [c.counts[0] for c in snapshot.classes]
    active = sum(pools)
    ranking = enumeration(spec, pools)
    best = fleet_optimum(spec, pools, sessions_by_type(snapshot, spec))
    free = spec.integers.to_utility(snapshot.optimum)
    target = dispatch_target(spec, pools, snapshot.sessions)
    utility = spec.integers.to_utility(snapshot.utility)
    most = best.utility if best and spec.session_types else free
    return Instant(
        **{name: getattr(snapshot, name) for name in FACTS},
        stated_policy=spec.stated_policy or snapshot.policy,
        utility_unit=spec.utility_unit,
        time=snapshot.time / MICROSECONDS,
        went_back_seconds=_went_back_seconds(snapshot),
        pools=pool_counts(snapshot.classes),
        sessions=SessionCounts(active=snapshot.sessions, draining=snapshot.draining_sessions),
        capacity=spec.places(pools),
        offered_load_estimate=snapshot.sessions / active if active else None,
        estimate_rank=snapshot.rank or None,
        optimal_rank=ranking.rank(target) if target else None,
        min_green_to_decrement=snapshot.min_green if spec.policy.has_thresholds and active else None,
        utility=utility,
        utility_bound=most,
        utility_per_pool=utility / active if active else None,
        utility_bound_per_pool=most / active if active else None,
        relative_gap=(most - utility) / abs(most) if most else None,
        compatibility_gap=free - most if spec.session_types else None,
        load_price=best.load_prices[0] if best and not spec.session_types else None,
        difference_at_placing=mean_difference(snapshot.integrals, None, spec),
        difference_at_placing_by_source=differences_by_source(snapshot.integrals, None, spec),
        classes=_observe_classes(snapshot, spec, ranking, best, target),
        session_types=observe_types(snapshot, spec, best),
        counters=dict(snapshot.counters),
    )


def pool_counts(classes: Sequence[ClassSnapshot]) -> PoolCounts:
    """Pools of these classes; the store counts lost ones as draining, since they are not in service either."""
    leased = {word: sum(c.leased_pools[word] for c in classes) for word in ("unconfirmed", "lost", "gone")}
    return PoolCounts(
        active=sum(c.counts[0] for c in classes),
        draining=sum(c.draining_pools - c.lost_pools for c in classes),
        failed=sum(c.failed_pools for c in classes),
        **leased,
    )


def _went_back_seconds(snapshot: Snapshot) -> float | None:
    """Seconds since a rollback of the store was detected, which sets the epoch; None without one."""
    seconds = max(0.0, snapshot.clock / MICROSECONDS - snapshot.store_epoch)
    return seconds if snapshot.counters.get("went_back") else None


def dispatch_target(spec: FleetSpec, pools: Sequence[float], sessions: float) -> Coordinate | None:
    """Coordinate of r*: the last one that sessions use when they fill the dispatch order.

    None without pools, and with session types.
    """
    best = None if spec.session_types else optimum(spec.ranking, pools, sessions)
    return best.coordinate if best else None


def enumeration(spec: FleetSpec, pools: Sequence[float]) -> Ranking:
    """The ranking restricted to classes that have pools."""
    present = [i for i, count in enumerate(pools) if count]
    return spec.ranking if all(pools) else spec.ranking.restricted_to(present)


def _observe_classes(
    snapshot: Snapshot,
    spec: FleetSpec,
    ranking: Ranking,
    best: FleetOptimum | None,
    target: Coordinate | None,
) -> list[ClassObservation]:
    pools = [c.counts[0] for c in snapshot.classes]
    optimal = columns_of(best.held if best else [0] * len(pools), pools)
    worths: Sequence[float | None] = best.pool_worths if best else [None] * len(pools)
    estimate = ranking.coordinate(snapshot.rank) if snapshot.rank else None
    kept = reserves(snapshot, spec)
    return [
        ClassObservation(
            name=seen.name,
            capacity=spec.classes[i].capacity,
            pools=pool_counts([seen]),
            sessions=SessionCounts(active=sum(seen.counts[1:]), draining=seen.draining_sessions),
            threshold=ranking.threshold(i, snapshot.rank) if estimate else None,
            optimal_threshold=ranking.threshold(i, ranking.rank(target)) if target else None,
            tokens=Tokens(green=seen.green, yellow=snapshot.yellow if estimate and estimate.pool_class == i else 0)
            if spec.policy.has_thresholds
            else None,
            guard=seen.guard,
            marginal_utility=_marginal_of_emptiest(spec, i, seen.counts),
            pool_worth=worths[i],
            kept_places=kept[i].places,
            kept_for=kept[i].types,
            measured_level=samples[-1].level if samples else None,
            occupancy=list(seen.counts),
            optimal_occupancy=optimal[i],
            marginal_utilities=list(spec.ranking.marginals[i][: len(seen.counts)]),
        )
        for i, (seen, samples) in enumerate(zip(snapshot.classes, samples_of(snapshot, spec), strict=True))
    ]


def _marginal_of_emptiest(spec: FleetSpec, pool_class: int, counts: Sequence[int]) -> float | None:
    lowest = sum(count == counts[0] for count in counts) - 1
    has_room = counts[0] and lowest < spec.classes[pool_class].capacity
    return spec.ranking.marginals[pool_class][lowest] if has_room else None
