"""Rounds of a search: solve, find the figures, and demand more of what they miss.

A floor that is missed is raised by what the fleet lost. Where a type is refused too often, the next fleet must have
room for more of its sessions than this one has, by the places that Erlang B asks of a type alone; if that did not help,
its own classes need that many more places. The flows of the programme place sessions better than any policy does, so
these demands may ask too much: at last the fleet is thinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from slta.core.fleet import FleetSpec
from slta.core.session_types.bound import ROUNDING, bound
from slta_planning.plan.expected import Expectation
from slta_planning.plan.market import Floats, Market, Room, places_by_erlang, worths
from slta_planning.plan.mixes import Rows, mixes_below
from slta_planning.plan.progress import Ran
from slta_planning.plan.rounds import Figures, Round
from slta_planning.plan.simulation import SimulatedFigures, Simulation, TypeFigures
from slta_planning.plan.solving import Solution, best_for, binding, cheapest

TOLERANCE = 1e-9
"""Relative tolerance of a floor, for rounding only: the gaps of a large fleet are less than a millionth of it."""
SOLVER_TOLERANCE = 1e-6
"""Relative shortfall of a floor that the solver accepts."""
DOUBLINGS, HALVINGS = 40, 30
"""Steps of the search for the sessions of which a fleet has room."""
TRIAL_RUNS = 16
"""Runs after which a mix that is tried is dropped if its means miss."""
HELPED = 0.9
"""Part of the share refused in the round before from which on more room did not help."""

Rounds = Sequence[Round]


@dataclass(frozen=True)
class Search:
    """Constants of all rounds."""

    spec: FleetSpec
    market: Market
    source: Expectation | Simulation
    ran: Ran
    failed: list[tuple[int, ...]] = field(default_factory=list)
    """Mixes that missed. In simulation one with no more pools of any class is taken to miss too."""
    duals: list[tuple[int, Floats]] = field(default_factory=list)
    """Load and prices of the types of each fleet of the rounds. They bound every other fleet."""

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
        return cheapest(market, times * floors + raised_by(gaps, floors), self._demands(rounds))

    def best_for(self, budget: float, rounds: Rounds, times: float = 1.0) -> Solution | None:
        """The fleet with the largest mean bound, with room for what was refused.

        And for `times` − 1 standard deviations of each type's sessions.
        """
        more = [loads + (times - 1) * loads**0.5 for loads in self.market.loads if loads.any() and times > 1]
        return best_for(self._roomier(rounds), budget, [*self._demands(rounds), *more])

    def _refuses(self, hour: Figures) -> bool:
        return hour.refused > self.market.refused

    def _demands(self, rounds: Rounds) -> list[Floats]:
        """Sessions by type for which there must be room: of each round and load that refused too many."""
        return [
            demand_of(self.spec, found.pools, hour, self.market.refused, number)
            for number, found in enumerate(rounds, 1)
            for hour in found.hours
            if isinstance(hour, SimulatedFigures) and self._refuses(hour)
        ]

    def _roomier(self, rounds: Rounds) -> Market:
        """The market with more places in the classes of each type for which room elsewhere did not help."""
        limit = self.market.refused
        rooms = [
            Room(own, self._places(now.pools, own) + number * _places_missing(seen, limit))
            for number, (before, now) in enumerate(pairwise(rounds), 2)
            for earlier, hour in zip(before.hours, now.hours, strict=True)
            if isinstance(earlier, SimulatedFigures) and isinstance(hour, SimulatedFigures)
            for own, once, seen in zip(self.market.sets.members, earlier.types, hour.types, strict=False)
            if seen.refused.mean > max(limit, HELPED * once.refused.mean) and once.refused.mean > limit
        ]
        return replace(self.market, rooms=[*self.market.rooms, *rooms])

    def _places(self, pools: Sequence[int], classes: frozenset[int]) -> int:
        return sum(int(self.market.capacities[c]) * pools[c] for c in classes)

    def round_of(self, solution: Solution, floors: Floats | None = None) -> Round:
        """Find the figures of a solution's fleet at each load."""
        hours = list[Figures]()
        for number, loads in enumerate(self.market.loads.tolist()):
            hours.append(self.source.figures(solution.pools, loads, None if floors is None else floors[number]))
            self.ran()
            self.duals.append((number, np.array(hours[-1].prices)))
        refusing = max((hour.refused for hour in hours if self._refuses(hour)), default=0.0)
        cost, missing = self.market.cost_of(solution.pools), shortfall(hours, floors)
        found = Round(solution.pools, solution.proven, cost, tuple(hours), missing, refusing)
        if not found.keeps:
            self.failed.append(found.pools)
        return found

    def mixes_below(self, floors: Floats, limit: float) -> list[tuple[int, ...]]:
        """Mixes for less than a limit that have room and may reach the floors, by the prices seen.

        Without session types by all prices: they are few, and decide.
        """
        lowest, rooms = floors * (1 - np.sign(floors) * TOLERANCE), map(self._room_row, self.market.rooms)
        seen = ((prices, number) for number, prices in self._duals(lowest) if len(prices))
        rows = [*rooms, *(self._dual_row(prices, number, lowest[number]) for prices, number in seen)]
        of_pools, needed = (np.array(column) for column in zip(*rows, strict=True))
        return mixes_below(self.market.costs, Rows(of_pools, needed), limit, self.market.most)

    def _duals(self, floors: Floats) -> list[tuple[int, Floats]]:
        if len(self.market.sets.classes) > 1:
            return self.duals
        prices, hours = binding(self.market, floors)
        return [(hour, np.array([price])) for price, hour in zip(prices, hours, strict=True)]

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

    def try_mix(self, pools: tuple[int, ...], floors: Floats) -> tuple[Round | None, int]:
        """A mix if it keeps the floors, and the work of trying it: what is simulated briefly first, until it misses."""
        steps = self.source.check_steps
        if isinstance(self.source, Simulation) and self._is_beaten(pools):
            return None, steps
        if not self.may_earn(pools, floors):
            return None, steps * len(floors)
        keeps, work = True, steps * len(floors)
        if isinstance(self.source, Simulation):
            keeps, work = self._briefly(self.source, pools, floors)
        if not keeps:
            self.failed.append(pools)
            return None, work
        found = self.round_of(Solution(pools, proven=True), floors)
        return (found if found.keeps else None), work + found.steps

    def _is_beaten(self, pools: Sequence[int]) -> bool:
        """Whether a mix that missed has as many pools of each class."""
        return any(all(a <= b for a, b in zip(pools, other, strict=True)) for other in self.failed)

    def _briefly(self, source: Simulation, pools: tuple[int, ...], floors: Floats) -> tuple[bool, int]:
        """Whether a mix keeps the floors in a few runs, and their work; the largest load first, until one misses."""
        work, loads = 0, self.market.loads
        for number in map(int, np.argsort(-loads.sum(axis=1), kind="stable")):
            hour = source.figures(pools, loads[number].tolist(), floors[number], TRIAL_RUNS)
            work += hour.steps
            if self._refuses(hour) or shortfall([hour], floors[[number]]):
                return False, work
        return True, work

    def may_earn(self, pools: Sequence[int], floors: Floats) -> bool:
        """Whether there is room, and the bounds reach the floors."""
        rows = zip(self.market.loads.tolist(), floors, strict=True)
        return all(self.source.may_earn(pools, loads, floor - TOLERANCE * abs(floor)) for loads, floor in rows)


def demand_of(spec: FleetSpec, pools: Sequence[int], hour: SimulatedFigures, refused: float, times: int) -> Floats:
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


def raised_by(gaps: Sequence[Sequence[float]], floors: Floats) -> Floats:
    """The largest gap of each load in the rounds, and what the solver takes for equal; 0 before the first round."""
    if not gaps:
        return np.zeros(len(floors))
    raised: Floats = np.maximum(np.max(gaps, axis=0) + SOLVER_TOLERANCE * np.abs(floors), 0.0)
    return raised


def shortfall(hours: Sequence[Figures], floors: Floats | None) -> float:
    """By how much the utilities are below the floors at most."""
    if floors is None:
        return 0.0
    utilities = np.array([hour.utility for hour in hours])
    return max(0.0, float((floors - utilities - TOLERANCE * np.abs(floors)).max()))
