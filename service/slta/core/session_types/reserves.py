"""Reserves of places: the last free ones of a class are kept for types that have no other class.

The reserve are ρ (1 + √N) places, for the N sessions present of types that have no other class with room. A session
takes one only if all its classes with room are at their reserve: nobody is refused for it. Prices and alternatives
ignore reserves.
"""

from __future__ import annotations

import math

from slta.core.session_types.market import NOWHERE, Market, besides


def is_alone(market: Market, kind: int, pool_class: int) -> bool:
    """Whether a type may use the class and no other class with room."""
    return market.members[kind][pool_class] == 1 and besides(market, kind, pool_class) == NOWHERE


def reserve_of(market: Market, pool_class: int) -> float:
    """Reserve of a class in places; 0 if no type is alone.

    >>> from slta.core.session_types.market import Load, market_of
    >>> from slta.core.session_types.sets import TypeSets
    >>> load = Load([9, 9], sessions=[9, 40], held=[9, 40], inside=[[9, 0], [0, 40]])
    >>> sets, ranks, marginals = TypeSets(((0,), (0, 1))), [[1, 2], range(3, 12)], [[8, 8], [6] * 9]
    >>> reserve_of(market_of(sets, ranks, [0, 0], marginals, load, 0.5), 0)
    2.0
    """
    count, alone = 0, False
    for t in range(len(market.members)):
        if is_alone(market, t, pool_class):
            count, alone = count + market.load.sessions[t], True
    return market.reserve * (1 + math.sqrt(count)) if alone else 0.0


def is_kept(market: Market, pool_class: int) -> bool:
    """Whether the class has no more free places than its reserve. O(1) where it has many, else O(classes · types)."""
    load = market.load
    free = load.pools[pool_class] * market.capacity[pool_class] - load.held[pool_class]
    if free > market.reserve * (1 + math.sqrt(sum(load.sessions))):
        return False
    return free <= reserve_of(market, pool_class)
