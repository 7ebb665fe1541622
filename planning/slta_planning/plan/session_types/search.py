"""Rounds of a search with session types: what the simulation misses becomes a higher floor or more room.

A floor that is missed is raised by what the fleet lost. Where a type is refused too often, the next fleet must have
room for more of its sessions than this one has, by the places that Erlang B asks of a type alone; if that did not help,
its own classes need that many more places. The flows of the programme place sessions better than any policy does, so
these demands may ask too much: at last the fleet is thinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.session_types.bound import ROUNDING, bound
from slta_planning.plan.market import Floats, places_by_erlang, worths
from slta_planning.plan.mixes import Rows, mixes_below
from slta_planning.plan.progress import Ran
from slta_planning.plan.rounds import Round
from slta_planning.plan.search import TOLERANCE, raised_by, shortfall
from slta_planning.plan.session_types import solving
from slta_planning.plan.session_types.market import Room, TypedMarket
from slta_planning.plan.session_types.simulation import MOST_RUNS, Limits, TypedFigures, TypeFigures, simulated
from slta_planning.plan.solving import Solution
from slta_planning.simulation import Measured

BOUND_STEPS = 1_000
"""Work of a bound, in simulated events."""
DOUBLINGS, HALVINGS = 40, 30
"""Steps of the search for the sessions of which a fleet has room."""
TRIAL_RUNS = 16
"""Runs after which a mix that is tried is dropped if its means miss."""
HELPED = 0.9
"""Part of the share refused in the round before from which on more room did not help."""

Rounds = Sequence[Round[TypedFigures]]
NO_FIGURES = TypedFigures(0.0, 0.0, Measured(0.0, 0.0), (), 0, 0)
"""Figures without sessions."""


@dataclass(frozen=True)
class TypedSearch:
    """Constants of all rounds. `refused` is the largest share of each type's sessions that may be refused."""

    spec: FleetSpec
    market: TypedMarket
    refused: float
    ran: Ran
    failed: list[tuple[int, ...]] = field(default_factory=list)
    """Mixes that missed in simulation. One with no more pools of any class is taken to miss too."""
    duals: list[tuple[int, Floats]] = field(default_factory=list)
    """Load and prices of the types of each simulated fleet. They bound every other fleet."""
    max_rounds: ClassVar = 12
    """Most searches take two to five."""

    @property
    def places_needed(self) -> Sequence[str]:
        """Places that the types need in their classes, as words; in any class last."""
        return [self._words_of(room) for room in sorted(self.market.rooms, key=lambda room: len(room.classes))]

    def _words_of(self, room: Room) -> str:
        if len(room.classes) == len(self.spec.classes):
            return f"{room.places:,} in all"
        classes = " or ".join(name for c, name in enumerate(self.spec.class_names()) if c in room.classes)
        inside = zip(self.spec.type_names, self.market.sets.members, self.market.loads.T, strict=True)
        types = " and ".join(name for name, own, loads in inside if loads.any() and own <= room.classes)
        return f"{room.places:,} in {classes} for {types}"

    def cheapest(self, floors: Floats, rounds: Rounds, times: float = 1.0) -> Solution | None:
        """The cheapest fleet whose bound reaches the raised floors, with room for what was refused."""
        gaps = [[0.0 if self._refuses(hour) else hour.gap for hour in found.hours] for found in rounds]
        market = replace(self._roomier(rounds), loads=times * self.market.loads)
        return solving.cheapest(market, times * floors + raised_by(gaps, floors), self._demands(rounds))

    def best_for(self, budget: float, rounds: Rounds, times: float = 1.0) -> Solution | None:
        """The fleet with the largest mean bound, with room for what was refused.

        And for `times` − 1 standard deviations of each type's sessions.
        """
        more = [loads + (times - 1) * loads**0.5 for loads in self.market.loads if loads.any() and times > 1]
        return solving.best_for(self._roomier(rounds), budget, [*self._demands(rounds), *more])

    def _refuses(self, hour: TypedFigures) -> bool:
        return hour.refused > self.refused

    def _demands(self, rounds: Rounds) -> list[Floats]:
        """Sessions by type for which there must be room: of each round and load that refused too many."""
        return [
            demand_of(self.spec, found.pools, hour, self.refused, number)
            for number, found in enumerate(rounds, 1)
            for hour in found.hours
            if self._refuses(hour)
        ]

    def _roomier(self, rounds: Rounds) -> TypedMarket:
        """The market with more places in the classes of each type for which room elsewhere did not help."""
        rooms = [
            Room(own, self._places(now.pools, own) + number * _places_missing(seen, self.refused))
            for number, (before, now) in enumerate(pairwise(rounds), 2)
            for earlier, hour in zip(before.hours, now.hours, strict=True)
            for own, once, seen in zip(self.market.sets.members, earlier.types, hour.types, strict=False)
            if seen.refused.mean > max(self.refused, HELPED * once.refused.mean) and once.refused.mean > self.refused
        ]
        return replace(self.market, rooms=[*self.market.rooms, *rooms])

    def _places(self, pools: Sequence[int], classes: frozenset[int]) -> int:
        return sum(int(self.market.capacities[c]) * pools[c] for c in classes)

    def round_of(self, solution: Solution, floors: Floats | None = None) -> Round[TypedFigures]:
        """Simulate a solution's fleet at each load."""
        hours = []
        for number in range(len(self.market.loads)):
            hours.append(self._hour(solution.pools, number, floors))
            self.ran()
            self.duals.append((number, np.array([found.price for found in hours[-1].types])))
        refusing = max((hour.refused for hour in hours if self._refuses(hour)), default=0.0)
        cost, missing = self.market.cost_of(solution.pools), shortfall(hours, floors)
        found = Round(solution.pools, solution.proven, cost, tuple(hours), missing, refusing)
        if not found.keeps:
            self.failed.append(found.pools)
        return found

    def _hour(self, pools: Sequence[int], number: int, floors: Floats | None, runs: int = MOST_RUNS) -> TypedFigures:
        loads = [float(load) for load in self.market.loads[number]]
        if not any(loads):
            return NO_FIGURES
        floor = None if floors is None else floors[number]
        return simulated(self.spec, pools, loads, Limits(floor, self.refused, runs))

    def mixes_below(self, floors: Floats, limit: float) -> list[tuple[int, ...]]:
        """Mixes for less than a limit that have room and may reach the floors, by the prices seen."""
        lowest = floors * (1 - np.sign(floors) * TOLERANCE)
        rows = [self._room_row(room) for room in self.market.rooms]
        rows += [self._dual_row(prices, number, lowest[number]) for number, prices in self.duals if len(prices)]
        of_pools, needed = (np.array(column) for column in zip(*rows, strict=True))
        return mixes_below(self.market.costs, Rows(of_pools, needed), limit, self.market.most)

    def _room_row(self, room: Room) -> tuple[Floats, float]:
        is_inside = [c in room.classes for c in range(len(self.market.costs))]
        return np.where(is_inside, self.market.capacities, 0.0), room.places

    def _dual_row(self, prices: Floats, number: int, floor: float) -> tuple[Floats, float]:
        """U* ≤ Σ_t λ_t N_t + Σ_c A_c w_c(min λ_t over the types t that may use c), for all prices λ_t of sessions."""
        loads, of_pools = self.market.loads[number], np.zeros(len(self.market.costs))
        for c, column in enumerate(self.spec.ranking.marginals):
            users = [prices[t] for t, own in enumerate(self.market.sets.members) if c in own and loads[t]]
            if users:
                of_pools[c] = worths(np.array(column), np.array([min(users)]))[0]
        return of_pools, floor - float(prices @ loads)

    def try_mix(self, pools: tuple[int, ...], floors: Floats) -> tuple[Round[TypedFigures] | None, int]:
        """Simulate a mix whose bounds reach the floors: briefly, the largest load first, until one misses."""
        if any(all(a <= b for a, b in zip(pools, other, strict=True)) for other in self.failed):
            return None, BOUND_STEPS
        if not self.earns(pools, floors):
            return None, BOUND_STEPS * len(floors)
        work = 0
        for number in map(int, np.argsort(-self.market.loads.sum(axis=1), kind="stable")):
            hour = self._hour(pools, number, floors, TRIAL_RUNS)
            work += hour.steps
            if self._refuses(hour) or shortfall([hour], floors[[number]]):
                self.failed.append(pools)
                return None, work
        found = self.round_of(Solution(pools, proven=True), floors)
        return (found if found.keeps else None), work + found.steps

    def earns(self, pools: Sequence[int], floors: Floats) -> bool:
        """Whether the fleet has room for the loads, and its bounds reach the floors."""
        for loads, floor in zip(self.market.loads, floors, strict=True):
            best = bound(self.spec.type_sets, self.spec.bound_ranking, pools, list(map(float, loads)))
            if best.refused > ROUNDING * loads.sum() or best.utility < floor - TOLERANCE * abs(floor):
                return False
        return True


def demand_of(spec: FleetSpec, pools: Sequence[int], hour: TypedFigures, refused: float, times: int) -> Floats:
    """Sessions by type: as many as the fleet has room for, more of the refused types, and `times` a step beyond.

    A step is how many places a type needs alone, beyond those with which it would be refused as often as seen.
    """
    loads = np.array([found.offered for found in hour.types])
    step = np.array([_places_missing(found, refused) for found in hour.types], dtype=float)
    return loads + step * (room_for(spec, pools, loads, step) + times)


def _places_missing(seen: TypeFigures, refused: float) -> int:
    """Places that a type alone would need beyond those with which it would be refused as often as seen (Erlang B)."""
    if seen.refused.mean <= refused:
        return 0
    return max(1, places_by_erlang(seen.offered, refused) - places_by_erlang(seen.offered, seen.refused.mean))


def room_for(spec: FleetSpec, pools: Sequence[int], loads: Floats, step: Floats) -> float:
    """The largest k for which the fleet has room for `loads` + k · `step`, from 0."""

    def fits(times: float) -> bool:
        sessions = loads + times * step
        best = bound(spec.type_sets, spec.bound_ranking, pools, list(map(float, sessions)))
        return best.refused <= ROUNDING * float(sessions.sum())

    low, high = 0.0, 1.0
    for _ in range(DOUBLINGS):
        if not fits(high):
            break
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
