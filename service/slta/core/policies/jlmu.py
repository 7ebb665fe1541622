"""Policy Join the Largest Marginal Utility, JLMU (paper section 3.1), as executable specification.

An arriving session goes to a pool drawn uniformly among those with the best-ranked coordinate of any pool (eq. 6). A
class's best coordinate is its frontier: the lowest level that not all of its pools have reached.
"""

from __future__ import annotations

from collections.abc import Sequence

from slta.core.policies.choice import NOTHING, Choice, Decision, best
from slta.core.policies.occupancies import Occupancies
from slta.core.policies.steps import Standing, Step
from slta.core.ranking import Coordinate

OPEN = 0
TOKENS = ("open",)


def choose(frontier_ranks: Sequence[int], open_counts: Sequence[int], draw: float) -> Choice:
    """Choose the best frontier, then one of its open pools, `draw` in [0, 1).

    `frontier_ranks[i]` is the rank of class i's frontier, `open_counts[i]` its number of pools: 0 if the class is full
    or has no pools. Without room in any class the result's class is NOTHING.

    >>> choose([4, 2], [3, 5], 0.5)  # class 1 has the better rank; number ⌊5 · 0.5⌋ of its five pools
    Choice(token=0, pool_class=1, index=2)
    """
    pool_class = best(open_counts, frontier_ranks)
    return Choice(OPEN, pool_class, int(draw * open_counts[pool_class]) if pool_class != NOTHING else 0)


def explain(standing: Standing) -> list[Step]:
    """The only step, for the next session; some pool must have room."""
    place = min(standing.best_places(), key=standing.rank_of)
    return [Step("a pool whose next level ranks best", TOKENS[OPEN], (place,))]


class Jlmu:
    """JLMU on full occupancies, one session at a time."""

    def __init__(self, occupancies: Occupancies) -> None:
        self.occupancies = occupancies

    def frontier(self, pool_class: int, seen: Occupancies | None = None) -> tuple[int, list[int]]:
        """Rank and pools of a class's best coordinate, as in `choice`; (0, []) if it is full or has no pools."""
        state = seen or self.occupancies
        lowest = min((x for x in state.columns[pool_class] if x is not None), default=None)
        if lowest is None or lowest >= len(state.full_ranking.marginals[pool_class]):
            return 0, []
        return state.ranking.rank(Coordinate(pool_class, lowest + 1)), state.below(pool_class, lowest + 1)

    def choice(self, draw: float, seen: Occupancies | None = None) -> Decision | None:
        """Decision for one session among the pools `seen`, by default all; None if none has room."""
        state = seen or self.occupancies
        frontiers = [self.frontier(i, state) for i in range(state.full_ranking.class_count)]
        choice = choose([rank for rank, _ in frontiers], [len(pools) for _, pools in frontiers], draw)
        if choice.pool_class == NOTHING:
            return None
        pool = frontiers[choice.pool_class][1][choice.index]
        return Decision(TOKENS[choice.token], choice.pool_class, pool, 0)

    def assign(self, draw: float) -> Decision | None:
        """Assign one session; None, without a change, if no active pool has room."""
        decision = self.choice(draw, self.occupancies.candidates())
        if decision:
            self.occupancies.join(decision.pool_class, decision.pool)
        return decision

    def complete(self, pool_class: int, pool: int) -> None:
        """End one session of an active pool."""
        self.occupancies.leave(pool_class, pool)

    def pools_changed(self) -> None:
        """Update after pools were added or removed."""
        self.occupancies.refresh()
