"""Session types: their sessions, what the restrictions to their classes cost, and the prices of places."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.optimum import optimal_assignment, optimum, pool_worth
from slta.core.session_types.bound import bound, gains
from slta.core.session_types.market import NOWHERE, Load, Market, besides, market_of, offered
from slta.core.session_types.prices import choose, is_all_kept, needy_types, quote
from slta.core.session_types.reserves import is_alone, is_kept, is_within, likely_of
from slta.models import Snapshot
from slta.models.errors import UnknownSessionTypeError

OVERLOAD = 1e-9
"""Share of the sessions without room below which that is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCounts:
    """Number of sessions on active and on draining pools."""

    active: int
    draining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeObservation:
    """Session type, whose sessions may use `pool_classes`.

    `assigned` and `refused`, by reason, are counters; `incompatible` are reports of sessions in another class. With a
    gap compare `refused` too, as the bound is that of the sessions present.
    """

    name: str
    pool_classes: list[str]
    sessions: SessionCounts
    assigned: int
    refused: dict[str, int]
    load_price: float


class FleetOptimum(NamedTuple):
    """U*(N_1 … N_T, A), and what one more session of each type or pool of each class adds; `held[i]` are in class i."""

    utility: float
    overload: bool
    held: Sequence[float]
    load_prices: Sequence[float]
    pool_worths: Sequence[float]


def fleet_optimum(spec: FleetSpec, pools: Sequence[int], sessions: Sequence[float]) -> FleetOptimum | None:
    """The optimum for these pools by class and sessions by type. Without session types None if there is no pool.

    With them it takes a bound for each class and type; without, one price decides (paper, section 2.4).
    """
    if spec.session_types:
        given, to_utility = (spec.type_sets, spec.integers.totals, pools, sessions), spec.integers.to_utility
        found, (by_type, by_class) = bound(*given), gains(*given)
        prices, worths = (list(map(to_utility, more)) for more in (by_type, by_class))
        overload = found.refused > OVERLOAD * sum(sessions)
        return FleetOptimum(to_utility(found.utility), overload, found.held, prices, worths)
    best = optimum(spec.optimal_ranking, pools, sum(sessions))
    if best is None:
        return None
    held = [sum(column[1:]) for column in optimal_assignment(spec.optimal_ranking, pools, best)]
    worths = [pool_worth(spec.ranking, i, best) for i in range(len(pools))]
    return FleetOptimum(best.utility, best.overload, held, [best.price], worths)


def sessions_by_type(snapshot: Snapshot, spec: FleetSpec) -> list[float]:
    """Sessions of each type on active pools; without session types all are `default`."""
    present = [float(one.sessions) for one in snapshot.types]
    return present or [float(snapshot.sessions), *[0.0] * (len(spec.type_names) - 1)]


def observe_types(snapshot: Snapshot, spec: FleetSpec, best: FleetOptimum | None) -> list[TypeObservation]:
    """The session types by number; empty without any."""
    if not snapshot.types or not best:
        return []
    names, seen = spec.class_names(), snapshot.types
    return [
        TypeObservation(
            name=one.name,
            pool_classes=[names[c] for c in own],
            sessions=SessionCounts(active=one.sessions, draining=one.other_sessions),
            assigned=one.assigned,
            refused=dict(one.refused),
            load_price=price,
        )
        for one, own, price in zip(seen, spec.type_sets.classes, best.load_prices, strict=True)
    ]


class Reserve(NamedTuple):
    """Free places of a class that are kept for `types`, the most from any other type; None without session types."""

    places: int | None
    types: list[str]


def reserves(snapshot: Snapshot, spec: FleetSpec) -> list[Reserve]:
    """The reserve of each class."""
    if not snapshot.types:
        return [Reserve(None, [])] * len(spec.classes)
    market = market_at(snapshot, spec)
    kept = [_kept_places(market, c) for c in range(len(spec.classes))]
    return [Reserve(places, names_alone(market, spec, c) if places else []) for c, places in enumerate(kept)]


def _kept_places(market: Market, c: int) -> int:
    """Free places of a class that are kept from the type that loses least without them."""
    mine = max((besides(market, t, c) for t, own in enumerate(market.members) if own[c]), default=NOWHERE)
    likely, free = likely_of(market, c), market.load.pools[c] * market.capacity[c] - market.load.held[c]
    if mine == NOWHERE or not likely or not market.rank[c]:
        return 0
    limits = (market.reserve, likely, offered(market, c), mine)
    return bisect(range(1, free + 1), 0, key=lambda places: not is_within(*limits, places))


def columns_of(held: Sequence[float], pools: Sequence[int]) -> list[list[float]]:
    """Occupancies by class of `held[i]` sessions that fill the levels of class i from below.

    >>> columns_of([3, 0], [2, 1])
    [[2.0, 2.0, 1.0], [1.0]]
    """
    columns = []
    for here, count in zip(held, pools, strict=True):
        column, left = [float(count)], float(here)
        while left > 0 and count:
            column.append(min(left, float(count)))
            left -= count
        columns.append(column)
    return columns


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
