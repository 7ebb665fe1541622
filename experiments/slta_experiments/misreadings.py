"""Planted misreadings of section 3.2 and of slta-greedy, to test that the measurements detect them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slta.core.policies import slta
from slta.core.policies.choice import NOTHING, Choice
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.dispatch import DispatchOrder, Memory, Policy, count_tokens, slta_policy, step
from slta_experiments.engine.greedy import choose, greedy_policy, has_token
from slta_experiments.engine.state import State


@inner
def count_again(state: State, order: DispatchOrder, memory: Memory, yellow: int) -> int:  # noqa: ARG001 - the misreading
    """Count the tokens after the session was placed."""
    return count_tokens(state, order, memory)


@inner
def choose_any_green(
    green: Sequence[int],
    yellow: int,
    yellow_class: int,
    previous_class: int,  # noqa: ARG001 - the misreading
    room: Sequence[int],
    draw: float,
) -> Choice:
    """Choose among the green tokens of all classes; step 1 excludes no class."""
    return slta.choose(green, yellow, yellow_class, NOTHING, room, draw)


@inner
def next_rank_late(
    rank: int, last_rank: int, green: Sequence[int], yellow: int, previous_class: int, min_green: int
) -> int:
    """r ← r + 1 only without yellow tokens, not at the last one."""
    return slta.next_rank(rank, last_rank, green, yellow + 1, previous_class, min_green)


MISREADINGS: Mapping[str, Policy] = {
    "tokens counted after the dispatch": slta_policy(judged=count_again),
    "no priority among green classes": slta_policy(choose=choose_any_green),
    "increment only at zero yellow": slta_policy(next_rank=next_rank_late),
}


@inner
def choose_any_class(state: State, order: DispatchOrder, memory: Memory, yellow: int, draw: float) -> Choice:
    """Choose among the green tokens of all classes; without tokens, any pool with room."""
    yellow_class = order.rank_class[memory.rank[0]]
    for i in range(len(state.first)):
        memory.room[i] = state.below[state.base[i] + state.capacity[i]]
    return slta.choose(memory.green, yellow, yellow_class, NOTHING, memory.room, draw)


@inner
def choose_or_any_pool(state: State, order: DispatchOrder, memory: Memory, yellow: int, draw: float) -> Choice:
    """The rule, but without tokens any pool with room."""
    if has_token(memory, yellow):
        return choose(state, order, memory, yellow, draw)
    return choose_any_class(state, order, memory, yellow, draw)


@inner
def rise_once(state: State, order: DispatchOrder, memory: Memory) -> int:
    """Raise r by at most one before a session is placed."""
    yellow = count_tokens(state, order, memory)
    if not has_token(memory, yellow):
        step(state, order, memory, memory.rank[0] + 1)
        yellow = count_tokens(state, order, memory)
    return yellow


@inner
def learn_by_class(order: DispatchOrder, memory: Memory, yellow: int) -> int:
    """Lower r only if a green token is of class i_{r−1}, as in SLTA."""
    r = memory.rank[0]
    previous = order.rank_class[r - 1] if r > 1 else NOTHING
    return slta.next_rank(r, len(order.rank_class) - 1, memory.green, yellow, previous, memory.min_green[0])


GREEDY_MISREADINGS: Mapping[str, Policy] = {
    "r waits for its class": greedy_policy(learn=learn_by_class),
    "no order among classes": greedy_policy(choose=choose_any_class),
    "no step 0": greedy_policy(ready=count_tokens, choose=choose_or_any_pool),
    "step 0 only once": greedy_policy(ready=rise_once, choose=choose_or_any_pool),
}
