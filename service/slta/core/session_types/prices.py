"""Prices of places: JLMU among the classes that a session may use, each lowered by what its place is worth to others.

A type is *needy* beside a session if it may use the class and finds less in its other classes than the session does.
Its sessions that sit well, in another class whose last filled level is worth more, would not come and do not count. The
last places of the class that are worth more than the session's alternative are left to the needy, as far as these would
fill them before departures make new ones: with `room` such places, down to level L, `holes` these less all sessions of
the class, also above L, at least 1, and R = needy / room, at most 1, the chance is R^(3/8 · holes), after the gambler's
ruin, times needy / (needy + holes), since a place earns nothing while it waits. 3/8 is from simulations: 2/5 to 1/3 are
alike.

Utilities are the store's integers. Sums, products, quotients and square roots are rounded alike in Lua and Python,
which powers of the C library are not: R^(1/8) is three square roots, then raised to an integer by squaring.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from slta.core.policies.choice import NOTHING
from slta.core.session_types.reserves import reserve_of
from slta.core.session_types.sets import TypeSets

TIE = 2
"""Integer marginals that differ by less are worth the same: rounding may make equal ones differ by 1."""


class Offer(NamedTuple):
    """Best free place of a class: its rank in the dispatch order, its level, and its integer marginal utility."""

    rank: int
    level: int
    marginal: int


class Alternatives(NamedTuple):
    """Best class of a type, its marginal, and the largest marginal of the others; None where there is none."""

    pool_class: int
    first: int | None
    second: int | None

    def besides(self, pool_class: int) -> int | None:
        """The largest marginal without this class."""
        return self.second if pool_class == self.pool_class else self.first


@dataclass(frozen=True, slots=True)
class Load:
    """Active pools `pools[c]`, and the sessions on them: `sessions[t]` of a type, `held[c]` in a class.

    `inside[t][c]` are those of a type in a class.
    """

    pools: Sequence[int]
    sessions: Sequence[int]
    held: Sequence[int]
    inside: Sequence[Sequence[int]]


def alternatives(classes: Iterable[int], offers: Sequence[Offer | None]) -> Alternatives:
    """The best two offers of these classes.

    >>> alternatives([0, 1, 2], [Offer(2, 1, 6), None, Offer(1, 1, 8)])
    Alternatives(pool_class=2, first=8, second=6)
    """
    best, first, second = NOTHING, None, None
    for c in classes:
        offer = offers[c]
        if offer is not None and (first is None or offer.marginal > first):
            best, first, second = c, offer.marginal, first
        elif offer is not None and (second is None or offer.marginal > second):
            second = offer.marginal
    return Alternatives(best, first, second)


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


def last_level(marginals: Sequence[int], level: int, above: int) -> int:
    """The last level from `level` on whose marginal is more than `above`; `level` if there is none. O(log levels).

    >>> last_level([9, 7, 7, 4], level=1, above=5)
    3
    """
    low, high = level, len(marginals)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if marginals[middle - 1] > above else (low, middle - 1)
    return low


class Price(NamedTuple):
    """Price of an offer: `needy` sessions of `types` could fill `room` places of the class.

    `holes` are these places less all sessions of the class, at least 1. Sessions that sit well are not counted.
    """

    amount: float
    types: tuple[int, ...]
    needy: int
    room: int
    holes: int


@dataclass(frozen=True)
class Market:
    """Offers of all classes to a session of type `kind`, None of a class without room.

    `marginals[c][j - 1]` is Δ(c, j); `reserve` is ρ.
    """

    sets: TypeSets
    kind: int
    offers: Sequence[Offer | None]
    marginals: Sequence[Sequence[int]]
    load: Load
    reserve: float = 0.0

    @cached_property
    def found(self) -> Mapping[int, Alternatives]:
        """The alternatives of `kind` and of its rivals. O(classes · types)."""
        return {t: alternatives(self.sets.classes[t], self.offers) for t in (self.kind, *self.sets.rivals[self.kind])}

    def choose(self) -> tuple[int, float]:
        """The class of the session and its score, NOTHING and 0 if no class has room. O(classes² · types).

        The score is the offer's marginal less price; the largest wins, of classes that are not at their reserve if
        there is one; of equal ones that of the better rank. Neither refuses a session. With one type, or equal sets,
        the choice is JLMU's.

        Class 0 has one place left, and type 0 no other class; type 1 finds nearly as much in class 1:

        >>> sets, offers = TypeSets(((0,), (0, 1))), [Offer(1, 1, 100), Offer(2, 1, 95)]
        >>> load = Load([8, 8], sessions=[7, 0], held=[7, 0], inside=[[7, 0], [0, 0]])
        >>> Market(sets, 1, offers, [[100], [95]], load).choose()
        (1, 95)
        """
        candidates = [(offer, c) for c in self.sets.classes[self.kind] if (offer := self.offers[c]) is not None]
        free = [(offer, c) for offer, c in candidates if not self.kept_for(c)]
        chosen, best = NOTHING, 0.0
        for offer, c in sorted(free or candidates):
            if chosen != NOTHING and offer.marginal <= best:
                break
            price = self.quote(c, offer)
            score = offer.marginal - price.amount if price else offer.marginal
            if chosen == NOTHING or score > best:
                chosen, best = c, score
            if not price:
                break  # the others rank worse, and a price makes none better
        return chosen, best

    def kept_for(self, pool_class: int) -> tuple[int, ...]:
        """The types for which the free places of the class are kept; empty if there are more than its reserve."""
        load = self.load
        free = load.pools[pool_class] * len(self.marginals[pool_class]) - load.held[pool_class]
        if free > self.reserve * (1 + math.sqrt(sum(load.sessions))):
            return ()
        kept, types = reserve_of(self.sets, pool_class, self.offers, load.sessions, self.reserve)
        return types if free <= kept else ()

    def quote(self, pool_class: int, offer: Offer) -> Price | None:
        """What the class's offer is worth to needy types, times the chance that they take it; None if it has no price.

        A place beyond the capacity is worth 0: a refused session adds nothing.
        """
        mine = self.found[self.kind].besides(pool_class)
        if mine is None:
            return None
        column = self.marginals[pool_class]
        last = last_level(column, offer.level, mine - TIE)
        types, needy, worst = self.needy(pool_class, mine, column[last] if last < len(column) else 0)
        if not needy or worst >= offer.marginal:
            return None
        room = self.load.pools[pool_class] * last
        holes = max(1, room - self.load.held[pool_class])
        return Price((offer.marginal - worst) * chance(needy, room, holes), types, needy, room, holes)

    def needy(self, pool_class: int, mine: int, after: int) -> tuple[tuple[int, ...], int, float]:
        """The types that find at least TIE less than `mine`, their sessions that would come, and the least found.

        `after` is what they find in the class itself, once its places that are worth `mine` are taken.
        """
        types, count, worst = [], 0, math.inf
        for t in self.sets.rivals[self.kind]:
            if pool_class in self.sets.members[t]:
                besides = self.found[t].besides(pool_class)
                theirs = after if besides is None else max(after, besides)
                if theirs <= mine - TIE and (left := self.coming(t, pool_class, theirs)) > 0:
                    types.append(t)
                    count, worst = count + left, min(worst, theirs)
        return tuple(types), count, worst

    def coming(self, kind: int, pool_class: int, theirs: int) -> int:
        """The sessions of a type, without those in another class whose last filled level is worth more than `theirs`.

        That is of the class's emptiest pool; of an empty pool it is the first level. O(classes).
        """
        others = (c for c in self.sets.classes[kind] if c != pool_class and self._last_filled(c) > theirs + TIE)
        return self.load.sessions[kind] - sum(self.load.inside[kind][c] for c in others)

    def _last_filled(self, pool_class: int) -> int:
        offer, column = self.offers[pool_class], self.marginals[pool_class]
        return column[max(1, offer.level - 1) - 1] if offer else column[-1]
