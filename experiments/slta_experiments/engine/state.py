"""Fleet state: occupancies of all pools; joins, leaves and prefix counts in O(1).

The pools of a class are sorted by occupancy. A join or leave swaps its pool with the end of its run of equals. The
pools of class i with fewer than j sessions are thus the first `below` of its members: all sets that policies choose
from (green and yellow tokens, JLMU's open pools, pools with room) are such prefixes, and a step of r moves a boundary
instead of rebuilding a set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from slta_experiments.engine.compiling import has_numba, inner

Integers: TypeAlias = Any
"""A list, or an array of int64 for compiled code."""

Floats: TypeAlias = Any
"""A list, or an array of float64 for compiled code."""


class State(NamedTuple):
    """X(i, k) of a fleet. Pools are numbered class by class; `below` has capacity + 2 counts per class."""

    first: Integers
    """First pool of each class, and its first position in `members`."""
    base: Integers
    """Offset of each class in `below`, and of its levels in a `DispatchOrder`."""
    capacity: Integers
    pool_class: Integers
    occupancy: Integers
    members: Integers
    """Pools class by class, sorted by occupancy."""
    position: Integers
    """Position of each pool in `members`."""
    below: Integers
    """below[base[i] + x]: number of pools of class i with fewer than x sessions, x from 0 to capacity + 1."""
    lowest: Integers
    """Minimum occupancy of each class."""


def integers(values: ArrayLike) -> Integers:
    """int64 array if the loop is compiled, else a list."""
    return np.asarray(values, dtype=np.int64) if has_numba() else np.asarray(values, dtype=np.int64).tolist()


def floats(values: ArrayLike) -> Floats:
    """float64 array if the loop is compiled, else a list."""
    return np.asarray(values, dtype=np.float64) if has_numba() else np.asarray(values, dtype=np.float64).tolist()


def state_of(columns: Sequence[Sequence[int]], capacities: Sequence[int]) -> State:
    """State with occupancies `columns[i][k]`; every class needs a pool. O(pools + levels)."""
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
    """Swap `pool` with the pool at `place` in `members`."""
    other = state.members[place]
    state.members[state.position[pool]] = other
    state.position[other] = state.position[pool]
    state.members[place] = pool
    state.position[pool] = place


@inner
def join(state: State, pool: int) -> None:
    """Add a session to a pool. O(1)."""
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
    """Remove a session from a pool. O(1)."""
    i = state.pool_class[pool]
    x = state.occupancy[pool]
    at = state.base[i] + x
    swap(state, pool, state.first[i] + state.below[at])
    state.below[at] += 1
    state.occupancy[pool] = x - 1
    if x - 1 < state.lowest[i]:  # noqa: PLR1730 - compiled code and lists alike
        state.lowest[i] = x - 1
