"""Pools of each class that are wanted: a multiple of a mix, rounded up, within the limits of classes and of a step."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from slta.core.fleet import FleetSpec
from slta.core.limits import MAX_POOLS
from slta.core.scaling.mix import fluid_mix, hull_of
from slta.core.scaling.settings import Floor, Scale
from slta.core.session_types.bound import ROUNDING, Bound, bound

CHANGE = 0.15
"""Cost of starting or draining a pool, relative to its own: another mix must save more."""
DEAD_BAND = 1
"""Pools of a class that may be too many: only a larger fall is made."""
FALL = 3
"""One in so many pools of a class, at least a pod, drains in one step."""
GROWTH = 2
"""Largest multiple of the pools of a class that is wanted after a lead."""
DOUBLINGS, HALVINGS = 20, 24
"""Steps of the search of a multiple."""

Counts = tuple[int, ...]


@dataclass(frozen=True)
class Demand:
    """Sessions by type for which pools are sought, under the settings `scale` of a fleet."""

    spec: FleetSpec
    scale: Scale
    loads: Sequence[float]

    @cached_property
    def floor(self) -> float | None:
        """Least utility of all sessions; None with a budget."""
        by_type = self.scale.floor and self.spec.floors(self.scale.floor)
        if not by_type:
            return None
        return sum(load * least for load, least in zip(self.loads, by_type, strict=True) if load > 0)

    def cost(self, pools: Sequence[float]) -> float:
        """Of all pools."""
        return sum(own.cost * count for own, count in zip(self.scale.classes, pools, strict=True))

    def paid(self, least: Counts, most: Counts) -> Counts:
        """Pools from `least` to `most` of each class, dearest first, as far as a budget pays for them."""
        if self.scale.budget is None:
            return most
        found, left = list(least), self.scale.budget - self.cost(least)
        for c, own in sorted(enumerate(self.scale.classes), key=lambda one: -one[1].cost):
            more = min(most[c] - least[c], int(max(0.0, left) // own.cost))
            found[c], left = least[c] + more, left - more * own.cost
        return tuple(found)

    @cached_property
    def without_room(self) -> float:
        """Sessions that have no room at the limits of the classes."""
        return self._bound([own.most for own in self.scale.classes]).refused

    def utility(self, pools: Sequence[float]) -> float:
        """U*(N, A) of the sessions; minus infinity if some have no room that the limits allow."""
        best = self._bound(pools)
        return best.utility if best.refused - self.without_room <= ROUNDING * sum(self.loads) else -math.inf

    def _bound(self, pools: Sequence[float]) -> Bound:
        return bound(self.spec.type_sets, self.spec.paper_ranking, pools, self.loads)

    def is_dear(self, pools: Sequence[float]) -> bool:
        """Whether the pools cost more than a budget."""
        return self.scale.budget is not None and self.cost(pools) > self.scale.budget

    def suffices(self, pools: Sequence[float]) -> bool:
        """Whether there is room, and the bound reaches the floor."""
        least = -math.inf if self.floor is None else self.floor - 1e-9 * abs(self.floor)
        return least <= self.utility(pools) > -math.inf

    def target(self, now: Counts) -> Counts:
        """Pools for the aim within `min` and `max`: a multiple of `now`, unless another mix saves more than a change.

        The saving is of the cost, or with a budget of utility. A floor beyond the limits drains none.
        """
        lows = [own.min for own in self.scale.classes]
        new, old = self.cheapest(lows), self._multiple(now, lows) if any(now) else None
        if self.floor is not None and not self.suffices(new):
            return tuple(min(own.most, max(pair)) for own, *pair in zip(self.scale.classes, now, new, strict=True))
        if old is None or not self.suffices(old):
            return new
        best, kept = self.utility(new), self.utility(old)
        cost = self.cost(old)
        saved = cost - self.cost(new) if self.floor is not None else cost * (best - kept) / abs(best or 1.0)
        return new if saved > CHANGE * (self._change(now, new) - self._change(now, old)) else old

    def _change(self, before: Counts, after: Counts) -> float:
        return self.cost([abs(a - b) for a, b in zip(before, after, strict=True)])

    def cheapest(self, lows: list[int]) -> Counts:
        """A multiple of the fluid mix. Where `max` of its classes allows none that is enough, others join them.

        For a floor beyond the limits, all that they state; of classes without one what there must be room for.
        """
        free, stated = set(range(len(lows))), [max(own.min, own.max or 0) for own in self.scale.classes]
        while free:
            mix = self.mix(free)
            if (found := self._multiple(mix, lows)) is not None:
                return found
            full = {c for c in free if mix[c] * 2**DOUBLINGS > self.scale.classes[c].most}
            lows = [self.scale.classes[c].most if c in full else low for c, low in enumerate(lows)]
            free = free - full if full else set()
        if self.floor is None or not math.isfinite(self.floor):
            return tuple(lows)
        return replace(self, scale=replace(self.scale, floor=Floor(-math.inf, is_share=False))).cheapest(stated)

    def mix(self, free: Container[int]) -> list[float]:
        """The fluid mix of these classes."""
        marginals, costs = self.spec.paper_ranking.marginals, [own.cost for own in self.scale.classes]
        own = [[c for c in classes if c in free] for classes in self.spec.type_sets.classes]
        parts = [(hull_of(marginals, costs, c), load) for c, load in zip(own, self.loads, strict=True) if c]
        if self.floor is None:
            return fluid_mix(parts, "cost", self.scale.budget or 0.0, len(costs))
        return fluid_mix(parts, "utility", self.floor, len(costs))

    def _multiple(self, mix: Sequence[float], lows: Sequence[int]) -> Counts | None:
        """The smallest multiple that suffices; with a budget the largest that it pays for, and the rest that it pays.

        None if none does, or if the limits leave some of the budget.
        """
        low, high = 0.0, 1.0
        for _ in range(DOUBLINGS):
            if self._is_enough(self._rounded(mix, lows, high)):
                break
            low, high = high, 2 * high
        else:
            return None
        for _ in range(HALVINGS):
            if sum(self._rounded(mix, lows, high)) - sum(self._rounded(mix, lows, low)) <= 1:
                break
            middle = (low + high) / 2
            low, high = (low, middle) if self._is_enough(self._rounded(mix, lows, middle)) else (middle, high)
        if self.scale.budget is None:
            return self._rounded(mix, lows, high)
        least, limits = self._rounded(mix, lows, low), zip(mix, self.scale.classes, strict=True)
        most = [max(count, own.most if part > 0 else 0) for count, (part, own) in zip(least, limits, strict=True)]
        return self.paid(least, tuple(most))

    def _is_enough(self, pools: Counts) -> bool:
        return self.is_dear(pools) or (self.scale.budget is None and self.suffices(pools))

    def _rounded(self, mix: Sequence[float], lows: Sequence[int], times: float) -> Counts:
        counts = (min(MAX_POOLS, math.ceil(times * share - 1e-9)) for share in mix)
        return tuple(
            min(own.most, max(low, count)) for own, low, count in zip(self.scale.classes, lows, counts, strict=True)
        )


class Held(NamedTuple):
    """Pools of a class: active ones, draining ones with sessions left, active ones before its lead; most in a pod."""

    active: int
    draining: int
    earlier: float
    pod: int


def limited(demand: Demand, target: Counts, held: Sequence[Held]) -> Counts:
    """The pools that are wanted next.

    No pool drains for another that is yet to come unless the rest suffices without both, or a budget does not pay both.
    """
    now = tuple(own.active for own in held)
    band = 0 if demand.is_dear(now) else DEAD_BAND
    rows = zip(target, held, demand.scale.classes, strict=True)
    steps = tuple(_step(count, band if own.active <= limits.most else 0, own) for count, own, limits in rows)
    rest, both = tuple(map(min, now, steps)), tuple(map(max, now, steps))
    if both != now and not (demand.suffices(rest) if demand.scale.budget is None else demand.is_dear(both)):
        rest, steps = now, both
    paid = demand.paid(rest, steps)
    return tuple(max(own.min, count) for own, count in zip(demand.scale.classes, paid, strict=True))


def _step(target: int, band: int, held: Held) -> int:
    if target >= held.active - band:
        return max(held.active, min(target, most_of(held.active, held.earlier)))
    spare = max(held.pod, (held.active + held.draining) // FALL) - held.draining
    return max(target, held.active - max(0, spare))


def most_of(active: int, earlier: float) -> int:
    """Largest number of pools that may be wanted of a class."""
    return max(1, active, math.floor(GROWTH * earlier))
