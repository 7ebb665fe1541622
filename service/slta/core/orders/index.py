"""Order by Whittle index, for small fleets. Not in the paper.

A pool that accepts arrivals of rate Λ up to threshold T is an Erlang loss system. Raising T to T + 1 adds
E_{T+1}[u] − E_T[u] in utility and E_{T+1}[X] − E_T[X] sessions. The quotient is W(T), the price per session at which
raising the threshold breaks even (Whittle, Restless bandits, 1988). Unlike the marginal utility, W includes a session's
value as a reserve for departures. As Λ grows W tends to Δ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from slta.core.marginals import Irrational
from slta.core.ranking import Ranking, larger_first
from slta.core.utility import PoolClass


@dataclass(frozen=True)
class Index:
    """`{kind: index, load_per_pool: …}`: by W at Λ = `sessions`, the expected number in the whole fleet.

    Prices equal to 1e-12 tie; ties by class and level.
    """

    kind: ClassVar[str] = "index"
    title: ClassVar[str] = "the price at its load"
    ties: ClassVar[str] = "the place with the larger price at the load is filled first"
    by_marginal: ClassVar[bool] = False

    sessions: float

    def arrange(self, _classes: Sequence[PoolClass], ranking: Ranking) -> Ranking:
        """The order by W."""
        columns = [[Irrational(price) for price in prices(column, self.sessions)] for column in ranking.marginals]
        return Ranking(larger_first(columns), ranking.marginals)


def prices(marginals: Sequence[float], arrival_rate: float) -> tuple[float, ...]:
    """W(T) for T = 0, 1, … below the capacity; `arrival_rate` is Λ in arrivals per mean holding time.

    With B the Erlang-B blocking at T + 1, the occupancy under threshold T + 1 is T + 1 with probability B
    and otherwise distributed as under T. So both differences have the factor B, and W(T) = (u(T+1) − E_T[u]) /
    (T + 1 − E_T[X]). W is clamped to be non-increasing in T despite rounding.

    >>> prices((1.0, 0.0), arrival_rate=1.0)  # (u(2) − E_1[u]) / (2 − E_1[X]) = (1 − 1/2) / (2 − 1/2)
    (1.0, 0.3333333333333333)
    """
    found: list[float] = []
    utility, mean_utility, mean_sessions, blocking = 0.0, 0.0, 0.0, 1.0
    for level, marginal in enumerate(marginals, start=1):
        utility += marginal
        price = (utility - mean_utility) / (level - mean_sessions)
        found.append(min(price, found[-1]) if found else price)
        blocking = arrival_rate * blocking / (level + arrival_rate * blocking)
        mean_utility += blocking * (utility - mean_utility)
        mean_sessions += blocking * (level - mean_sessions)
    return tuple(found)
