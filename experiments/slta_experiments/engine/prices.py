"""JLMU with prices in the event loop, by the rule of `slta.core.session_types`, and with the price as it was first."""

from __future__ import annotations

from slta.core.policies.choice import NOTHING
from slta.core.session_types import prices, reserves
from slta.core.session_types.market import NOWHERE, Market, besides, offered
from slta.core.session_types.prices import NO_PRICE, TIE, Price, Quote
from slta_experiments.engine.compiling import inner
from slta_experiments.engine.dispatch import DispatchOrder, Memory, Policy, find_offers
from slta_experiments.engine.state import State, join

for rule in (
    *(offered, besides, reserves.is_alone, reserves.likely_of, reserves.is_within, reserves.is_kept),
    *(prices.power, prices.chance, prices.last_level, prices.alternative, prices.found_by, prices.coming_of),
    *(prices.price_of, prices.quote, prices.is_all_kept, prices.next_offer, prices.choose),
):
    inner(rule)


@inner
def first_quote(market: Market, kind: int, pool_class: int) -> Price:
    """The price as it was first: for all sessions of a needy type, even if there is none, without a wait for them."""
    mine, last, after = prices.alternative(market, kind, pool_class)
    if mine == NOWHERE:
        return NO_PRICE
    needy, worst = 0, offered(market, pool_class)
    for t in range(len(market.members)):
        theirs = prices.found_by(market, t, pool_class, after)
        if theirs <= mine - TIE:
            needy, worst = needy + market.load.sessions[t], min(worst, theirs)
    price = prices.price_of(market, pool_class, last, needy, worst)
    if price.needy == 0:
        return NO_PRICE
    likely = prices.chance(needy, price.room, price.holes) * ((needy + price.holes) / needy)
    return Price((offered(market, pool_class) - worst) * likely, needy, price.room, price.holes)


def priced_policy(quote: Quote) -> Policy:
    """A pool drawn uniformly among those at the frontier of the class that the rule chooses at these prices."""

    @inner
    def place(state: State, order: DispatchOrder, memory: Memory, kind: int, draw: float) -> int:  # noqa: ARG001 - as all
        find_offers(state, order)
        c, _ = prices.choose(order.market, kind, quote)
        if c == NOTHING:
            return NOTHING
        frontier = state.below[state.base[c] + state.lowest[c] + 1]
        pool: int = state.members[state.first[c] + int(draw * frontier)]
        join(state, pool)
        return pool

    return place
