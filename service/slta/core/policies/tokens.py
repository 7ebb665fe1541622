"""Tokens, thresholds and estimate r on full occupancies, shared by the policies that learn r (paper section 3.2).

A pool of class i with x sessions has a green token iff x < ℓ_i(r), and a yellow token iff i = i_r and x < j_r.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from slta.core.policies.occupancies import Occupancies
from slta.core.ranking import Ranking

GREEN, YELLOW, NO_TOKEN = 0, 1, 2

EXPONENT = Fraction(45, 100)
"""γ of β_n = n^−γ in the paper's simulations; its proofs require γ < 1/2."""


@dataclass(frozen=True, slots=True)
class Beta:
    """β_n: `n^−exponent`, or `fixed` for every n."""

    exponent: Fraction | None = EXPONENT
    fixed: Fraction | None = None

    def coefficient_and_power(self) -> tuple[float, float]:
        """(c, p) with nβ_n = c · n^p."""
        if self.fixed is not None:
            return float(self.fixed), 1.0
        return 1.0, float(1 - (self.exponent or 0))

    def min_green(self, pools: int) -> int:
        """⌈nβ_n⌉ for n = `pools`, the green tokens needed to decrement r; at least 2.

        With nβ_n ≤ 1 a decrement could leave no yellow token, and sessions would be placed at random: so nβ_n counts
        as just above 1. Rounding errors are tolerated: 100 · 0.05 gives 5, not 6.

        >>> Beta().min_green(100)  # 100^0.55 = 12.59
        13
        """
        coefficient, power = self.coefficient_and_power()
        return max(2, math.ceil(coefficient * math.pow(pools, power) * (1 - 1e-12)))


class Tokens:
    """Estimate r and the tokens derived from the occupancies; a subclass adds `assign`."""

    def __init__(self, occupancies: Occupancies, beta: Beta) -> None:
        """Set r to its optimum for the current sessions, 1 for an empty fleet.

        Without active pools r is 0, and starts at the best rank once pools are added.
        """
        self.occupancies = occupancies
        self.beta = beta
        self.rank = occupancies.optimal_rank()
        self.estimate = occupancies.full_ranking.coordinate(1)
        self._set_rank(self.rank)

    def tokens(self, seen: Occupancies | None = None) -> tuple[list[list[int]], list[int]]:
        """Pools with a green token by class, and those with a yellow one (all of class i_r), among those `seen`."""
        state = seen or self.occupancies
        green = [state.below(i, threshold) for i, threshold in enumerate(state.ranking.thresholds(self.rank))]
        return green, state.below(self.estimate.pool_class, self.estimate.level)

    def complete(self, pool_class: int, pool: int) -> None:
        """End one session of an active pool; r is unchanged."""
        self.occupancies.leave(pool_class, pool)
        self._set_rank(self.rank)

    def pools_changed(self) -> None:
        """Update after pools were added or removed: r keeps its coordinate, or takes the next worse, or the last."""
        self.occupancies.refresh()
        ranking: Ranking = self.occupancies.ranking
        if len(ranking):
            self._set_rank(ranking.rank_at_or_after(self.estimate, self.occupancies.full_ranking))
        else:
            self.rank = 0

    def _set_rank(self, rank: int) -> None:
        # A single pool never has two green tokens, so r could not decrease: it is set to its optimum.
        self.rank = self.occupancies.optimal_rank() if sum(self.occupancies.pools) == 1 else rank
        if self.rank:
            self.estimate = self.occupancies.ranking.coordinate(self.rank)
