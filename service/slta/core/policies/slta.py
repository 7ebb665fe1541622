"""Policy Self-Learning Threshold Assignment, SLTA (section 3.2 and appendix A), as executable specification.

A pool of class i with x sessions has a green token iff x < ℓ_i(r), and a yellow token iff i = i_r and x < j_r.
An arriving session goes to a pool drawn uniformly among

1. the green tokens of classes other than i_{r−1}; without any,
2. the green tokens of class i_{r−1}; without any,
3. the yellow tokens; without any,
4. all pools, here all that have room.

Then r is updated from the state just before the arrival:

- r ← r − 1 if r > 1, at least nβ_n tokens are green, and at least one of them is of class i_{r−1};
- r ← r + 1 if no token is green and at most one is yellow.
"""

from __future__ import annotations

from collections.abc import Sequence

from slta.core.policies.choice import NOTHING, Choice, Decision, pick
from slta.core.policies.steps import Standing, Step, together
from slta.core.policies.tokens import GREEN, NO_TOKEN, YELLOW, Tokens

TOKENS = ("green", "yellow", "none")


def choose(
    green: Sequence[int], yellow: int, yellow_class: int, previous_class: int, room: Sequence[int], draw: float
) -> Choice:
    """Steps 1 to 4: `green[i]` and `yellow` count tokens, `room[i]` pools; `previous_class` is i_{r−1}, if r > 1.

    `draw` is in [0, 1). Without room in any class the result's class is NOTHING.

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


def explain(standing: Standing) -> list[Step]:
    """Steps 1 to 4 for the next session."""
    green = standing.green()
    previous = standing.ranking.coordinate(standing.rank - 1).pool_class if standing.rank > 1 else NOTHING
    before = green[previous] if previous != NOTHING else ()
    others = [places for i, places in enumerate(green) if i != previous]
    name = "the class that" if previous == NOTHING else f"{standing.names[previous]}, which"
    return [
        Step(f"a green token of a class other than {name} ranks just before r", "green", together(others)),
        Step(f"a green token of {name} ranks just before r", "green", before),
        Step("a yellow token", "yellow", standing.yellow()),
        Step("any pool with room", "none", together(standing.with_room())),
    ]


class Slta(Tokens):
    """SLTA on full occupancies, one session at a time."""

    def assign(self, draw: float) -> Decision | None:
        """Assign one session; None, without a change, if no active pool has room."""
        state, seen = self.occupancies, self.occupancies.candidates()
        room = seen.with_room()
        if not any(room):
            return None
        green, yellow = self.tokens(seen)
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
