"""Self-Learning Threshold Assignment (paper section 3.2 and appendix A), as executable specification.

A pool of class i with x sessions has a green token iff x < ℓ_i(r), and a yellow token iff i = i_r and x < j_r.
An arriving session goes to a pool drawn uniformly among

1. the green tokens of classes other than i_{r−1}; if there are none,
2. the green tokens of class i_{r−1}; if there are none,
3. the yellow tokens; if there are none,
4. all pools, here all that have room.

Then r moves, judged on the state just before the arrival:

- r ← r − 1 if r > 1, at least nβ_n tokens are green, and at least one of them is of class i_{r−1};
- r ← r + 1 if no token is green and at most one is yellow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from service.core.policies.choice import NOTHING, Choice, Decision, pick
from service.core.policies.occupancies import Occupancies
from service.core.ranking import Ranking

GREEN, YELLOW, NO_TOKEN = 0, 1, 2
TOKENS = ("green", "yellow", "none")

EXPONENT = Fraction(45, 100)
"""γ of β_n = n^−γ in the paper's runs; it proves its results for γ < 1/2."""


@dataclass(frozen=True, slots=True)
class Beta:
    """β_n: `n^−exponent`, or `fixed` for every n."""

    exponent: Fraction | None = EXPONENT
    fixed: Fraction | None = None

    def coefficient_and_power(self) -> tuple[float, float]:
        """c and p with nβ_n = c · n^p."""
        if self.fixed is not None:
            return float(self.fixed), 1.0
        return 1.0, float(1 - (self.exponent or 0))

    def min_green(self, pools: int) -> int:
        """The fewest green tokens that are at least nβ_n, for n = `pools`; 2 at least.

        With nβ_n ≤ 1 a step down could leave no yellow token, and sessions would be placed at random: so nβ_n counts
        as just above 1. A rounding error never asks for a token more: 100 · 0.05 needs 5, not 6.

        >>> Beta().min_green(100)  # 100^0.55 = 12.59
        13
        """
        coefficient, power = self.coefficient_and_power()
        return max(2, math.ceil(coefficient * math.pow(pools, power) * (1 - 1e-12)))


def choose(
    green: Sequence[int], yellow: int, yellow_class: int, previous_class: int, room: Sequence[int], draw: float
) -> Choice:
    """Steps 1 to 4: `green[i]` and `yellow` count tokens, `room[i]` pools; `previous_class` is i_{r−1}, if r > 1.

    `draw` is in [0, 1). Without room anywhere the class is NOTHING.

    >>> choose([1, 2], 3, 0, 0, [4, 4], 0.5)  # step 1: a green token of class 1, for class 0 is i_{r−1}
    Choice(token=0, pool_class=1, index=1)
    """
    # 1. The green tokens of classes other than i_{r−1}.
    pool_class, index = pick(green, previous_class, draw)
    if pool_class != NOTHING:
        return Choice(GREEN, pool_class, index)
    # 2. The green tokens of class i_{r−1}.
    if previous_class != NOTHING and green[previous_class] > 0:
        return Choice(GREEN, previous_class, int(draw * green[previous_class]))
    # 3. The yellow tokens.
    if yellow > 0:
        return Choice(YELLOW, yellow_class, int(draw * yellow))
    # 4. All pools that have room.
    pool_class, index = pick(room, NOTHING, draw)
    return Choice(NO_TOKEN, pool_class, index)


def next_rank(rank: int, last_rank: int, green: Sequence[int], yellow: int, previous_class: int, min_green: int) -> int:
    """r after an arrival, from the counts just before it; `min_green` is nβ_n rounded up.

    >>> next_rank(3, 6, [0, 0], 1, 0, 2)  # no green token, and the session takes the last yellow one
    4
    """
    green_total = 0
    for count in green:
        green_total += count
    if rank > 1 and green_total >= min_green and green[previous_class] > 0:
        return rank - 1
    if rank < last_rank and green_total == 0 and yellow <= 1:
        return rank + 1
    return rank


class Slta:
    """SLTA on whole occupancies: assign and complete, one at a time."""

    def __init__(self, occupancies: Occupancies, beta: Beta) -> None:
        """r starts at its optimum for the sessions there are: at 1 when everything is empty.

        Without active pools r is 0; once pools come, it starts at the best rank that then exists.
        """
        self.occupancies = occupancies
        self.beta = beta
        self.rank = occupancies.optimal_rank()
        self.estimate = occupancies.full_ranking.coordinate(1)
        self._set_rank(self.rank)

    def tokens(self) -> tuple[list[list[int]], list[int]]:
        """The pools with a green token by class, and those with a yellow one (all of class i_r)."""
        state = self.occupancies
        green = [state.below(i, threshold) for i, threshold in enumerate(state.ranking.thresholds(self.rank))]
        return green, state.below(self.estimate.pool_class, self.estimate.level)

    def assign(self, draw: float) -> Decision | None:
        """Place one session; None, and nothing changed, where no active pool has room."""
        state = self.occupancies
        room = state.with_room()
        if not any(room):
            return None
        green, yellow = self.tokens()
        previous = state.ranking.coordinate(self.rank - 1).pool_class if self.rank > 1 else NOTHING
        green_counts = [len(pools) for pools in green]
        choice = choose(
            green_counts, len(yellow), self.estimate.pool_class, previous, [len(pools) for pools in room], draw
        )
        candidates = (green[choice.pool_class], yellow, room[choice.pool_class])[choice.token]
        pool = candidates[choice.index]
        state.join(choice.pool_class, pool)
        min_green = self.beta.min_green(sum(state.pools))
        self._set_rank(next_rank(self.rank, len(state.ranking), green_counts, len(yellow), previous, min_green))
        return Decision(TOKENS[choice.token], choice.pool_class, pool, self.rank)

    def complete(self, pool_class: int, pool: int) -> None:
        """One session of an active pool ends; r stays."""
        self.occupancies.leave(pool_class, pool)
        self._set_rank(self.rank)

    def pools_changed(self) -> None:
        """After pools came or went: r keeps its coordinate, else takes the next worse that exists, else the last."""
        self.occupancies.refresh()
        ranking: Ranking = self.occupancies.ranking
        if len(ranking):
            self._set_rank(ranking.rank_at_or_after(self.estimate, self.occupancies.full_ranking))
        else:
            self.rank = 0

    def _set_rank(self, rank: int) -> None:
        # A single pool can never gather two green tokens, so r could not fall: it is known without learning.
        self.rank = self.occupancies.optimal_rank() if sum(self.occupancies.pools) == 1 else rank
        if self.rank:
            self.estimate = self.occupancies.ranking.coordinate(self.rank)
