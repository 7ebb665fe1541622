"""Prices of places: JLMU among the classes that a session may use, each lowered by what its place is worth to others.

A type is *needy* beside a session if it may use the class and finds less in its other classes than the session does.
Its sessions that sit well, in another class whose last filled level is worth more, would not come and do not count. The
last places of the class that are worth more than the session's alternative are left to the needy, as far as these would
fill them before departures make new ones: with `room` such places, down to level L, `holes` these less all sessions of
the class, also above L, at least 1, and R = needy / room, at most 1, the chance is R^(3/8 · holes), after the gambler's
ruin, times needy / (needy + holes), since a place earns nothing while it waits. 3/8 is from simulations: 2/5 to 1/3 are
alike.

Utilities are the store's integers. Sums, products, quotients and square roots are rounded alike in Lua and Python,
which powers of the C library are not: R^(1/8) is three square roots, then raised to an integer by squaring. The
functions are in the subset of Python that numba compiles: numbers, named tuples, and tables of equal rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from slta.core.policies.choice import NOTHING
from slta.core.session_types.market import NOWHERE, Market, besides, offered
from slta.core.session_types.reserves import is_kept

TIE = 2
"""Integer marginals that differ by less are worth the same: rounding may make equal ones differ by 1."""

UNMOVED = 2**62
"""More than any marginal utility: what a type finds that may not use the class."""


def power(base: float, exponent: int) -> float:
    """base^exponent by squaring, in this order of products.

    >>> power(3.0, 5)
    243.0
    """
    result = 1.0
    while exponent > 0:
        if exponent % 2 == 1:
            result *= base
        base *= base
        exponent //= 2
    return result


def chance(needy: int, room: int, holes: int) -> float:
    """min(1, needy / room)^(3/8 · holes) · needy / (needy + holes).

    >>> chance(8, 2048, 8)  # (1/256)^3 / 2
    2.9802322387695312e-08
    """
    return power(math.sqrt(math.sqrt(math.sqrt(min(1.0, needy / room)))), 3 * holes) * (needy / (needy + holes))


def last_level(marginals: Sequence[int], capacity: int, level: int, above: int) -> int:
    """The last level from `level` to the capacity whose marginal is more than `above`; `level` if there is none.

    O(log levels).

    >>> last_level([9, 7, 7, 4], capacity=4, level=1, above=5)
    3
    """
    low, high = level, capacity
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if marginals[middle - 1] > above else (low, middle - 1)
    return low


class Price(NamedTuple):
    """Price of an offer: `needy` sessions could fill `room` places of the class. `amount` is negative without a price.

    `holes` are these places less all sessions of the class, at least 1. Sessions that sit well are not counted.
    """

    amount: float
    needy: int
    room: int
    holes: int


NO_PRICE = Price(-1.0, 0, 0, 0)
Quote = Callable[[Market, int, int], Price]


def next_offer(market: Market, kind: int, rank: int, open_to_all: bool) -> int:  # noqa: FBT001 - numba has no keywords
    """The class of a type whose offer ranks next after `rank`, or NOTHING; `open_to_all`: reserves do not count."""
    found = NOTHING
    for c in range(len(market.rank)):
        if (
            market.members[kind][c] == 1
            and market.rank[c] > rank
            and (found == NOTHING or market.rank[c] < market.rank[found])
            and (open_to_all or not is_kept(market, kind, c))
        ):
            found = c
    return found


def is_all_kept(market: Market, kind: int) -> bool:
    """Whether all classes of the type with room are kept from it."""
    return next_offer(market, kind, 0, False) == NOTHING  # noqa: FBT003 - as above


def quote(market: Market, kind: int, pool_class: int) -> Price:
    """What the class's offer is worth to needy types, times the chance that they take it."""
    mine, last, after = alternative(market, kind, pool_class)
    if mine == NOWHERE:
        return NO_PRICE
    needy, worst = 0, offered(market, pool_class)
    for t in range(len(market.members)):
        theirs = found_by(market, t, pool_class, after)
        if theirs <= mine - TIE:
            coming = coming_of(market, t, pool_class, theirs)
            if coming > 0:
                needy, worst = needy + coming, min(worst, theirs)
    return price_of(market, pool_class, last, needy, worst)


def alternative(market: Market, kind: int, pool_class: int) -> tuple[int, int, int]:
    """What the session finds elsewhere, or NOWHERE; the last level that is worth more; what the next one is worth.

    A place beyond the capacity is worth 0: a refused session adds nothing.
    """
    mine, capacity = besides(market, kind, pool_class), market.capacity[pool_class]
    last = last_level(market.marginals[pool_class], capacity, market.lowest[pool_class] + 1, mine - TIE)
    return mine, last, market.marginals[pool_class][last] if last < capacity else 0


def found_by(market: Market, kind: int, pool_class: int, after: int) -> int:
    """What a type finds without the offer, at least `after`; UNMOVED if it may not use the class."""
    if market.members[kind][pool_class] == 0:
        return UNMOVED
    return max(after, besides(market, kind, pool_class))


def coming_of(market: Market, kind: int, pool_class: int, theirs: int) -> int:
    """The sessions of a type, without those in another class whose last filled level is worth more than `theirs`.

    That is of the class's emptiest pool; of an empty pool it is the first level. O(classes).
    """
    count = market.load.sessions[kind]
    for c in range(len(market.rank)):
        last_filled = market.marginals[c][max(1, market.lowest[c]) - 1]
        if c != pool_class and market.members[kind][c] == 1 and last_filled > theirs + TIE:
            count -= market.load.inside[kind][c]
    return count


def price_of(market: Market, pool_class: int, last: int, needy: int, worst: int) -> Price:
    """Price for so many needy sessions, the worst of which finds `worst`, for places down to the level `last`."""
    if needy == 0 or worst >= offered(market, pool_class):
        return NO_PRICE
    room = market.load.pools[pool_class] * last
    holes = max(1, room - market.load.held[pool_class])
    return Price((offered(market, pool_class) - worst) * chance(needy, room, holes), needy, room, holes)


def needy_types(market: Market, kind: int, pool_class: int) -> list[int]:
    """The types that find at least TIE less than the session and of which sessions would come."""
    mine, _, after = alternative(market, kind, pool_class)
    found = {t: found_by(market, t, pool_class, after) for t in range(len(market.members))}
    return [t for t, theirs in found.items() if theirs <= mine - TIE and coming_of(market, t, pool_class, theirs) > 0]


def choose(market: Market, kind: int, quotes: Quote = quote) -> tuple[int, float]:
    """The class of a session of type `kind` and its score, NOTHING and 0 if no class has room. O(classes² · types).

    The score is the offer's marginal less price; the largest wins, of classes that are not kept from the type if
    there is one; of equal ones that of the better rank. Neither refuses a session. With one type, or equal sets,
    the choice is JLMU's.

    `quotes` gives the prices. Class 0 has one place left, type 0 no other class, and class 1 is worth nearly as much:

    >>> from slta.core.session_types.market import Load, market_of
    >>> from slta.core.session_types.sets import TypeSets
    >>> sets, ranks, marginals = TypeSets(((0,), (0, 1))), [[1], [2]], [[100], [95]]
    >>> load = Load([8, 8], sessions=[7, 0], held=[7, 0], inside=[[7, 0], [0, 0]])
    >>> choose(market_of(sets, ranks, [0, 0], marginals, load), 1)
    (1, 95.0)
    """
    chosen, best, open_to_all = NOTHING, 0.0, is_all_kept(market, kind)
    c = next_offer(market, kind, 0, open_to_all)
    while c != NOTHING and (chosen == NOTHING or offered(market, c) > best):
        price = quotes(market, kind, c)
        score = offered(market, c) - max(price.amount, 0.0)
        if chosen == NOTHING or score > best:
            chosen, best = c, score
        if price.amount < 0:
            break  # the others rank worse, and a price makes none better
        c = next_offer(market, kind, market.rank[c], open_to_all)
    return chosen, best
