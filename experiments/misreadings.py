"""Three plausible misreadings of section 3.2, planted to show that the measurements would notice them."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.engine.compiling import Compile
from experiments.engine.dispatch import Market, Memory, Policy, slta_policy, tokens
from experiments.engine.state import State, moves
from service.core.policies import slta
from service.core.policies.common import NOTHING, Choice


def no_priority(compile: Compile) -> Policy:  # noqa: A002 - as in service.core.policies
    """Green tokens of all classes alike: step 1 leaves out no class."""
    choose, next_rank = slta.rules(compile)

    def choose_any_green(
        green: Sequence[int],
        yellow: int,
        yellow_class: int,
        previous_class: int,  # noqa: ARG001 - the misreading
        room: Sequence[int],
        draw: float,
    ) -> Choice:
        return choose(green, yellow, yellow_class, NOTHING, room, draw)  # type: ignore[no-any-return]

    return slta_policy(compile, slta.Rules(compile(choose_any_green), next_rank))


def increment_at_zero(compile: Compile) -> Policy:  # noqa: A002 - as in service.core.policies
    """r ← r + 1 only when no yellow token is left, not at the last one."""
    choose, next_rank = slta.rules(compile)

    def next_rank_late(
        rank: int, last_rank: int, green: Sequence[int], yellow: int, previous_class: int, min_green: int
    ) -> int:
        return next_rank(rank, last_rank, green, yellow + 1, previous_class, min_green)  # type: ignore[no-any-return]

    return slta_policy(compile, slta.Rules(choose, compile(next_rank_late)))


def tokens_after_dispatch(compile: Compile) -> Policy:  # noqa: A002 - as in service.core.policies
    """The learning tests read the state after the session was placed."""
    choose, next_rank = slta.rules(compile)
    count, step, departed = tokens(compile)
    join, _ = moves(compile)

    def place(state: State, market: Market, memory: Memory, draw: float) -> int:
        yellow = count(state, market, memory)
        r = memory.rank[0]
        previous = market.rank_class[r - 1] if r > 1 else NOTHING
        choice = choose(memory.green, yellow, market.rank_class[r], previous, memory.room, draw)
        if choice.pool_class == NOTHING:
            return NOTHING
        pool = state.members[state.first[choice.pool_class] + choice.index]
        join(state, pool)
        yellow = count(state, market, memory)
        rank = next_rank(r, len(market.rank_class) - 1, memory.green, yellow, previous, memory.min_green[0])
        if rank != r:
            step(state, market, memory, rank)
        return pool  # type: ignore[no-any-return]

    return Policy(compile(place), departed)


MISREADINGS = {
    "tokens counted after the dispatch": tokens_after_dispatch,
    "no priority among green classes": no_priority,
    "increment only at zero yellow": increment_at_zero,
}
