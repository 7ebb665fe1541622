"""Placement gap and swing gap between time averages and their bound (paper sections 2.4 and 3.4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from slta.core.optimum import optimum
from slta.core.ranking import Ranking


@dataclass(frozen=True, slots=True)
class Averages:
    """Time averages of totals over a window with constant utility functions.

    `pools[i]` = ⟨A(i)⟩, `sessions` = ⟨N⟩, `utility` = ⟨U⟩, `momentary_optimum` = ⟨U*(N, A)⟩.
    """

    pools: tuple[float, ...]
    sessions: float
    utility: float
    momentary_optimum: float


@dataclass(frozen=True, slots=True)
class Gaps:
    """⟨u⟩ ≤ ⟨u*(s)⟩ ≤ u*(⟨s⟩), all per pool, and their differences (sections 2.4 and 3.4.1).

    `placement_gap` is the possible gain of better placement, `swing_gap` the loss by fluctuations of the load.
    """

    mean_pools: float
    mean_sessions_per_pool: float
    utility_mean: float
    utility_optimum_mean: float
    utility_bound: float

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

    def relative(self, gap: float) -> float | None:
        """A gap as a fraction of |u*(⟨s⟩)|; None if that is 0."""
        return gap / abs(self.utility_bound) if self.utility_bound else None


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
    pools = sum(averages.pools)
    best = optimum(ranking, averages.pools, averages.sessions)
    if best is None:
        return None
    return Gaps(
        mean_pools=pools,
        mean_sessions_per_pool=averages.sessions / pools,
        utility_mean=averages.utility / pools,
        utility_optimum_mean=averages.momentary_optimum / pools,
        utility_bound=best.utility / pools,
    )
