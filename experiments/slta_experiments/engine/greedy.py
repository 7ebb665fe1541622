"""SLTA-greedy policy of the event loop, by the rule of `slta.core.policies.slta_greedy`."""

from __future__ import annotations

from slta.core.policies import slta_greedy
from slta.core.policies.choice import NOTHING, Choice
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.dispatch import DispatchOrder, Memory, count_tokens, step
from slta_experiments.engine.state import State, join

for rule in (slta_greedy.choose, slta_greedy.next_rank):
    inner(rule)


@inner
def has_token(memory: Memory, yellow: int) -> bool:
    """Whether any pool has a token, green or yellow. O(classes)."""
    total = yellow
    for count in memory.green:
        total += count
    return total > 0


@inner
def has_room(state: State) -> bool:
    """Whether any pool is below its capacity. O(classes)."""
    for i in range(len(state.first)):  # noqa: SIM110 - compiled code has no generators
        if state.lowest[i] < state.capacity[i]:
            return True
    return False


@inner
def rise_to_a_token(state: State, order: DispatchOrder, memory: Memory) -> int:
    """r ← r + 1 until a pool has a token; requires room."""
    yellow = count_tokens(state, order, memory)
    while not has_token(memory, yellow):
        step(order, memory, memory.rank[0] + 1)
        yellow = count_tokens(state, order, memory)
    return yellow


@inner
def choose(state: State, order: DispatchOrder, memory: Memory, yellow: int, draw: float) -> Choice:
    """Choice by the rule; `memory.room` holds the ranks of (i, ℓ_i(r))."""
    for i in range(len(state.first)):
        memory.room[i] = order.ranks[state.base[i] + max(memory.thresholds[i] - 1, 0)]
    yellow_class = order.rank_class[memory.rank[0]]
    return slta_greedy.choose(memory.green, memory.room, yellow, yellow_class, draw)


@inner
def learn(order: DispatchOrder, memory: Memory, yellow: int) -> int:
    """Next r by the rule."""
    last_rank = len(order.rank_class) - 1
    return slta_greedy.next_rank(memory.rank[0], last_rank, memory.green, yellow, memory.min_green[0])


@inner
def place_by_slta_greedy(state: State, order: DispatchOrder, memory: Memory, kind: int, draw: float) -> int:  # noqa: ARG001 - as all
    """SLTA-greedy: step 0, dispatch by the rule, then r from the tokens between the two."""
    if not has_room(state):
        return NOTHING
    yellow = rise_to_a_token(state, order, memory)
    choice = choose(state, order, memory, yellow, draw)
    pool: int = state.members[state.first[choice.pool_class] + choice.index]
    rank = learn(order, memory, yellow)
    join(state, pool)
    memory.counters[choice.token] += 1
    if rank != memory.rank[0]:
        step(order, memory, rank)
    return pool
