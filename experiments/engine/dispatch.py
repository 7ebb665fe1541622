"""The policies as the loop runs them: count, let the rule of `service.core.policies` choose, place, learn.

A policy is two functions. `place(state, market, memory, draw)` puts one session somewhere and returns its
pool, or NOTHING where there is no room. `departed(state, market, memory, pool)` follows after a session left
`pool`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from experiments.engine.compiling import Compile, identity
from experiments.engine.state import Floats, Integers, State, moves
from service.core.policies import jlmu, slta
from service.core.policies.common import NOTHING

UP, DOWN = 3, 4
JOIN_REPORTS, DEPARTURE_REPORTS, STEP_REPORTS, BROADCASTS, REJECTIONS = 5, 6, 7, 8, 9
COUNTERS = 10
"""`Memory.counters`: sessions placed by a green, a yellow and no token (0 to 2), then the names above."""


class Market(NamedTuple):
    """The dispatch order and the marginal utilities, flat; rank r is `rank_class[r]`, `rank_level[r]`."""

    ranks: Integers
    """ranks[base[i] + x]: the rank of (i, x + 1)."""
    rank_class: Integers
    rank_level: Integers
    marginals: Floats
    """marginals[base[i] + x] = Δ(i, x)."""


class Memory(NamedTuple):
    """What a dispatcher remembers, room for its counts, and what we count about it."""

    rank: Integers
    """r, alone."""
    thresholds: Integers
    """ℓ_i(r)."""
    min_green: Integers
    """nβ_n rounded up, alone."""
    green: Integers
    room: Integers
    counters: Integers


class Policy(NamedTuple):
    """A policy, compiled or not."""

    place: Any
    departed: Any


Build = Callable[[Compile], Policy]


class Tokens(NamedTuple):
    """The parts of SLTA around its rule."""

    count: Any
    step: Any
    departed: Any


def tokens(compile: Compile = identity) -> Tokens:  # noqa: A002 - as in service.core.policies
    """Counting tokens, moving one threshold, and the reports of pools that keep their own occupancy."""

    def count(state: State, market: Market, memory: Memory) -> int:
        """Fill `memory.green` and `memory.room`; the number of yellow tokens. O(classes)."""
        for i in range(len(state.first)):
            memory.green[i] = state.below[state.base[i] + memory.thresholds[i]]
            memory.room[i] = state.below[state.base[i] + state.capacity[i]]
        r = memory.rank[0]
        return state.below[state.base[market.rank_class[r]] + market.rank_level[r]]  # type: ignore[no-any-return]

    def step(state: State, market: Market, memory: Memory, rank: int) -> None:
        """r moves to `rank`, one away: one threshold moves by one, and its class hears of it."""
        old = memory.rank[0]
        counters = memory.counters
        counters[BROADCASTS] += 1
        if rank > old:
            counters[UP] += 1
            memory.thresholds[market.rank_class[old]] += 1
            level = state.base[market.rank_class[rank]] + market.rank_level[rank]
            counters[STEP_REPORTS] += state.below[level]
        else:
            counters[DOWN] += 1
            memory.thresholds[market.rank_class[rank]] -= 1
        memory.rank[0] = rank

    def departed(state: State, market: Market, memory: Memory, pool: int) -> None:
        """A pool whose occupancy fell below a threshold reports its new token."""
        i = state.pool_class[pool]
        x = state.occupancy[pool]
        r = memory.rank[0]
        if x + 1 == memory.thresholds[i] or (i == market.rank_class[r] and x + 1 == market.rank_level[r]):
            memory.counters[DEPARTURE_REPORTS] += 1

    return Tokens(compile(count), compile(step), compile(departed))


def slta_policy(compile: Compile, rules: slta.Rules | None = None) -> Policy:  # noqa: A002 - as in service.core
    """SLTA (section 3.2) with the rule of `service.core.policies.slta`, or with another in its place."""
    choose, next_rank = rules or slta.rules(compile)
    count, step, departed = tokens(compile)
    join, _ = moves(compile)
    note_placed = compile(count_placement)

    def place(state: State, market: Market, memory: Memory, draw: float) -> int:
        yellow = count(state, market, memory)
        r = memory.rank[0]
        previous = market.rank_class[r - 1] if r > 1 else NOTHING
        choice = choose(memory.green, yellow, market.rank_class[r], previous, memory.room, draw)
        if choice.pool_class == NOTHING:
            return NOTHING
        pool = state.members[state.first[choice.pool_class] + choice.index]
        join(state, pool)
        note_placed(state, market, memory, pool, choice.token)
        rank = next_rank(r, len(market.rank_class) - 1, memory.green, yellow, previous, memory.min_green[0])
        if rank != r:
            step(state, market, memory, rank)
        return pool  # type: ignore[no-any-return]

    return Policy(compile(place), departed)


def count_placement(state: State, market: Market, memory: Memory, pool: int, token: int) -> None:
    """Count the branch that placed a session, and the report of a pool that thereby reached a threshold."""
    i = state.pool_class[pool]
    x = state.occupancy[pool]
    r = memory.rank[0]
    memory.counters[token] += 1
    if x == memory.thresholds[i] or (i == market.rank_class[r] and x == market.rank_level[r]):
        memory.counters[JOIN_REPORTS] += 1


def ignore(state: State, market: Market, memory: Memory, pool: int) -> None:
    """A departure that the dispatcher need not follow."""


def jlmu_policy(compile: Compile) -> Policy:  # noqa: A002 - as in service.core.policies
    """JLMU (section 3.1) with the rule of `service.core.policies.jlmu`.

    On other orders it is join the shortest queue and weighted least connections too.
    """
    choose = jlmu.rules(compile)
    join, _ = moves(compile)

    def place(state: State, market: Market, memory: Memory, draw: float) -> int:
        for i in range(len(state.first)):
            x = state.lowest[i]
            memory.room[i] = 0
            if x < state.capacity[i]:
                memory.green[i] = market.ranks[state.base[i] + x]
                memory.room[i] = state.below[state.base[i] + x + 1]
        choice = choose(memory.green, memory.room, draw)
        if choice.pool_class == NOTHING:
            return NOTHING
        pool = state.members[state.first[choice.pool_class] + choice.index]
        join(state, pool)
        return pool  # type: ignore[no-any-return]

    return Policy(compile(place), compile(ignore))
