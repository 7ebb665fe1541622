"""Placement of a session of a type, by rank or by marginal utility less price: `slta.core.session_types.prices`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from slta.core.policies.choice import NOTHING
from slta.core.session_types import prices
from slta.core.session_types.prices import TIE
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.state import Integers, State, join

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
def needy(market: Market, kind: int, pool_class: int, mine: int, after: int) -> tuple[int, int]:
    """Sessions of the types that find at least TIE less than `mine`, and the least that one finds. O(types)."""
    m, kinds = len(market.held), len(market.sessions)
    count, worst = 0, -ABSENT
    for t in range(kinds):
        if market.rivals[kind * kinds + t] == 1 and market.members[t * m + pool_class] == 1:
            theirs = max(after, besides(market, t, pool_class))
            if theirs <= mine - TIE:
                count += market.sessions[t]
                worst = min(worst, theirs)
    return count, worst


@inner
def price(state: State, market: Market, kind: int, pool_class: int) -> float:
    """Price of the class's offer, or NOT_PRICED."""
    mine = besides(market, kind, pool_class)
    if mine == ABSENT:
        return NOT_PRICED
    base, capacity = state.base[pool_class], state.capacity[pool_class]
    column = market.marginals[base : base + capacity]
    last = prices.last_level(column, state.lowest[pool_class] + 1, mine - TIE)
    after = column[last] if last < capacity else 0
    count, worst = needy(market, kind, pool_class, mine, after)
    if count == 0 or worst >= market.now[pool_class]:
        return NOT_PRICED
    room = market.pools[pool_class] * last
    holes = max(1, room - market.held[pool_class])
    return float((market.now[pool_class] - worst) * prices.chance(count, room, holes))


@inner
def next_candidate(market: Market, kind: int, rank: int) -> int:
    """The class of a type whose offer ranks next after `rank`, or NOTHING. O(classes)."""
    m, found = len(market.held), NOTHING
    for c in range(m):
        if (
            market.members[kind * m + c] == 1
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
        return pool

    return place
