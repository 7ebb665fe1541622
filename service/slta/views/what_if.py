"""Optimum for a hypothetical load or number of pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimum
from slta.core.ranking import Coordinate
from slta.core.session_types.bound import without_room
from slta.models import Snapshot
from slta.views.expected_gap import PENDING, ExpectedGap, Reason
from slta.views.priced_places import kind_of
from slta.views.session_types import FleetOptimum, fleet_optimum, sessions_by_type
from slta.views.state import dispatch_target, enumeration

Loads = Mapping[str, float]
"""Sessions by type, or of all under "": per active pool, or of the fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassOptimum:
    """Optimal assignment of class i."""

    name: str
    pools: int
    sessions_per_pool: float | None
    threshold: int | None
    pool_worth: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeLoad:
    """Sessions of a type, in total and per active pool of the fleet, and what one more adds at the optimum."""

    name: str
    load_per_pool: float | None
    sessions: float
    load_price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Optimum for a load and numbers of pools.

    Beyond the capacity `overload` is true, the bound is that of full pools, and `pool_worth` the value of one. The
    expected gap is `pending` at first: retry after some seconds. With session types `session_types` has the loads and
    prices, values of all types together are null, and `overloaded_types` names the types that may lack room.
    """

    load_per_pool: float | None
    sessions: float
    overload: bool
    overloaded_types: list[str]
    utility_bound: float | None
    utility_bound_per_pool: float | None
    load_price: float | None
    optimal_rank: int | None
    expected_placement_gap: float | None
    relative_expected_placement_gap: float | None
    expected_placement_gap_reason: Reason | None
    compatibility_gap: float | None
    session_types: list[TypeLoad]
    classes: list[ClassOptimum]


def what_if(
    spec: FleetSpec, counts: Sequence[int], by_type: Sequence[float], expected: ExpectedGap = PENDING
) -> WhatIf:
    """Optimum for numbers of pools and sessions, as of `changed`; `expected` is the expected placement gap there."""
    total, sessions, types = sum(counts), sum(by_type), bool(spec.session_types)
    best, to_utility = fleet_optimum(spec, counts, by_type), spec.integers.to_utility
    free = optimum(spec.integers.totals, counts, sessions) if types else None
    overload = best.overload if best else sessions > 0
    target = dispatch_target(spec, counts, sessions)
    return WhatIf(
        load_per_pool=sessions / total if total else None,
        sessions=sessions,
        overload=overload,
        overloaded_types=_without_room(spec, counts, by_type) if types and overload else [],
        utility_bound=best.utility if best and total else None,
        utility_bound_per_pool=best.utility / total if best and total else None,
        load_price=best.load_prices[0] if best and not types else None,
        optimal_rank=enumeration(spec, counts).rank(target) if target else None,
        expected_placement_gap=expected.gap,
        relative_expected_placement_gap=expected.relative,
        expected_placement_gap_reason=expected.reason,
        compatibility_gap=max(0.0, to_utility(free.utility) - best.utility) if free and best else None,
        session_types=[
            TypeLoad(name=name, load_per_pool=count / total if total else None, sessions=count, load_price=price)
            for name, count, price in zip(spec.type_names, by_type, best.load_prices, strict=True)
        ]
        if types and best
        else [],
        classes=_classes(spec, counts, best, target),
    )


def changed(
    snapshot: Snapshot, spec: FleetSpec, asked: Loads, pools: Mapping[str, int], *, per_pool: bool = True
) -> tuple[list[int], list[float]]:
    """Hypothetical active pools by class, default the current ones, and sessions by type.

    `asked` is per active pool unless `per_pool` is false, by type, default the present sessions. One load for all,
    under "", scales the present ones; if there are none, all are of the default type. UnknownSessionTypeError.
    """
    for name in asked.keys() - {""}:
        kind_of(spec, name)
    counts, present = [pools.get(c.name, c.counts[0]) for c in snapshot.classes], sessions_by_type(snapshot, spec)
    unit = sum(counts) if per_pool else 1
    if "" in asked:
        shares = present if sum(present) else [1.0, *[0.0] * (len(present) - 1)]
        return counts, [asked[""] * unit * (share / sum(shares)) for share in shares]
    return counts, [
        asked[name] * unit if name in asked else count for name, count in zip(spec.type_names, present, strict=True)
    ]


def _without_room(spec: FleetSpec, pools: Sequence[int], sessions: Sequence[float]) -> list[str]:
    room = [count * c.capacity for count, c in zip(pools, spec.classes, strict=True)]
    return [spec.type_names[t] for t in without_room(spec.type_sets, room, sessions)]


def _classes(
    spec: FleetSpec, counts: Sequence[int], best: FleetOptimum | None, target: Coordinate | None
) -> list[ClassOptimum]:
    return [
        ClassOptimum(
            name=c.name,
            pools=count,
            sessions_per_pool=best.held[i] / count if best and count else None,
            threshold=spec.ranking.threshold(i, spec.ranking.rank(target)) if target and count else None,
            pool_worth=best.pool_worths[i] if best else None,
        )
        for i, (c, count) in enumerate(zip(spec.classes, counts, strict=True))
    ]
