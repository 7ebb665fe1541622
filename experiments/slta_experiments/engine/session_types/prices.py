"""Placement of a session of a type, by rank or by marginal utility less price and reserve.

The rule is that of `slta.core.session_types.prices` on flat arrays, held to it by tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from slta.core.policies.choice import NOTHING
from slta.core.session_types import prices
from slta.core.session_types.prices import TIE
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.state import Floats, Integers, State, join

ABSENT = -(2**62)
"""Less than any marginal utility: there is no alternative."""
NOT_PRICED = -1.0
"""Prices are not negative."""

for rule in (prices.power, prices.chance, prices.last_level):
    inner(rule)


class Market(NamedTuple):
    """Sessions of T types on m classes, and scratch space for the classes' offers and the types' alternatives."""

    members: Integers
    """members[t m + c]: 1 if type t may use class c."""
    rivals: Integers
    """rivals[k T + t]: 1 if type t is a rival of type k."""
    ranks: Integers
    """ranks[base[c] + x]: the rank of (c, x + 1)."""
    marginals: Integers
    """marginals[base[c] + x] = Δ(c, x), the store's integers."""
    pools: Integers
    """A_c."""
    sessions: Integers
    """N_t."""
    held: Integers
    """H_c."""
    inside: Integers
    """inside[t m + c]: sessions of type t in class c."""
    reserve: Floats
    """ρ, one element."""
    counts_all: Integers
    """One element; 1: the price as it was first: of a needy type all sessions, even if none, and no wait for them."""
    kept: Integers
    """1 for a class that the session leaves to those who have no other."""
    rank: Integers
    """Rank of each class's offer, 0 for a full class."""
    now: Integers
    """Marginal utility of each class's offer."""
    best: Integers
    """Best class of each type, with the fields below its `Alternatives`."""
    first: Integers
    second: Integers


@inner
def find_offers(state: State, market: Market) -> None:
    """Fill `rank` and `now`. O(classes)."""
    for c in range(len(market.held)):
        x = state.lowest[c]
        market.rank[c] = 0
        if x < state.capacity[c]:
            market.rank[c] = market.ranks[state.base[c] + x]
            market.now[c] = market.marginals[state.base[c] + x]


@inner
def find_alternatives(market: Market, kind: int) -> None:
    """Fill `best`, `first` and `second` for a type. O(classes)."""
    m = len(market.held)
    best, first, second = NOTHING, ABSENT, ABSENT
    for c in range(m):
        if market.members[kind * m + c] == 1 and market.rank[c] > 0:
            now = market.now[c]
            if now > first:
                best, first, second = c, now, first
            elif now > second:
                second = now
    market.best[kind] = best
    market.first[kind] = first
    market.second[kind] = second


@inner
def besides(market: Market, kind: int, pool_class: int) -> int:
    """The largest marginal that a type finds without this class, or ABSENT."""
    found: int = market.second[kind] if market.best[kind] == pool_class else market.first[kind]
    return found


@inner
def wanting(state: State, market: Market, kind: int, pool_class: int, theirs: int) -> int:
    """Sessions of a type less those that sit well: in other classes, on places worth more than `theirs`. O(classes)."""
    m = len(market.held)
    count: int = market.sessions[kind]
    for c in range(m):
        last = state.base[c] + max(1, state.lowest[c]) - 1
        if c != pool_class and market.marginals[last] > theirs + TIE and market.counts_all[0] == 0:
            count -= market.inside[kind * m + c]
    return count


@inner
def is_rival(market: Market, kind: int, rival: int, pool_class: int) -> bool:
    """Whether sessions of another type may use the class, and may have worse alternatives."""
    kinds = len(market.sessions)
    is_member = market.members[rival * len(market.held) + pool_class] == 1
    return bool(is_member and market.rivals[kind * kinds + rival] == 1)


@inner
def needy(state: State, market: Market, kind: int, pool_class: int, mine: int, after: int) -> tuple[int, int]:
    """Sessions that find at least TIE less than `mine`, and the least that a type finds. O(types · classes)."""
    total, worst = 0, -ABSENT
    for t in range(len(market.sessions)):
        if is_rival(market, kind, t, pool_class):
            theirs = max(after, besides(market, t, pool_class))
            count = wanting(state, market, t, pool_class, theirs) if theirs <= mine - TIE else -1
            if count > 0 or (count == 0 and market.counts_all[0] == 1):
                total += count
                worst = min(worst, theirs)
    return total, worst


@inner
def price(state: State, market: Market, kind: int, pool_class: int) -> float:
    """Price of the class's offer, or NOT_PRICED."""
    mine = besides(market, kind, pool_class)
    if mine == ABSENT:
        return NOT_PRICED
    base, capacity = state.base[pool_class], state.capacity[pool_class]
    column = market.marginals[base : base + capacity]
    last = prices.last_level(column, capacity, state.lowest[pool_class] + 1, mine - TIE)
    after = column[last] if last < capacity else 0
    count, worst = needy(state, market, kind, pool_class, mine, after)
    if count == 0 or worst >= market.now[pool_class]:
        return NOT_PRICED
    room = market.pools[pool_class] * last
    holes = max(1, room - market.held[pool_class])
    wait = (count + holes) / count if market.counts_all[0] == 1 else 1.0
    return float((market.now[pool_class] - worst) * (prices.chance(count, room, holes) * wait))


@inner
def is_reserved(state: State, market: Market, kind: int, pool_class: int) -> bool:
    """Whether the free places are no more than the reserve for types without another class with room. O(types)."""
    count, alone = 0, False
    for t in range(len(market.sessions)):
        if is_rival(market, kind, t, pool_class) and besides(market, t, pool_class) == ABSENT:
            count, alone = count + market.sessions[t], True
    free = market.pools[pool_class] * state.capacity[pool_class] - market.held[pool_class]
    return bool(alone and free <= market.reserve[0] * (1.0 + math.sqrt(count)))


@inner
def find_kept(state: State, market: Market, kind: int) -> None:
    """Fill `kept`: the reserved classes, none if all classes of the type with room are. O(classes · types)."""
    m, others = len(market.held), 0
    for c in range(m):
        market.kept[c] = 0
        if market.members[kind * m + c] == 1 and market.rank[c] > 0:
            market.kept[c] = int(is_reserved(state, market, kind, c))
            others += 1 - market.kept[c]
    for c in range(m if others == 0 else 0):
        market.kept[c] = 0


@inner
def next_candidate(market: Market, kind: int, rank: int) -> int:
    """The class of a type that is not kept and whose offer ranks next after `rank`, or NOTHING. O(classes)."""
    m, found = len(market.held), NOTHING
    for c in range(m):
        if (
            market.members[kind * m + c] == 1
            and market.kept[c] == 0
            and market.rank[c] > rank
            and (found == NOTHING or market.rank[c] < market.rank[found])
        ):
            found = c
    return found


@inner
def choose_by_rank(state: State, market: Market, kind: int) -> int:  # noqa: ARG001 - as `choose_by_price`
    """JLMU among the classes of the type."""
    return next_candidate(market, kind, 0)


@inner
def choose_by_price(state: State, market: Market, kind: int) -> int:
    """The class with the largest marginal less price, NOTHING if none has room. O(classes · (classes + types))."""
    kinds = len(market.sessions)
    for t in range(kinds):
        if t == kind or market.rivals[kind * kinds + t] == 1:
            find_alternatives(market, t)
    if market.reserve[0] > 0:
        find_kept(state, market, kind)
    chosen, best = NOTHING, 0.0
    c = next_candidate(market, kind, 0)
    while c != NOTHING and (chosen == NOTHING or market.now[c] > best):
        cost = price(state, market, kind, c)
        score = market.now[c] - max(cost, 0.0)
        if chosen == NOTHING or score > best:
            chosen, best = c, score
        if cost == NOT_PRICED:
            break
        c = next_candidate(market, kind, market.rank[c])
    return chosen


Placement = Callable[[State, Market, int, float], int]
"""`place(state, market, kind, draw)`: places a session and returns its pool, or NOTHING without room."""


def placement(choose: Callable[[State, Market, int], int]) -> Placement:
    """Placement on a pool drawn uniformly among those at the frontier of the chosen class."""

    @inner
    def place(state: State, market: Market, kind: int, draw: float) -> int:
        find_offers(state, market)
        c = choose(state, market, kind)
        if c == NOTHING:
            return NOTHING
        frontier = state.below[state.base[c] + state.lowest[c] + 1]
        pool: int = state.members[state.first[c] + int(draw * frontier)]
        join(state, pool)
        market.sessions[kind] += 1
        market.held[c] += 1
        market.inside[kind * len(market.held) + c] += 1
        return pool

    return place
