"""Placement gap and swing gap between time averages and their bound (paper sections 2.4 and 3.4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from slta.core.optimum import optimum
from slta.core.ranking import Ranking
from slta.core.session_types.bound import bound
from slta.core.session_types.sets import TypeSets


@dataclass(frozen=True, slots=True)
class TypeAverages:
    """`sessions[t]` = ⟨N_t⟩ of the types of `sets`, `momentary_optimum` a bound of ⟨U*(N_1 … N_T, A)⟩."""

    sets: TypeSets
    sessions: tuple[float, ...]
    momentary_optimum: float


@dataclass(frozen=True, slots=True)
class Averages:
    """Time averages of totals over a window with constant utility functions and session types.

    `pools[i]` = ⟨A(i)⟩, `sessions` = ⟨N⟩, `utility` = ⟨U⟩, `momentary_optimum` = ⟨U*(N, A)⟩, as if each session could
    go to any class; `types` is None without session types.
    """

    pools: tuple[float, ...]
    sessions: float
    utility: float
    momentary_optimum: float
    types: TypeAverages | None = None


@dataclass(frozen=True, slots=True)
class Gaps:
    """⟨u⟩ ≤ ⟨u*(s)⟩ ≤ u*(⟨s⟩), all per pool, and their differences (sections 2.4 and 3.4.1).

    `placement_gap` is the possible gain of better placement, `swing_gap` the loss by fluctuations of the load. With
    session types both optima are of sessions that each may use the classes of their type; `compatibility_gap` is the
    mean of what more they would add if all could use all classes, with perfect placement. None without types.
    """

    mean_pools: float
    mean_sessions_per_pool: float
    utility_mean: float
    utility_optimum_mean: float
    utility_bound: float
    compatibility_gap: float | None = None

    @property
    def placement_gap(self) -> float:
        """⟨u*(s)⟩ − ⟨u⟩."""
        return self.utility_optimum_mean - self.utility_mean

    @property
    def swing_gap(self) -> float:
        """u*(⟨s⟩) − ⟨u*(s)⟩."""
        return self.utility_bound - self.utility_optimum_mean

    @property
    def utility_gap(self) -> float:
        """u*(⟨s⟩) − ⟨u⟩."""
        return self.utility_bound - self.utility_mean

    def relative(self, gap: float | None) -> float | None:
        """A gap as a fraction of |u*(⟨s⟩)|; None if that is 0, and without a gap."""
        return gap / abs(self.utility_bound) if gap is not None and self.utility_bound else None


def gaps(ranking: Ranking, averages: Averages) -> Gaps | None:
    """Averages per pool and their bound U*(⟨N⟩, ⟨A⟩); None if no pool was active.

    Two pools whose first session adds 4 and second 2. Half of the time two sessions share one pool, utility 6 of
    optimal 8; half of the time there are four, utility 12.

    >>> from slta.core.ranking import Coordinate
    >>> ranking = Ranking((Coordinate(0, 1), Coordinate(0, 2)), ((4.0, 2.0),))
    >>> found = gaps(ranking, Averages(pools=(2,), sessions=3, utility=9, momentary_optimum=10))
    >>> found.placement_gap, found.swing_gap
    (0.5, 0.0)
    """
    pools, types = sum(averages.pools), averages.types
    best = optimum(ranking, averages.pools, averages.sessions)
    if best is None:
        return None
    of_types = bound(types.sets, ranking, averages.pools, types.sessions).utility if types else None
    momentary = averages.momentary_optimum
    if types and of_types is not None:  # that of intervals may be the larger one if one began before the window
        momentary = min(momentary, types.momentary_optimum, of_types)
    return Gaps(
        mean_pools=pools,
        mean_sessions_per_pool=averages.sessions / pools,
        utility_mean=averages.utility / pools,
        utility_optimum_mean=momentary / pools,
        utility_bound=(best.utility if of_types is None else of_types) / pools,
        compatibility_gap=(averages.momentary_optimum - momentary) / pools if types else None,
    )
