"""Session types: their sessions, and what the restrictions to their classes cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.session_types.bound import bound, gains
from slta.core.session_types.reserves import reserve_of
from slta.models import Snapshot
from slta.views.counts import SessionCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeObservation:
    """Session type, whose sessions may use `pool_classes`.

    `assigned` and `refused`, by reason, are counters. `incompatible` are reports of sessions in another class.
    `load_price` is what one more session adds at the optimum.
    """

    name: str
    pool_classes: list[str]
    sessions: SessionCounts
    assigned: int
    refused: dict[str, int]
    load_price: float


class TypesOptimum(NamedTuple):
    """U*(N_1 … N_T, A), and what one more session of each type or pool of each class adds; `held[i]` are in class i."""

    utility: float
    refused: float
    held: Sequence[float]
    load_prices: Sequence[float]
    pool_worths: Sequence[float]


def types_optimum(spec: FleetSpec, pools: Sequence[int], sessions: Sequence[float]) -> TypesOptimum:
    """The optimum for these pools by class and sessions by type: a bound for each class and type."""
    given, to_utility = (spec.type_sets, spec.integers.totals, pools, sessions), spec.integers.to_utility
    best, (by_type, by_class) = bound(*given), gains(*given)
    prices, worths = (list(map(to_utility, found)) for found in (by_type, by_class))
    return TypesOptimum(to_utility(best.utility), best.refused, best.held, prices, worths)


def observe_types(snapshot: Snapshot, spec: FleetSpec, best: TypesOptimum | None) -> list[TypeObservation]:
    """The session types by number; empty without any."""
    if not snapshot.types or not best:
        return []
    names, seen = spec.class_names(), snapshot.types
    return [
        TypeObservation(
            name=one.name,
            pool_classes=[names[c] for c in own],
            sessions=SessionCounts(active=one.sessions, draining=one.other_sessions),
            assigned=one.assigned,
            refused=dict(one.refused),
            load_price=price,
        )
        for one, own, price in zip(seen, spec.type_sets.classes, best.load_prices, strict=True)
    ]


class Reserve(NamedTuple):
    """Free places of a class that are kept for `types`; None without session types."""

    places: int | None
    types: list[str]


def reserves(snapshot: Snapshot, spec: FleetSpec) -> list[Reserve]:
    """The reserve of each class."""
    if not snapshot.types:
        return [Reserve(None, [])] * len(spec.classes)
    free = [
        seen.counts[0] * c.capacity - sum(seen.counts[1:])
        for seen, c in zip(snapshot.classes, spec.classes, strict=True)
    ]
    present = [one.sessions for one in snapshot.types]
    found = []
    for c, places in enumerate(free):
        kept, types = reserve_of(spec.type_sets, c, [room or None for room in free], present, spec.reserve)
        names = [spec.type_names[t] for t in types] if min(places, kept) >= 1 else []
        found.append(Reserve(min(places, int(kept)), names))
    return found


def columns_of(held: Sequence[float], pools: Sequence[int]) -> list[list[float]]:
    """Occupancies by class, as `optimal_assignment`, of `held[i]` sessions that fill the levels of class i from below.

    >>> columns_of([3, 0], [2, 1])
    [[2.0, 2.0, 1.0], [1.0]]
    """
    columns = []
    for here, count in zip(held, pools, strict=True):
        column, left = [float(count)], float(here)
        while left > 0 and count:
            column.append(min(left, float(count)))
            left -= count
        columns.append(column)
    return columns
