"""The occupancy state q, its utility, time averages and the two gaps (paper sections 2.1 and 3.4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.core.optimum import optimum
from service.core.ranking import Ranking

Counts = Sequence[Sequence[float]]
"""n·q: `counts[i][j]` pools of class i hold at least j sessions; `counts[i][0]` is A(i)."""


def counts_of(occupancies: Iterable[Sequence[int]]) -> list[list[int]]:
    """n·q of the occupancies X(i, k) of each class's pools."""
    return [[sum(x >= j for x in column) for j in range(max(column, default=0) + 1)] for column in occupancies]


def total_sessions(counts: Counts) -> float:
    """n·s = Σ n·q(i, j) over j ≥ 1 (eq. 1)."""
    return sum(sum(column[1:]) for column in counts)


def total_utility(ranking: Ranking, counts: Counts) -> float:
    """n·u(q) = Σ n·q(i, j) Δ(i, j − 1): linear in q, so it may be taken of averages too (eq. 3)."""
    return sum(
        pools * marginal
        for i, column in enumerate(counts)
        for pools, marginal in zip(column[1:], ranking.marginals[i], strict=False)
    )


@dataclass(frozen=True, slots=True)
class Averages:
    """Time averages of totals over a window in which utilities did not change.

    `pools[i]` = ⟨A(i)⟩, `sessions` = ⟨N⟩, `utility` = ⟨U⟩, `momentary_optimum` = ⟨U*(N, A)⟩.
    """

    pools: tuple[float, ...]
    sessions: float
    utility: float
    momentary_optimum: float


@dataclass(frozen=True, slots=True)
class Gaps:
    """⟨u⟩ ≤ ⟨u*(s)⟩ ≤ u*(⟨s⟩), all per pool, and what lies between them (sections 2.4 and 3.4.1).

    `placement_gap` is what better placement could win, `swing_gap` what the load's own swings cost.
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
        """A gap as a fraction of |u*(⟨s⟩)|; None where that is 0."""
        return gap / abs(self.utility_bound) if self.utility_bound else None


def gaps(ranking: Ranking, averages: Averages) -> Gaps | None:
    """The averages per pool beside their bound U*(⟨N⟩, ⟨A⟩); None where no pool was active."""
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
