"""Optimum for a hypothetical load or number of pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimal_assignment, optimum, pool_worth
from slta.core.ranking import Coordinate
from slta.core.session_types.bound import without_room
from slta.models import Snapshot
from slta.views.expected_gap import PENDING, ExpectedGap, Reason
from slta.views.priced_places import kind_of
from slta.views.session_types import types_optimum
from slta.views.state import dispatch_target, enumeration

Loads = Mapping[str, float]
"""Sessions per active pool by type, or of all under ""."""
OVERLOAD = 1e-9
"""Share of the sessions without room below which that is rounding."""


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
    load: float | None
    sessions: float
    load_price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """`GET …/optimum`: the optimum for a load and numbers of pools.

    With session types `session_types` has their loads and prices, and what describes one price for all is None.
    `overloaded_types` are those that have no room for all their sessions, beside the others.
    """

    load: float | None
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
    snapshot: Snapshot, spec: FleetSpec, load: float | None, pools: Mapping[str, int], expected: ExpectedGap = PENDING
) -> WhatIf:
    """Optimum for `load` sessions per pool, default the current sessions, on the current or given `pools`.

    `expected` is the expected placement gap there.
    """
    counts, sessions = changed(snapshot, load, pools)
    total = sum(counts)
    best = optimum(spec.optimal_ranking, counts, sessions)
    columns = optimal_assignment(spec.optimal_ranking, counts, best) if best else [[]] * len(counts)
    held = [sum(column[1:]) for column in columns]
    worths = [pool_worth(spec.ranking, i, best) if best else None for i in range(len(counts))]
    target = dispatch_target(spec, counts, sessions)
    return WhatIf(
        load=sessions / total if total else load,
        sessions=sessions,
        overload=best.overload if best else sessions > 0,
        overloaded_types=[],
        utility_bound=best.utility if best else None,
        utility_bound_per_pool=best.utility / total if best else None,
        load_price=best.price if best else None,
        optimal_rank=enumeration(spec, counts).rank(target) if target else None,
        expected_placement_gap=expected.gap,
        relative_expected_placement_gap=expected.relative,
        expected_placement_gap_reason=expected.reason,
        compatibility_gap=None,
        session_types=[],
        classes=_classes(spec, counts, held, worths, target),
    )


def what_if_of_types(snapshot: Snapshot, spec: FleetSpec, asked: Loads, pools: Mapping[str, int]) -> WhatIf:
    """Optimum with session types, for the sessions that `sessions_by_type` gives. UnknownSessionTypeError."""
    counts, _ = changed(snapshot, None, pools)
    sessions, total = sessions_by_type(snapshot, spec, asked, sum(counts)), sum(counts)
    best = types_optimum(spec, counts, sessions)
    free = optimum(spec.optimal_ranking, counts, sum(sessions))
    overload = best.refused > OVERLOAD * sum(sessions)
    room = [count * c.capacity for count, c in zip(counts, spec.classes, strict=True)]
    short = without_room(spec.type_sets, room, sessions) if overload else ()
    return WhatIf(
        load=sum(sessions) / total if total else None,
        sessions=sum(sessions),
        overload=overload,
        overloaded_types=[spec.type_names[t] for t in short],
        utility_bound=best.utility if total else None,
        utility_bound_per_pool=best.utility / total if total else None,
        load_price=None,
        optimal_rank=None,
        expected_placement_gap=None,
        relative_expected_placement_gap=None,
        expected_placement_gap_reason="session_types",
        compatibility_gap=free.utility - best.utility if free else None,
        session_types=[
            TypeLoad(name=name, load=count / total if total else None, sessions=count, load_price=price)
            for name, count, price in zip(spec.type_names, sessions, best.load_prices, strict=True)
        ],
        classes=_classes(spec, counts, best.held, best.pool_worths),
    )


def sessions_by_type(snapshot: Snapshot, spec: FleetSpec, asked: Loads, pools: int) -> list[float]:
    """Hypothetical sessions of each type: `asked` per active pool by type, default the present ones.

    One load for all, under "", scales the present ones; if there are none, all are of the default type.
    """
    for name in asked.keys() - {""}:
        kind_of(spec, name)
    present = [float(one.sessions) for one in snapshot.types] or [0.0] * len(spec.type_names)
    if "" in asked:
        shares = present if sum(present) else [1.0, *[0.0] * (len(present) - 1)]
        return [asked[""] * pools * share / sum(shares) for share in shares]
    return [
        asked[name] * pools if name in asked else count for name, count in zip(spec.type_names, present, strict=True)
    ]


def changed(snapshot: Snapshot, load: float | None, pools: Mapping[str, int]) -> tuple[list[int], float]:
    """Hypothetical active pools by class, and number of sessions."""
    counts = [pools.get(c.name, c.counts[0]) for c in snapshot.classes]
    return counts, float(snapshot.sessions) if load is None else load * sum(counts)


def _classes(
    spec: FleetSpec,
    counts: Sequence[int],
    held: Sequence[float],
    worths: Sequence[float | None],
    target: Coordinate | None = None,
) -> list[ClassOptimum]:
    return [
        ClassOptimum(
            name=c.name,
            pools=count,
            sessions_per_pool=here / count if count else None,
            threshold=spec.ranking.threshold(i, spec.ranking.rank(target)) if target and count else None,
            pool_worth=worth,
        )
        for i, (c, count, here, worth) in enumerate(zip(spec.classes, counts, held, worths, strict=True))
    ]
