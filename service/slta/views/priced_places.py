"""Offers of the classes to a session of a type, with their prices, from one snapshot."""

from __future__ import annotations

from dataclasses import dataclass

from slta.core.fleet import FleetSpec
from slta.core.session_types.market import Load, Market, market_of, offered
from slta.core.session_types.prices import choose, is_all_kept, needy_types, quote
from slta.core.session_types.reserves import is_alone, is_kept
from slta.models import Snapshot
from slta.models.errors import UnknownSessionTypeError


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedPlace:
    """Best place of a class, and its price, 0 if it has none.

    The price is the extra value of the place to sessions of `needy_types`, which find less elsewhere, times the chance
    that they take all `holes`: needed^(3/8 holes) · needy_sessions / (needy_sessions + holes), with `needed` = min(1,
    needy_sessions / room). `room` places are worth more to the session than its alternative, `holes` of them are free,
    at least 1. `kept_for`: types for which the last places are kept from this session.
    """

    pool_class: str
    marginal_utility: float
    price: float
    needy_types: list[str]
    needy_sessions: int
    room: int | None
    holes: int | None
    needed: float | None
    kept_for: list[str]


def kind_of(spec: FleetSpec, session_type: str) -> int:
    """Number of a type; raises UnknownSessionTypeError."""
    if session_type not in spec.type_names:
        raise UnknownSessionTypeError(None, session_type=session_type, session_types=" ".join(spec.type_names))
    return list(spec.type_names).index(session_type)


def market_at(snapshot: Snapshot, spec: FleetSpec) -> Market:
    """The market of a fleet with session types."""
    counts = [c.counts for c in snapshot.classes]
    lowest = [
        sum(count == column[0] for count in column) - 1 if column[0] else c.capacity
        for column, c in zip(counts, spec.classes, strict=True)
    ]
    load = Load(
        pools=[column[0] for column in counts],
        sessions=[one.sessions for one in snapshot.types] or [0] * len(spec.type_names),
        held=[sum(column[1:]) for column in counts],
        inside=[one.inside for one in snapshot.types] or [[0] * len(spec.classes)] * len(spec.type_names),
    )
    return market_of(spec.type_sets, spec.ranking.ranks, lowest, spec.integers.marginals, load, spec.reserve)


def names_alone(market: Market, spec: FleetSpec, pool_class: int) -> list[str]:
    """The types that have no other class with room."""
    return [name for t, name in enumerate(spec.type_names) if is_alone(market, t, pool_class)]


def priced_places(snapshot: Snapshot, spec: FleetSpec, kind: int) -> tuple[list[PricedPlace], int]:
    """Offers of the classes that a type may use, best rank first, and the class that is chosen, or NOTHING."""
    market, to_utility = market_at(snapshot, spec), spec.integers.to_utility
    is_open, found = is_all_kept(market, kind), list[PricedPlace]()
    for c in sorted((c for c in spec.type_sets.classes[kind] if market.rank[c]), key=market.rank.__getitem__):
        price = quote(market, kind, c)
        is_priced = price.amount >= 0
        found.append(
            PricedPlace(
                pool_class=spec.classes[c].name,
                marginal_utility=to_utility(offered(market, c)),
                price=to_utility(price.amount) if is_priced else 0.0,
                needy_types=[spec.type_names[t] for t in needy_types(market, kind, c)] if is_priced else [],
                needy_sessions=price.needy,
                room=price.room if is_priced else None,
                holes=price.holes if is_priced else None,
                needed=min(1.0, price.needy / price.room) if is_priced else None,
                kept_for=names_alone(market, spec, c) if is_kept(market, kind, c) and not is_open else [],
            )
        )
    return found, choose(market, kind)[0]
