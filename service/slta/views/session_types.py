"""Session types: their sessions, and what the restrictions to their classes cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slta.core.fleet import FleetSpec
from slta.models import Snapshot
from slta.views.counts import SessionCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeObservation:
    """Session type, whose sessions may use `pool_classes`.

    `assigned` and `refused`, by reason, are counters. `incompatible` are reports of sessions in another class.
    """

    name: str
    pool_classes: list[str]
    sessions: SessionCounts
    assigned: int
    refused: dict[str, int]


def observe_types(snapshot: Snapshot, spec: FleetSpec) -> list[TypeObservation]:
    """The session types by number; empty without any."""
    names, seen = spec.class_names(), snapshot.types.types if snapshot.types else ()
    return [
        TypeObservation(
            name=one.name,
            pool_classes=[names[c] for c in own],
            sessions=SessionCounts(active=one.sessions, draining=one.other_sessions),
            assigned=one.assigned,
            refused=dict(one.refused),
        )
        for one, own in zip(seen, spec.type_sets.classes if seen else (), strict=True)
    ]


def compatibility_gap(snapshot: Snapshot, spec: FleetSpec) -> float | None:
    """U*(Σ N_t, A) − U*(N_1 … N_T, A); None without session types."""
    types = snapshot.types
    return spec.integers.to_utility(snapshot.optimum - types.optimum) if types else None


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


def refused_most(types: Sequence[TypeObservation]) -> Mapping[str, int]:
    """The type of which most sessions were refused for want of a place, with their number; empty without any."""
    counts = {one.name: one.refused["no_capacity"] + one.refused["no_active_pool"] for one in types}
    name = max(counts, key=counts.__getitem__, default=None)
    return {name: counts[name]} if name is not None and counts[name] else {}
