"""An order of coordinates for small fleets, by the price of a session at which one level more breaks even.

A pool that accepts arrivals of rate Λ up to threshold T is an Erlang loss system. Raising T to T + 1 earns
E_{T+1}[u] − E_T[u] in utility and takes E_{T+1}[X] − E_T[X] sessions more. The quotient is W(T): at this price per
session raising the threshold neither gains nor loses (Whittle, Restless bandits, 1988). A marginal utility looks one
session ahead; W also counts what a session is worth as a reserve for when others leave. As Λ grows W tends to Δ.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.fleets import FleetShape
from service.core.marginals import Irrational, Marginal
from service.core.ranking import Ranking
from service.core.utility import Utility


@dataclass(frozen=True)
class Prices(Utility):
    """Marginals given as numbers; equal to 1e-12 counts as equal."""

    values: tuple[float, ...]

    def marginal(self, sessions: int) -> Marginal:
        """The price of level `sessions` + 1."""
        return Irrational(self.values[sessions])


def prices(marginals: tuple[float, ...], arrival_rate: float) -> tuple[float, ...]:
    """W(T) for T = 0, 1, … below the capacity; `arrival_rate` is Λ in arrivals per mean holding time.

    With B the Erlang-B blocking at T + 1, the occupancy under threshold T + 1 is T + 1 with probability B
    and else as under T. So both differences carry the factor B, and W(T) = (u(T+1) − E_T[u]) / (T + 1 −
    E_T[X]).
    """
    found = []
    utility, mean_utility, mean_sessions, blocking = 0.0, 0.0, 0.0, 1.0
    for level, marginal in enumerate(marginals, start=1):
        utility += marginal
        found.append((utility - mean_utility) / (level - mean_sessions))
        blocking = arrival_rate * blocking / (level + arrival_rate * blocking)
        mean_utility += blocking * (utility - mean_utility)
        mean_sessions += blocking * (level - mean_sessions)
    return tuple(found)


def index_order(shape: FleetShape, arrival_rate: float) -> Ranking:
    """The order by W, with the ties and the checks of `service.core.ranking`."""
    return shape.ordered_by(tuple(Prices(prices(column, arrival_rate)) for column in shape.ranking.marginals))
