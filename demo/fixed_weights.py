"""What the best fixed weights would reach: weighted least connections, tuned for one load and kept.

Weighted least connections with weight w is JLMU with marginal utility −(x+1)/w, so the weights that place
best at a load are the optimal occupancies at that load. At other loads they fill in the same proportions, and
lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from service.core.fleet import FleetSpec
from service.core.occupancy import total_utility
from service.core.optimum import optimal_assignment, optimum
from service.core.ranking import Ranking, rank_coordinates
from service.core.utility import PoolClass, WeightedLeastConnectionsUtility

NO_WEIGHT = Fraction(1, 10**9)
"""Stands for 0: such a class gets sessions only when all others are full."""
FINEST_WEIGHT = 1000


def best_weights(ranking: Ranking, pools: Sequence[float], sessions: float) -> list[Fraction]:
    """The mean occupancy of each class at the optimum for `sessions` on `pools`: totals, or per pool."""
    best = optimum(ranking, pools, sessions)
    if best is None:
        return [NO_WEIGHT] * len(pools)
    columns = optimal_assignment(ranking, pools, best)
    means = (sum(column[1:]) / count if count else 0.0 for column, count in zip(columns, pools, strict=True))
    return [Fraction(mean).limit_denominator(FINEST_WEIGHT) or NO_WEIGHT for mean in means]


class FixedWeights:
    """Weights tuned for `sessions` on `pools`, judged by the fleet's true utilities at any load."""

    def __init__(self, spec: FleetSpec, pools: Sequence[float], sessions: float) -> None:
        self.weights = best_weights(spec.ranking, pools, sessions)
        self._true = spec.ranking
        self._fill = rank_coordinates(
            [
                PoolClass(c.name, WeightedLeastConnectionsUtility(weight), c.capacity)
                for c, weight in zip(spec.classes, self.weights, strict=True)
            ]
        )

    def utility(self, pools: Sequence[float], sessions: float) -> float:
        """The utility when sessions are spread as the weights say, without the luck of arrivals."""
        best = optimum(self._fill, pools, sessions)
        return total_utility(self._true, optimal_assignment(self._fill, pools, best)) if best else 0.0

    def relative_gap(self, pools: Sequence[float], sessions: float) -> float | None:
        """What they lose against U*(N, A), as a fraction of it; None where that is 0."""
        best = optimum(self._true, pools, sessions)
        if best is None or not best.utility:
            return None
        return (best.utility - self.utility(pools, sessions)) / abs(best.utility)
