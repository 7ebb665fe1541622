"""Policy Observe, as executable specification: reported placements are compared with JLMU (section 3.1).

A reported session has Δ of its pool; JLMU would have chosen the largest Δ of any pool just before. Their difference
rates that one placement. Differences must not be summed as a gain: another placement would have changed the state for
the next session. The possible gain is the placement gap.
"""

from __future__ import annotations

from dataclasses import dataclass

from slta.core.policies.choice import Decision
from slta.core.policies.jlmu import Jlmu

TOKENS = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Reported session, and JLMU's choice in the state just before it; both Δ in the unit of the ranking."""

    marginal_utility: float
    choice: Decision
    choice_marginal_utility: float


class Observe(Jlmu):
    """Observe on full occupancies: reports and completions, one at a time."""

    def assign(self, draw: float) -> Decision | None:  # noqa: ARG002 - as the others
        """Always None, without a change: the policy places no sessions."""
        return None

    def report(self, pool_class: int, pool: int, draw: float) -> Comparison:
        """Add a session to an active pool with room; `draw` in [0, 1) decides JLMU's choice. Raises ValueError."""
        choice = self.choice(draw)
        if choice is None:
            raise ValueError("no active pool has room")
        comparison = Comparison(
            self._marginal(pool_class, pool), choice, self._marginal(choice.pool_class, choice.pool)
        )
        self.occupancies.join(pool_class, pool)
        return comparison

    def _marginal(self, pool_class: int, pool: int) -> float:
        return self.occupancies.full_ranking.marginals[pool_class][self.occupancies.columns[pool_class][pool] or 0]
