"""Reserves of places: the last free ones of a class are kept for types that have no other class.

With M = 1 + the sessions present of types that have no other class with room, a class is kept from a session while it
has at most ρ · min(1 + √M, √(8 M · mine / (now − mine))) free places: `now` adds the best of them, `mine` what the
session finds in its other classes. So a place is kept for what it loses while it is idle, now − mine, against what it
saves if a session without alternative comes; the 8 is from simulations. A session takes a kept place only if all its
classes with room are kept from it: nobody is refused for it. Prices and alternatives ignore reserves.
"""

from __future__ import annotations

import math

from slta.core.session_types.market import NOWHERE, Market, besides, offered


def is_alone(market: Market, kind: int, pool_class: int) -> bool:
    """Whether a type may use the class and no other class with room."""
    return market.members[kind][pool_class] == 1 and besides(market, kind, pool_class) == NOWHERE


def likely_of(market: Market, pool_class: int) -> int:
    """M, at least 1, and 0 if no type is alone in the class. O(classes · types)."""
    likely, exists = 1, False
    for t in range(len(market.members)):
        if is_alone(market, t, pool_class):
            likely, exists = likely + market.load.sessions[t], True
    return likely if exists else 0


def is_within(reserve: float, likely: int, now: int, mine: int, free: int) -> bool:
    """Whether `free` places are at most ρ · min(1 + √M, √(8 M · mine / (now − mine))), by these sums and products.

    >>> [is_within(0.5, 9, 8, 6, free) for free in (2, 3)]  # at most ½ (1 + √9)
    [True, False]
    >>> [is_within(0.5, 9, 19, 1, free) for free in (1, 2)]  # at most ½ √(8 · 9 / 18)
    [True, False]
    """
    places = float(free)
    lost = places * places * (now - mine)
    return places <= reserve * (1 + math.sqrt(likely)) and lost <= 8.0 * reserve * reserve * likely * mine


def is_kept(market: Market, kind: int, pool_class: int) -> bool:
    """Whether a class with room is kept from a type. O(1) where it has many free places, else O(classes · types)."""
    load = market.load
    free = load.pools[pool_class] * market.capacity[pool_class] - load.held[pool_class]
    if free > market.reserve * (1 + math.sqrt(1 + sum(load.sessions))):
        return False
    mine, likely = besides(market, kind, pool_class), likely_of(market, pool_class)
    now = offered(market, pool_class)
    return mine != NOWHERE and likely > 0 and is_within(market.reserve, likely, now, mine, free)
