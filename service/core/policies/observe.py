"""Observe, as executable specification: nothing is placed, and what others place is compared with JLMU (section 3.1).

A session that somebody else puts on a pool adds Δ there; JLMU would have added the largest Δ that any pool had just
before. The difference of the two says how that one session was placed. Differences must not be summed up to a gain: had
the session gone elsewhere, the next one would have found another state. What can be won is the placement gap.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.core.policies.choice import Decision
from service.core.policies.jlmu import Jlmu

TOKENS = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A reported session, and JLMU's choice at the state that it found; both Δ in the unit of the ranking."""

    marginal_utility: float
    choice: Decision
    choice_marginal_utility: float


class Observe(Jlmu):
    """Reports and completions, one at a time."""

    def assign(self, draw: float) -> Decision | None:  # noqa: ARG002 - as the others
        """None, and nothing changed, always: who asks for a place is refused."""
        return None

    def report(self, pool_class: int, pool: int, draw: float) -> Comparison:
        """Somebody put a session on an active pool with room; `draw` in [0, 1) decides among JLMU's best."""
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
