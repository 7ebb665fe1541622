"""Policies that know no utility: a random pool, round robin, the less occupied of two."""

from __future__ import annotations

from experiments.engine.compiling import Compile
from experiments.engine.dispatch import Market, Memory, Policy, ignore
from experiments.engine.state import State, moves
from service.core.policies.common import NOTHING


def random_policy(compile: Compile) -> Policy:  # noqa: A002 - as in service.core.policies
    """A pool uniform among all; a session that meets a full one is lost."""
    join, _ = moves(compile)

    def place(state: State, market: Market, memory: Memory, draw: float) -> int:  # noqa: ARG001
        pool = int(draw * len(state.occupancy))
        if state.occupancy[pool] >= state.capacity[state.pool_class[pool]]:
            return NOTHING
        join(state, pool)
        return pool

    return Policy(compile(place), compile(ignore))


def round_robin_policy(compile: Compile) -> Policy:  # noqa: A002 - as in service.core.policies
    """The pools in turn; `Memory.room` holds the next one. A session that meets a full pool is lost."""
    join, _ = moves(compile)

    def place(state: State, market: Market, memory: Memory, draw: float) -> int:  # noqa: ARG001
        pool = memory.room[0]
        memory.room[0] = (pool + 1) % len(state.occupancy)
        if state.occupancy[pool] >= state.capacity[state.pool_class[pool]]:
            return NOTHING
        join(state, pool)
        return pool  # type: ignore[no-any-return]

    return Policy(compile(place), compile(ignore))


def two_choices_policy(compile: Compile) -> Policy:  # noqa: A002 - as in service.core.policies
    """Two pools uniform among all, the draw's digits to base n; the less occupied, or the first of equals."""
    join, _ = moves(compile)

    def place(state: State, market: Market, memory: Memory, draw: float) -> int:  # noqa: ARG001
        n = len(state.occupancy)
        first, second = divmod(int(draw * n * n), n)
        pool = second if state.occupancy[second] < state.occupancy[first] else first
        if state.occupancy[pool] >= state.capacity[state.pool_class[pool]]:
            return NOTHING
        join(state, pool)
        return pool

    return Policy(compile(place), compile(ignore))
