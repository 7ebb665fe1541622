"""The occupancies of all pools, kept so that a session joins or leaves, and any prefix is counted, in O(1).

The pools of a class are kept in order of occupancy. A session that joins or leaves swaps its pool with the
end of its run of equals. So the pools of class i with fewer than j sessions are always the first `below` of
its members: every set that the policies choose from (green tokens, yellow tokens, JLMU's open pools, pools
with room) is such a prefix, and a step of r moves a boundary instead of rebuilding a set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from experiments.engine.compiling import has_numba, inner

Integers: TypeAlias = Any
"""A list, or an array of int64 for compiled code."""

Floats: TypeAlias = Any
"""A list, or an array of float64 for compiled code."""


class State(NamedTuple):
    """X(i, k) of a fleet. Pools are numbered class by class, `below` holds capacity + 2 counts a class."""

    first: Integers
    """Class i's first pool, and its first place in `members`."""
    base: Integers
    """Where class i's counts begin in `below`, and its levels in a `DispatchOrder`."""
    capacity: Integers
    pool_class: Integers
    occupancy: Integers
    members: Integers
    """The pools, class by class, in order of occupancy."""
    position: Integers
    """Each pool's place in `members`."""
    below: Integers
    """below[base[i] + x]: the pools of class i with fewer than x sessions, x from 0 to capacity + 1."""
    lowest: Integers
    """The smallest occupancy in class i."""


def integers(values: ArrayLike) -> Integers:
    """Numbers as the loop wants them: an array when it is compiled, else a list."""
    return np.asarray(values, dtype=np.int64) if has_numba() else np.asarray(values, dtype=np.int64).tolist()


def floats(values: ArrayLike) -> Floats:
    """Numbers as the loop wants them: an array when it is compiled, else a list."""
    return np.asarray(values, dtype=np.float64) if has_numba() else np.asarray(values, dtype=np.float64).tolist()


def state_of(columns: Sequence[Sequence[int]], capacities: Sequence[int]) -> State:
    """The state with occupancies `columns[i][k]`; every class has at least one pool. O(pools + levels)."""
    sizes = np.array([len(column) for column in columns])
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    spans = np.array(capacities) + 2
    occupancy = np.concatenate([np.asarray(column, dtype=np.int64) for column in columns])
    members = np.concatenate([f + np.argsort(c, kind="stable") for f, c in zip(first, columns, strict=True)])
    below = [np.searchsorted(np.sort(c), np.arange(s)) for c, s in zip(columns, spans, strict=True)]
    return State(
        first=integers(first),
        base=integers(np.concatenate(([0], np.cumsum(spans)[:-1]))),
        capacity=integers(capacities),
        pool_class=integers(np.repeat(np.arange(len(columns)), sizes)),
        occupancy=integers(occupancy),
        members=integers(members),
        position=integers(np.argsort(members)),
        below=integers(np.concatenate(below)),
        lowest=integers([min(column) for column in columns]),
    )


@inner
def swap(state: State, pool: int, place: int) -> None:
    """Exchange `pool` with the pool that has `place` in `members`."""
    other = state.members[place]
    state.members[state.position[pool]] = other
    state.position[other] = state.position[pool]
    state.members[place] = pool
    state.position[pool] = place


@inner
def join(state: State, pool: int) -> None:
    """One session more on a pool. O(1)."""
    i = state.pool_class[pool]
    x = state.occupancy[pool]
    at = state.base[i] + x + 1
    swap(state, pool, state.first[i] + state.below[at] - 1)
    state.below[at] -= 1
    state.occupancy[pool] = x + 1
    if state.below[at] == 0:
        state.lowest[i] = x + 1


@inner
def leave(state: State, pool: int) -> None:
    """One session less. O(1)."""
    i = state.pool_class[pool]
    x = state.occupancy[pool]
    at = state.base[i] + x
    swap(state, pool, state.first[i] + state.below[at])
    state.below[at] += 1
    state.occupancy[pool] = x - 1
    if x - 1 < state.lowest[i]:  # noqa: PLR1730 - compiled code and lists alike
        state.lowest[i] = x - 1
