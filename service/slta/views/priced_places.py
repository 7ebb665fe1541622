"""Offers of the classes to a session of a type, with their prices, from one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slta.core.fleet import FleetSpec
from slta.core.policies.choice import NOTHING
from slta.core.policies.steps import Opening, Standing
from slta.core.session_types.prices import Load, Market, Offer
from slta.models import Snapshot
from slta.models.errors import UnknownSessionTypeError


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedPlace:
    """Best place of a class, and its price, 0 if it has none.

    The price is what the place is worth more to the sessions of `needy_types`, which find less elsewhere, times the
    chance that they take all `holes`: R^(3/8 holes) · needy_sessions / (needy_sessions + holes), with `needed` = R =
    min(1, needy_sessions / room). `room` are the places that are worth more to the session than its alternative,
    `holes` these less all sessions of the class, at least 1. Sessions that sit well elsewhere are not counted.
    `kept_for` are the types for which the last places are kept from this session; empty if all its classes are at their
    reserve.
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


def priced_places(
    snapshot: Snapshot, spec: FleetSpec, standing: Standing, kind: int
) -> tuple[list[PricedPlace], Opening | None]:
    """Offers of the classes that a type may use, best rank first, and the place that is chosen; None without room."""
    best = {place.pool_class: place for place in standing.best_places()}
    marginals, to_utility = spec.integers.marginals, spec.integers.to_utility
    offers = [_offer(best.get(c), standing, marginals) for c in range(len(spec.classes))]
    load = Load(
        pools=[counts[0] for counts in standing.counts],
        sessions=[one.sessions for one in snapshot.types] or [0] * len(spec.type_names),
        held=[sum(counts[1:]) for counts in standing.counts],
        inside=[one.inside for one in snapshot.types] or [[0] * len(spec.classes)] * len(spec.type_names),
    )
    offered = Market(spec.type_sets, kind, offers, marginals, load, spec.reserve)
    kept = {c: offered.kept_for(c) for c in spec.type_sets.classes[kind] if offers[c]}
    is_any_free = not all(kept.values())
    found = []
    for offer, c in sorted((offer, c) for c in spec.type_sets.classes[kind] if (offer := offers[c])):
        price = offered.quote(c, offer)
        found.append(
            PricedPlace(
                pool_class=spec.classes[c].name,
                marginal_utility=to_utility(offer.marginal),
                price=to_utility(price.amount) if price else 0.0,
                needy_types=[spec.type_names[t] for t in price.types] if price else [],
                needy_sessions=price.needy if price else 0,
                room=price.room if price else None,
                holes=price.holes if price else None,
                needed=min(1.0, price.needy / price.room) if price else None,
                kept_for=[spec.type_names[t] for t in kept[c]] if is_any_free else [],
            )
        )
    chosen, _ = offered.choose()
    return found, None if chosen == NOTHING else best[chosen]


def _offer(place: Opening | None, standing: Standing, marginals: Sequence[Sequence[int]]) -> Offer | None:
    if place is None:
        return None
    return Offer(standing.rank_of(place), place.level, marginals[place.pool_class][place.level - 1])
