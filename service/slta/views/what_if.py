"""Optimum for a hypothetical load or number of pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slta.core.fleet import FleetSpec
from slta.core.optimum import Optimum, optimal_assignment, optimum, pool_worth
from slta.core.ranking import Coordinate
from slta.models import Snapshot
from slta.views.expected_gap import PENDING, ExpectedGap, Reason
from slta.views.state import dispatch_target, enumeration


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassOptimum:
    """Optimal assignment of class i."""

    name: str
    pools: int
    sessions_per_pool: float | None
    threshold: int | None
    pool_worth: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """`GET …/optimum`: the optimum for a load and numbers of pools."""

    load: float | None
    sessions: float
    overload: bool
    utility_bound: float | None
    utility_bound_per_pool: float | None
    load_price: float | None
    optimal_rank: int | None
    expected_placement_gap: float | None
    relative_expected_placement_gap: float | None
    expected_placement_gap_reason: Reason | None
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
    target = dispatch_target(spec, counts, sessions)
    return WhatIf(
        load=sessions / total if total else load,
        sessions=sessions,
        overload=best.overload if best else sessions > 0,
        utility_bound=best.utility if best else None,
        utility_bound_per_pool=best.utility / total if best else None,
        load_price=best.price if best else None,
        optimal_rank=enumeration(spec, counts).rank(target) if target else None,
        expected_placement_gap=expected.gap,
        relative_expected_placement_gap=expected.relative,
        expected_placement_gap_reason=expected.reason,
        classes=_optimal_classes(spec, counts, best, target),
    )


def changed(snapshot: Snapshot, load: float | None, pools: Mapping[str, int]) -> tuple[list[int], float]:
    """Hypothetical active pools by class, and number of sessions."""
    counts = [pools.get(c.name, c.counts[0]) for c in snapshot.classes]
    return counts, float(snapshot.sessions) if load is None else load * sum(counts)


def _optimal_classes(
    spec: FleetSpec, counts: Sequence[int], best: Optimum | None, target: Coordinate | None
) -> list[ClassOptimum]:
    columns = optimal_assignment(spec.optimal_ranking, counts, best) if best else [[0.0] for _ in counts]
    return [
        ClassOptimum(
            name=c.name,
            pools=counts[i],
            sessions_per_pool=sum(columns[i][1:]) / counts[i] if counts[i] and best else None,
            threshold=spec.ranking.threshold(i, spec.ranking.rank(target)) if target and counts[i] else None,
            pool_worth=pool_worth(spec.ranking, i, best) if best else None,
        )
        for i, c in enumerate(spec.classes)
    ]
