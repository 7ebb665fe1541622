"""Fixed weights baseline: weighted least connections, tuned for one load.

Weighted least connections with weight w is JLMU with marginal utility −(x+1)/w, so the best weights at a load are its
optimal occupancies. At other loads the same proportions are suboptimal. Sessions with types use the weights of the
classes of their type only.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from slta.core.fleet import FleetSpec
from slta.core.occupancy import total_utility
from slta.core.ranking import rank_coordinates
from slta.core.session_types.bound import bound
from slta.core.utility import PoolClass, WeightedLeastConnectionsUtility

NO_WEIGHT = Fraction(1, 10**9)
"""Substitute for weight 0: the class gets sessions only when all others are full."""
FINEST_WEIGHT = 1000


def best_weights(spec: FleetSpec, pools: Sequence[float], sessions: Sequence[float]) -> list[Fraction]:
    """Best weights: mean occupancy of each class at the optimum for `sessions` by type on `pools`, both totals."""
    held = bound(spec.type_sets, spec.ranking, pools, sessions).held
    means = (taken / count if count else 0.0 for taken, count in zip(held, pools, strict=True))
    return [Fraction(mean).limit_denominator(FINEST_WEIGHT) or NO_WEIGHT for mean in means]


class FixedWeights:
    """Weights tuned for `sessions` by type on `pools`, evaluated by the fleet's true utilities at any load."""

    def __init__(self, spec: FleetSpec, pools: Sequence[float], sessions: Sequence[float]) -> None:
        self.weights = best_weights(spec, pools, sessions)
        self._sets, self._true = spec.type_sets, spec.ranking
        self._capacities = [c.capacity for c in spec.classes]
        self._fill = rank_coordinates(
            [
                PoolClass(c.name, WeightedLeastConnectionsUtility(weight), c.capacity)
                for c, weight in zip(spec.classes, self.weights, strict=True)
            ]
        )

    def utility(self, pools: Sequence[float], sessions: Sequence[float]) -> float:
        """Utility when the sessions of each type are spread by the weights, without random fluctuation."""
        held = bound(self._sets, self._fill, pools, sessions).held
        columns = [_levels(*of_class) for of_class in zip(pools, held, self._capacities, strict=True)]
        return total_utility(self._true, columns)


def _levels(pools: float, held: float, capacity: int) -> list[float]:
    """Pools with at least 0, 1, 2, … sessions if `held` are spread evenly."""
    return [pools, *(min(max(held - level * pools, 0.0), pools) for level in range(capacity))]
