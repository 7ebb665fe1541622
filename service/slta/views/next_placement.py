"""Next placement: where the policy would assign a session now, and by which step, from one snapshot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from slta.core.fleet import FleetSpec
from slta.core.policies.steps import Opening, Standing, Step
from slta.core.session_types import DEFAULT_TYPE
from slta.models import Snapshot
from slta.views.session_types import PricedPlace, kind_of, priced_places
from slta.views.state import enumeration

MAX_NAMED = 3
"""Maximum number of places named in the sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPlace:
    """`pools` pools of the class have `level` − 1 sessions; one more adds `marginal_utility`."""

    pool_class: str
    level: int
    pools: int
    marginal_utility: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """Step of the policy, its token, and its number of candidate pools."""

    rule: str
    token: str
    pools: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPlacement:
    """Where the next session goes: to a pool of `places`, drawn uniformly.

    The first of `steps` that has pools decides: number `decides`, from 1. `best_places` has the best place of each
    class, best marginal utility first. `refused` is the error code if no pool has room; then, and under `observe`,
    there are no steps. Unconfirmed pools are among the places, although other pools with room come first. With session
    types all is about the classes of `session_type`: the session goes to the class of `offers` with the largest
    `marginal_utility` less `price`, and `sentence` says for whom places are kept.
    """

    fleet: str
    config_version: int
    policy: str
    as_of: str
    refused: Literal["no_active_pool", "no_capacity"] | None
    steps: list[NextStep]
    decides: int | None
    token: str | None
    places: list[NextPlace]
    best_places: list[NextPlace]
    session_type: str | None
    offers: list[PricedPlace]
    sentence: str


def next_placement(snapshot: Snapshot, spec: FleetSpec, session_type: str = DEFAULT_TYPE) -> NextPlacement:
    """Placement of a session that would arrive at this instant. O(levels). UnknownSessionTypeError."""
    kind = kind_of(spec, session_type)
    standing = _standing(snapshot, spec)
    own = spec.type_sets.members[kind]
    best = [place for place in standing.best_places() if place.pool_class in own]
    steps = list(spec.policy.explain(standing)) if best else []
    offers = list[PricedPlace]()
    if steps and spec.session_types:
        offers, chosen = priced_places(snapshot, spec, kind)
        place = next((place for place in best if place.pool_class == chosen), None)
        rule = _priced_rule(session_type, offers, spec.classes[chosen].name if place else "")
        steps = [Step(rule, steps[0].token, (place,) if place else ())]
    number = next((k for k, step in enumerate(steps, 1) if step.places), None)
    deciding = steps[number - 1] if number else None
    best_places = sorted((_to_next_place(place, spec) for place in best), key=lambda place: -place.marginal_utility)
    places = [_to_next_place(place, spec) for place in deciding.places] if deciding else []
    named_type = session_type if spec.session_types else None
    return NextPlacement(
        fleet=snapshot.fleet,
        config_version=snapshot.config_version,
        policy=snapshot.policy,
        as_of=snapshot.as_of,
        refused=None if best else _refusal(standing, own),
        steps=[NextStep(rule=step.rule, token=step.token, pools=step.pools) for step in steps],
        decides=number,
        token=deciding.token if deciding else None,
        places=places,
        best_places=best_places,
        session_type=named_type,
        offers=offers,
        sentence=_sentence(spec.policy.title, number, deciding, places, best_places) if best else _refused(named_type),
    )


def _standing(snapshot: Snapshot, spec: FleetSpec) -> Standing:
    return Standing(
        names=[c.name for c in snapshot.classes],
        ranking=enumeration(spec, [c.counts[0] for c in snapshot.classes]),
        counts=[c.counts for c in snapshot.classes],
        rank=snapshot.rank,
    )


def _priced_rule(session_type: str, offers: Sequence[PricedPlace], chosen: str) -> str:
    """The rule of the only step with session types, and what reserves and prices change: else the first is chosen."""
    rule = f"a pool whose next level adds most, less its price, of the classes of {session_type}"
    ahead = list(takewhile(lambda offer: offer.pool_class != chosen, offers))
    kept = {name for offer in ahead for name in offer.kept_for}
    needy = {name for offer in ahead if not offer.kept_for for name in offer.needy_types}
    changes = [(kept, "the last places being kept for"), (needy, "places being left to")]
    if words := [f"{verb} {' and '.join(sorted(names))}" for names, verb in changes if names]:
        return f"{rule}, {' and '.join(words)}"
    paid = next((offer for offer in offers[:1] if offer.needy_types), None)
    if paid is None:
        return rule
    return f"{rule}; its price of {_figure(paid.price)}, for {' and '.join(paid.needy_types)}, changes nothing"


def _to_next_place(place: Opening, spec: FleetSpec) -> NextPlace:
    return NextPlace(
        pool_class=spec.classes[place.pool_class].name,
        level=place.level,
        pools=place.pools,
        marginal_utility=spec.ranking.marginals[place.pool_class][place.level - 1],
    )


def _refusal(standing: Standing, own: Collection[int]) -> Literal["no_active_pool", "no_capacity"]:
    return "no_capacity" if any(standing.counts[c][0] for c in own) else "no_active_pool"


def _refused(session_type: str | None) -> str:
    """Sentence of a refusal; `session_type` is None in a fleet without types."""
    own = f" of the classes that sessions of type {session_type} may use" if session_type else ""
    return f"The next session would be rejected: no active pool{own} has room."


def _sentence(
    title: str, number: int | None, deciding: Step | None, places: list[NextPlace], best: list[NextPlace]
) -> str:
    if deciding is None:
        return f"{title} does not predict where the next session goes. {_best(best[0])}"
    gains = sorted({place.marginal_utility for place in places})
    adds = " to ".join(_figure(gain) for gain in dict.fromkeys((gains[0], gains[-1])))
    compared = "No place adds more." if gains[0] >= best[0].marginal_utility else _best(best[0])
    return (
        f"The next session goes to {_where(deciding.pools, places)}, and adds {adds}. "
        f"{title}, step {number}: {deciding.rule}. {compared}"
    )


def _where(pools: int, places: list[NextPlace]) -> str:
    if pools == 1:
        return f"a pool of {places[0].pool_class}, at level {places[0].level}"
    if len(places) == 1:
        return f"one of {pools:,} pools of {places[0].pool_class}, at level {places[0].level}"
    named = [f"{place.pools:,} of {place.pool_class} at level {place.level}" for place in places[:MAX_NAMED]]
    more = f" and {len(places) - MAX_NAMED:,} more places" if len(places) > MAX_NAMED else ""
    return f"one of {pools:,} pools, {', '.join(named)}{more}"


def _best(place: NextPlace) -> str:
    return f"The best place, at level {place.level} of {place.pool_class}, adds {_figure(place.marginal_utility)}."


def _figure(utility: float) -> str:
    """Four digits, with a true minus sign."""
    return f"{utility:.4g}".replace("-", "−")
