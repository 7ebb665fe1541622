"""Market of free places: what a session of each type finds in its classes, and the sessions that there are.

Named tuples of tables with equal rows: in this form numba compiles the functions of `prices` and `reserves`, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from slta.core.session_types.sets import TypeSets

NOWHERE = -(2**62)
"""Less than any marginal utility: there is no place."""

Table = Sequence[Sequence[int]]


class Load(NamedTuple):
    """Active pools `pools[c]`, and the sessions on them: `sessions[t]` of a type, `held[c]` in a class.

    `inside[t][c]` are those of a type in a class.
    """

    pools: Sequence[int]
    sessions: Sequence[int]
    held: Sequence[int]
    inside: Table


class Market(NamedTuple):
    """What the rule decides by. `reserve` is ρ."""

    members: Table
    """members[t][c]: 1 if type t may use class c."""
    marginals: Table
    """marginals[c][j - 1] is Δ(c, j); a row may be longer than the capacity."""
    capacity: Sequence[int]
    rank: Sequence[int]
    """Rank of the best free place of each class, 0 of a class without room."""
    lowest: Sequence[int]
    """Sessions on the emptiest pool of each class, the capacity if it has no room."""
    load: Load
    reserve: float


def market_of(
    sets: TypeSets, ranks: Table, lowest: Sequence[int], marginals: Table, load: Load, reserve: float = 0.0
) -> Market:
    """Market in which the emptiest pools have `lowest` sessions. `marginals[c]` are as long as the capacity.

    `ranks[c][x]` is the rank in the dispatch order of the place of class c with x sessions below.
    """
    return Market(
        [[int(c in own) for c in range(len(lowest))] for own in sets.members],
        marginals,
        [len(column) for column in marginals],
        [ranks[c][x] if x < len(marginals[c]) else 0 for c, x in enumerate(lowest)],
        lowest,
        load,
        reserve,
    )


def offered(market: Market, pool_class: int) -> int:
    """Marginal utility of the class's best free place; it must have room."""
    return market.marginals[pool_class][market.lowest[pool_class]]


def besides(market: Market, kind: int, pool_class: int) -> int:
    """The largest marginal that a type finds without this class; NOWHERE if it has no other with room. O(classes)."""
    found = NOWHERE
    for c in range(len(market.rank)):
        if c != pool_class and market.rank[c] > 0 and market.members[kind][c] == 1:
            found = max(found, offered(market, c))
    return found
