"""Time averages between two integrals, and their gaps to the utility bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

from slta.core.fleet import FleetSpec
from slta.core.gaps import Averages, Gaps, TypeAverages, gaps
from slta.core.least_connections import least_connections_utility
from slta.models import MICROSECONDS, Integrals, Snapshot, TypeIntegrals
from slta.models.errors import InvalidIntegralsError, UtilitiesChangedError
from slta.views.differences import DifferencesBySource, differences_by_source, mean_difference
from slta.views.integrals import completed, difference, encode_integrals

MEANS_AND_GAPS = (*(field.name for field in fields(Gaps)), "placement_gap", "swing_gap", "utility_gap")
"""Names that an observation has in common with `Gaps`."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragesObservation:
    """Time averages per pool since earlier integrals; null without time covered or active pools.

    - `window_seconds`: time covered, slightly more than the window, less in a young fleet.
    - `utility_optimum_mean`: mean of the best utility at each instant. `utility_bound`: best utility at the mean load.
    - `placement_gap`: `utility_optimum_mean` - `utility_mean`. `swing_gap`: `utility_bound` - `utility_optimum_mean`.
    - `utility_gap`: both gaps. `relative_…`: divided by the bound, null if that is 0.
    - `compatibility_gap`: null without session types, to whose classes the other gaps are restricted.
    - `difference_at_placing`: mean over reports, null without a compared report in the window. A fleet that places has
      `difference_at_placing_by_source`.
    - `mean_sessions_by_type`: totals on active pools, empty without session types.
    """

    window_seconds: float
    mean_pools: float | None
    mean_sessions_per_pool: float | None
    utility_mean: float | None
    utility_optimum_mean: float | None
    utility_bound: float | None
    placement_gap: float | None
    swing_gap: float | None
    utility_gap: float | None
    relative_gap: float | None
    relative_placement_gap: float | None
    relative_swing_gap: float | None
    compatibility_gap: float | None
    relative_compatibility_gap: float | None
    difference_at_placing: float | None
    difference_at_placing_by_source: DifferencesBySource | None
    mean_sessions_by_type: Mapping[str, float]
    integrals: str


def observe_averages(snapshot: Snapshot, older: Integrals, spec: FleetSpec) -> AveragesObservation:
    """Response of `GET …/averages`; raises UtilitiesChangedError and InvalidIntegralsError."""
    means = mean_totals(snapshot.integrals, older, spec)
    result = gaps(spec.bound_ranking, means) if means else None
    by_type = means.types.sessions if means and means.types else ()
    return AveragesObservation(
        window_seconds=(snapshot.integrals.time - older.time) / MICROSECONDS,
        **{name: getattr(result, name, None) for name in MEANS_AND_GAPS},
        relative_gap=result.relative(result.utility_gap) if result else None,
        relative_placement_gap=result.relative(result.placement_gap) if result else None,
        relative_swing_gap=result.relative(result.swing_gap) if result else None,
        relative_compatibility_gap=result.relative(result.compatibility_gap) if result else None,
        difference_at_placing=mean_difference(snapshot.integrals, older, spec),
        difference_at_placing_by_source=differences_by_source(snapshot.integrals, older, spec),
        mean_sessions_by_type=dict(zip(spec.type_names, by_type, strict=bool(by_type))),
        integrals=encode_integrals(snapshot.fleet, completed(snapshot.integrals, spec)),
    )


def over_window(snapshot: Snapshot, seconds: int, compute: Callable[[Integrals], Value]) -> Value | None:
    """What `compute` makes of the integrals kept for a window; None without any, or if it cannot compare them."""
    older = snapshot.past.get(seconds)
    try:
        return compute(older) if older else None
    except (InvalidIntegralsError, UtilitiesChangedError):
        return None


def averages(newer: Integrals, older: Integrals, spec: FleetSpec) -> Gaps | None:
    """⟨u⟩, ⟨u*(s)⟩ and u*(⟨s⟩) between two integrals; None if no time passed or no pool was active.

    Raises UtilitiesChangedError and InvalidIntegralsError.
    """
    means = mean_totals(newer, older, spec)
    return gaps(spec.bound_ranking, means) if means else None


def least_connections_gap(newer: Integrals, older: Integrals, spec: FleetSpec) -> float | None:
    """What least connections would lose at the mean sessions and pools between two integrals, of |u*(⟨s⟩)|.

    None as `averages`, if the bound is 0, and with session types, which an even spread would not respect. Raises as
    `averages`.
    """
    means = None if spec.session_types else mean_totals(newer, older, spec)
    best = gaps(spec.bound_ranking, means) if means else None
    if means is None or best is None:
        return None
    even = least_connections_utility(spec.bound_ranking, means.pools, means.sessions)
    return best.relative(best.utility_bound - even / best.mean_pools)


def mean_totals(newer: Integrals, older: Integrals, spec: FleetSpec) -> Averages | None:
    """Means of totals between two integrals; None if no time passed. Raises as `averages`."""
    if newer.store_epoch != older.store_epoch:
        raise UtilitiesChangedError("The fleet was created anew within the window: begin a new window.")
    if newer.utilities_version != older.utilities_version or _shape(newer) != _shape(older):
        raise UtilitiesChangedError
    elapsed = newer.time - older.time
    if elapsed < 0:
        raise InvalidIntegralsError(
            "`since` is in the future: the store was restored from an older state. Begin a new window."
        )
    if elapsed == 0:
        return None
    newer, older = completed(newer, spec), completed(older, spec)
    optimum = difference(newer.optimum, older.optimum) / elapsed
    return Averages(
        pools=tuple(difference(n, o) / elapsed for n, o in zip(newer.pools, older.pools, strict=True)),
        sessions=difference(newer.sessions, older.sessions) / elapsed,
        utility=spec.integers.to_utility(difference(newer.utility, older.utility) / elapsed),
        momentary_optimum=spec.integers.to_utility(optimum),
        types=_type_averages(newer.types, older.types, spec, optimum, elapsed) if newer.types and older.types else None,
    )


def _shape(integrals: Integrals) -> tuple[int, int]:
    """Numbers of classes and of session types."""
    return len(integrals.pools), len(integrals.types.sessions) if integrals.types else 0


def _type_averages(
    newer: TypeIntegrals, older: TypeIntegrals, spec: FleetSpec, optimum: float, elapsed: int
) -> TypeAverages:
    compatibility = difference(newer.compatibility, older.compatibility) / elapsed
    return TypeAverages(
        sets=spec.type_sets,
        sessions=tuple(difference(n, o) / elapsed for n, o in zip(newer.sessions, older.sessions, strict=True)),
        momentary_optimum=spec.integers.to_utility(optimum - compatibility),
    )
