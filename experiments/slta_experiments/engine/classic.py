"""Baseline policies without utilities: random, round robin, power of two choices."""

from __future__ import annotations

from slta.core.policies.choice import NOTHING
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.dispatch import DispatchOrder, Memory
from slta_experiments.engine.state import State, join


@inner
def join_unless_full(state: State, pool: int) -> int:
    """Place the session on this pool. NOTHING if the pool is full: the session is lost."""
    if state.occupancy[pool] >= state.capacity[state.pool_class[pool]]:
        return NOTHING
    join(state, pool)
    return pool


@inner
def place_at_random(state: State, order: DispatchOrder, memory: Memory, kind: int, draw: float) -> int:  # noqa: ARG001 - as all
    """Uniform random choice among all pools."""
    return join_unless_full(state, int(draw * len(state.occupancy)))


@inner
def place_in_turn(state: State, order: DispatchOrder, memory: Memory, kind: int, draw: float) -> int:  # noqa: ARG001 - as all
    """Round robin; `Memory.room` holds the next pool."""
    pool: int = memory.room[0]
    memory.room[0] = (pool + 1) % len(state.occupancy)
    return join_unless_full(state, pool)


@inner
def place_on_less_occupied_of_two(state: State, order: DispatchOrder, memory: Memory, kind: int, draw: float) -> int:  # noqa: ARG001 - as all
    """Two uniform random pools, from the draw's digits to base n; the less occupied, or the first if equal."""
    n = len(state.occupancy)
    first, second = divmod(int(draw * n * n), n)
    return join_unless_full(state, second if state.occupancy[second] < state.occupancy[first] else first)
