"""Policies of the event loop: count, choose by the rule of `slta.core.policies`, place, learn.

A policy is a function `place(state, order, memory, kind, draw)`, which places one session of type `kind` and returns
its pool, or NOTHING without room. Only JLMU, and JLMU with prices, obey the type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from slta.core.policies import jlmu, slta
from slta.core.policies.choice import NOTHING, Choice, best, pick
from slta.core.session_types.market import Market
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.state import Floats, Integers, State, join

UP, DOWN, REJECTIONS = 3, 4, 5
COUNTERS = 6
"""`Memory.counters`: sessions placed by a green, a yellow and no token (0 to 2), then the names above."""

for rule in (pick, best, slta.choose, slta.next_rank, jlmu.choose):
    inner(rule)


class DispatchOrder(NamedTuple):
    """Dispatch order and marginal utilities as flat arrays; rank r is `rank_class[r]`, `rank_level[r]`."""

    ranks: Integers
    """ranks[base[i] + x]: the rank of (i, x + 1)."""
    rank_class: Integers
    rank_level: Integers
    marginals: Floats
    """marginals[base[i] + x] = Δ(i, x)."""
    market: Market
    """Session types and their sessions; `find_offers` fills its ranks."""


class Memory(NamedTuple):
    """Dispatcher state, scratch space for its counts, and statistics."""

    rank: Integers
    """r, one element."""
    thresholds: Integers
    """ℓ_i(r)."""
    min_green: Integers
    """nβ_n rounded up, one element."""
    green: Integers
    room: Integers
    counters: Integers


Policy = Callable[[State, DispatchOrder, Memory, int, float], int]
"""Policy as called by the loop."""


@inner
def count_tokens(state: State, order: DispatchOrder, memory: Memory) -> int:
    """Fill `memory.green` and `memory.room`; return the number of yellow tokens. O(classes)."""
    for i in range(len(state.first)):
        memory.green[i] = state.below[state.base[i] + memory.thresholds[i]]
        memory.room[i] = state.below[state.base[i] + state.capacity[i]]
    r = memory.rank[0]
    yellow: int = state.below[state.base[order.rank_class[r]] + order.rank_level[r]]
    return yellow


@inner
def counted_before(state: State, order: DispatchOrder, memory: Memory, yellow: int) -> int:  # noqa: ARG001 - it is known
    """r is judged by the tokens just before the arrival."""
    return yellow


@inner
def step(order: DispatchOrder, memory: Memory, rank: int) -> None:
    """Move r to the adjacent `rank`: one threshold moves by one."""
    old = memory.rank[0]
    if rank > old:
        memory.counters[UP] += 1
        memory.thresholds[order.rank_class[old]] += 1
    else:
        memory.counters[DOWN] += 1
        memory.thresholds[order.rank_class[rank]] -= 1
    memory.rank[0] = rank


def slta_policy(
    choose: Callable[..., Choice] = slta.choose,
    next_rank: Callable[..., int] = slta.next_rank,
    judged: Callable[[State, DispatchOrder, Memory, int], int] = counted_before,
) -> Policy:
    """SLTA (section 3.2): dispatch by `choose`, then learn by `next_rank` from the tokens that `judged` counts."""

    @inner
    def place(state: State, order: DispatchOrder, memory: Memory, kind: int, draw: float) -> int:  # noqa: ARG001 - as all
        yellow = count_tokens(state, order, memory)
        r = memory.rank[0]
        previous = order.rank_class[r - 1] if r > 1 else NOTHING
        choice = choose(memory.green, yellow, order.rank_class[r], previous, memory.room, draw)
        if choice.pool_class == NOTHING:
            return NOTHING
        pool: int = state.members[state.first[choice.pool_class] + choice.index]
        join(state, pool)
        memory.counters[choice.token] += 1
        yellow = judged(state, order, memory, yellow)
        rank = next_rank(r, len(order.rank_class) - 1, memory.green, yellow, previous, memory.min_green[0])
        if rank != r:
            step(order, memory, rank)
        return pool

    return place


@inner
def find_offers(state: State, order: DispatchOrder) -> None:
    """Fill the market's ranks, of the classes' frontiers. O(classes)."""
    ranks: Integers = order.market.rank
    for i in range(len(state.first)):
        x = state.lowest[i]
        ranks[i] = order.ranks[state.base[i] + x] if x < state.capacity[i] else 0


@inner
def place_by_jlmu(state: State, order: DispatchOrder, memory: Memory, kind: int, draw: float) -> int:
    """JLMU (section 3.1) among the type's classes. On other orders it is join the shortest queue or weighted least
    connections.

    `memory.room` holds the classes' pools at their frontiers.
    """
    find_offers(state, order)
    market = order.market
    for i in range(len(state.first)):
        is_open = market.rank[i] > 0 and market.members[kind][i] == 1
        memory.room[i] = state.below[state.base[i] + state.lowest[i] + 1] if is_open else 0
    choice = jlmu.choose(market.rank, memory.room, draw)
    if choice.pool_class == NOTHING:
        return NOTHING
    pool: int = state.members[state.first[choice.pool_class] + choice.index]
    join(state, pool)
    return pool
