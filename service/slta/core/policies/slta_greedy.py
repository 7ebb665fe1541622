"""Policy SLTA-greedy, as executable specification: SLTA with green tokens in ranking order. Not in the paper.

It keeps the tokens and r of `slta` (paper section 3.2). An arriving session goes to a pool drawn uniformly among

0. first, while no pool has a token, r ← r + 1; some pool has room, so r stays in the ranking; then
1. the green tokens of one class: of the classes with any, the one whose coordinate (i, ℓ_i(r)) ranks best;
   without any,
2. the yellow tokens.

Then r is updated from the state after step 0, just before the arrival:

- r ← r − 1 if r > 1 and at least nβ_n tokens are green, of any classes;
- r ← r + 1 if no token is green and at most one is yellow.

Compared with `slta`, classes with green tokens are used in ranking order, in which class i_{r−1} is last, as its
coordinate is the worst; r can decrease without a green token of that class. So r can fall below a full level; step 0
then raises it, where `slta` would draw among all pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slta.core.policies.choice import NOTHING, Choice, Decision, best
from slta.core.policies.occupancies import Occupancies
from slta.core.policies.steps import Standing, Step
from slta.core.policies.tokens import GREEN, YELLOW, Tokens
from slta.core.ranking import Coordinate

TOKENS = ("green", "yellow")


def choose(green: Sequence[int], threshold_ranks: Sequence[int], yellow: int, yellow_class: int, draw: float) -> Choice:
    """Steps 1 and 2: `green[i]` and `yellow` count tokens, `threshold_ranks[i]` ranks (i, ℓ_i(r)), if ℓ_i(r) > 0.

    `draw` is in [0, 1). Without tokens the result's class is NOTHING.

    >>> choose([1, 2], [4, 3], 3, 0, 0.5)  # class 1 has the better rank; number ⌊2 · 0.5⌋ of its two tokens
    Choice(token=0, pool_class=1, index=1)
    """
    # 1. The green tokens of the class whose threshold ranks best.
    pool_class = best(green, threshold_ranks)
    if pool_class != NOTHING:
        return Choice(GREEN, pool_class, int(draw * green[pool_class]))
    # 2. The yellow tokens.
    if yellow > 0:
        return Choice(YELLOW, yellow_class, int(draw * yellow))
    return Choice(YELLOW, NOTHING, 0)


def next_rank(rank: int, last_rank: int, green: Sequence[int], yellow: int, min_green: int) -> int:
    """r after an arrival, from the counts just before it; `min_green` is nβ_n rounded up.

    >>> next_rank(3, 6, [2, 0], 1, 2)  # two green tokens suffice, of any class
    2
    """
    green_total = 0
    for count in green:
        green_total += count
    if rank > 1 and green_total >= min_green:
        return rank - 1
    if rank < last_rank and green_total == 0 and yellow <= 1:
        return rank + 1
    return rank


def explain(standing: Standing) -> list[Step]:
    """Steps 1 and 2 for the next session, after step 0."""
    green = standing.green()
    if not any(green) and not standing.yellow():  # the first r with a token is the rank of a frontier
        standing = replace(standing, rank=min(map(standing.rank_of, standing.best_places())))
        green = standing.green()
    thresholds = standing.ranking.thresholds(standing.rank)
    having = [i for i, places in enumerate(green) if places]
    first = min(having, key=lambda i: standing.ranking.rank(Coordinate(i, thresholds[i])), default=NOTHING)
    name = "the class" if first == NOTHING else f"{standing.names[first]},"
    return [
        Step(f"a green token of {name} whose threshold ranks best", "green", green[first] if having else ()),
        Step("a yellow token", "yellow", standing.yellow()),
    ]


class SltaGreedy(Tokens):
    """SLTA-greedy on full occupancies, one session at a time."""

    def assign(self, draw: float) -> Decision | None:
        """Assign one session; None, without a change, if no active pool has room."""
        state, seen = self.occupancies, self.occupancies.candidates()
        if not any(seen.with_room()):
            return None
        self.rise_to_a_token(seen)
        green, yellow = self.tokens(seen)
        counts = [len(pools) for pools in green]
        choice = choose(counts, self.threshold_ranks(), len(yellow), self.estimate.pool_class, draw)
        pool = (green[choice.pool_class], yellow)[choice.token][choice.index]
        state.join(choice.pool_class, pool)
        min_green = self.beta.min_green(sum(state.pools))
        self._set_rank(next_rank(self.rank, len(state.ranking), counts, len(yellow), min_green))
        return Decision(TOKENS[choice.token], choice.pool_class, pool, self.rank)

    def rise_to_a_token(self, seen: Occupancies | None = None) -> None:
        """Step 0, for the pools `seen`, by default all; one of them must have room."""
        while not any(map(len, (*self.tokens(seen)[0], self.tokens(seen)[1]))):
            self._set_rank(self.rank + 1)

    def threshold_ranks(self) -> list[int]:
        """Rank of (i, ℓ_i(r)) by class; 0 for threshold 0, without green tokens."""
        ranking = self.occupancies.ranking
        thresholds = ranking.thresholds(self.rank)
        return [ranking.rank(Coordinate(i, level)) if level else 0 for i, level in enumerate(thresholds)]
