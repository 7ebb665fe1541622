"""Fixed weights baseline: weighted least connections, tuned for one load.

Weighted least connections with weight w is JLMU with marginal utility −(x+1)/w, so the best weights at a load are its
optimal occupancies. At other loads the same proportions are suboptimal.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from slta.core.fleet import FleetSpec
from slta.core.occupancy import total_utility
from slta.core.optimum import optimal_assignment, optimum
from slta.core.ranking import Ranking, rank_coordinates
from slta.core.utility import PoolClass, WeightedLeastConnectionsUtility

NO_WEIGHT = Fraction(1, 10**9)
"""Substitute for weight 0: the class gets sessions only when all others are full."""
FINEST_WEIGHT = 1000


def best_weights(ranking: Ranking, pools: Sequence[float], sessions: float) -> list[Fraction]:
    """Best weights: mean occupancy of each class at the optimum for `sessions` on `pools`, both totals or per pool."""
    best = optimum(ranking, pools, sessions)
    if best is None:
        return [NO_WEIGHT] * len(pools)
    columns = optimal_assignment(ranking, pools, best)
    means = (sum(column[1:]) / count if count else 0.0 for column, count in zip(columns, pools, strict=True))
    return [Fraction(mean).limit_denominator(FINEST_WEIGHT) or NO_WEIGHT for mean in means]


class FixedWeights:
    """Weights tuned for `sessions` on `pools`, evaluated by the fleet's true utilities at any load."""

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
        """Utility when sessions are spread by the weights, without random fluctuation."""
        best = optimum(self._fill, pools, sessions)
        return total_utility(self._true, optimal_assignment(self._fill, pools, best)) if best else 0.0
