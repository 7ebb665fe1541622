"""Search of a plan in rounds: solve by the bound, compute the gaps, raise the floors by them, repeat.

The gaps are not linear in the pools, so they cannot be rows of the programme. The raised floors may pass a cheaper mix
over whose gaps are smaller, so those are looked at afterwards. With session types the rounds are of
`session_types.search`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from slta.core.fleet import FleetSpec
from slta_planning.plan.expected import ExpectedFigures, PlacementGap, expected, no_loss
from slta_planning.plan.market import Floats, Market
from slta_planning.plan.mixes import TooManyError, mixes_below, rows_of
from slta_planning.plan.rounds import Figure, Figures, Looked, NoFleetError, Round, Searching
from slta_planning.plan.solving import Solution, best_for, cheapest
from slta_planning.text import amount, percent, some

ROUNDS = 5
TOLERANCE = 1e-9
"""Relative tolerance of a floor, for rounding only: the gaps of a large fleet are less than a millionth of it."""
SOLVER_TOLERANCE = 1e-6
"""Relative shortfall of a floor that the solver accepts."""
LOOK_STEPS = 15_000_000
"""Work of looking at cheaper mixes, in states of a prediction or simulated events; more if the rounds took more.

Some seconds.
"""
SWING_STEPS = 2_000
"""Work of a swing gap."""
HALVINGS = 12
"""Maximum halvings of the range of costs, if it has too many mixes."""

Ran = Callable[[], None]
"""Progress callback after each evaluated load."""


@dataclass(frozen=True)
class Search:
    """Constants of all rounds."""

    spec: FleetSpec
    market: Market
    lost: PlacementGap
    ran: Ran

    @property
    def max_rounds(self) -> int:
        """Maximum number of rounds."""
        return ROUNDS

    @property
    def places_needed(self) -> Sequence[str]:
        """Places that the sessions need, as words."""
        return [f"{self.market.room:,} in all"]

    @property
    def no_floors(self) -> Floats:
        """Floors that every fleet reaches."""
        return np.full(len(self.market.loads), -np.inf)

    def cost_of(self, pools: Sequence[int]) -> float:
        """Cost of a fleet."""
        return float(self.market.costs @ np.array(pools))

    def cheapest(self, floors: Floats, rounds: Sequence[Round[ExpectedFigures]]) -> Solution | None:
        """The cheapest fleet whose bound reaches the floors raised by the largest gaps of the rounds."""
        gaps = [[hour.swing_gap + hour.placement_gap for hour in found.hours] for found in rounds]
        return cheapest(self.market, floors + raised_by(gaps, floors))

    def best_for(self, budget: float, _rounds: Sequence[Round[ExpectedFigures]]) -> Solution | None:
        """The fleet with the largest mean bound."""
        return best_for(self.market, budget)

    def earns(self, pools: Sequence[int], floors: Floats) -> bool:
        """Whether the bounds less the swing gaps reach the floors."""
        return all(
            expected(self.spec, pools, float(load), no_loss).utility >= floor - TOLERANCE * abs(floor)
            for load, floor in zip(self.market.loads, floors, strict=True)
        )

    def round_of(self, solution: Solution, floors: Floats | None = None) -> Round[ExpectedFigures]:
        """Evaluate a solution's fleet at each load."""
        hours = []
        for load in self.market.loads:
            hours.append(expected(self.spec, solution.pools, float(load), self.lost))
            self.ran()
        cost, missing = self.cost_of(solution.pools), shortfall(hours, floors)
        return Round(solution.pools, solution.proven, cost, tuple(hours), missing)

    def mixes_below(self, floors: Floats, limit: float) -> list[tuple[int, ...]]:
        """Mixes for less than a limit whose bounds reach the floors."""
        rows = rows_of(self.market, floors * (1 - np.sign(floors) * TOLERANCE))
        return mixes_below(self.market.costs, rows, limit, self.market.most)

    def look(self, pools: tuple[int, ...], floors: Floats) -> tuple[Round[ExpectedFigures] | None, int]:
        """Evaluate a mix whose bounds less the swing gaps reach the floors."""
        work = SWING_STEPS * len(floors)
        if not self.earns(pools, floors):
            return None, work
        found = self.round_of(Solution(pools, proven=True), floors)
        return (found if found.keeps else None), work + found.steps


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


def cheapest_for(search: Searching[Figure], floors: Floats) -> list[Round[Figure]]:
    """Rounds up to the cheapest fleet found that keeps `floors`. Raises NoFleetError, Unusable.

    If `proven`, the first round's cost is a lower bound for these floors.
    """
    rounds: list[Round[Figure]] = []
    while len(rounds) < search.max_rounds:
        solution = search.cheapest(floors, rounds)
        if solution is None:
            break
        rounds.append(search.round_of(solution, floors))
        if rounds[-1].keeps:
            return rounds
    raise NoFleetError(_nearest(rounds))


def look_below(search: Searching[Figure], floors: Floats, rounds: Sequence[Round[Figure]]) -> Looked[Figure]:
    """Look at the mixes cheaper than the last round's fleet, until one keeps the floors or the work is done."""
    mixes, limit = _mixes_below(search, floors, rounds)
    tried = {one.pools for one in rounds}
    left = max(LOOK_STEPS, sum(one.steps for one in rounds))
    for looked, pools in enumerate(mixes):
        if left <= 0:
            return Looked(looked, search.cost_of(pools))
        if pools in tried:
            continue
        found, work = search.look(pools, floors)
        left -= work
        if found:
            return Looked(looked + 1, found.cost, found)
    return Looked(len(mixes), limit)


def _mixes_below(
    search: Searching[Figure], floors: Floats, rounds: Sequence[Round[Figure]]
) -> tuple[list[tuple[int, ...]], float]:
    """Mixes for less than the last round's fleet, or than a smaller limit that has few enough; and the limit.

    None costs less than the first round's fleet if that is proven the cheapest by its bound.
    """
    least, limit = rounds[0].cost, rounds[-1].cost
    known = least * (1 - SOLVER_TOLERANCE) if rounds[0].proven else 0.0
    for _ in range(HALVINGS):
        with suppress(TooManyError):
            mixes = search.mixes_below(floors, limit)
            return [pools for pools in mixes if search.cost_of(pools) >= known], limit
        limit = (least + limit) / 2
    return [], least


def best_within(search: Searching[Figure], budget: float) -> list[Round[Figure]]:
    """Rounds up to the fleet with the largest mean bound within `budget` that refuses as few as asked.

    Without session types the first does. Raises NoFleetError, Unusable.
    """
    rounds: list[Round[Figure]] = []
    while len(rounds) < search.max_rounds:
        solution = search.best_for(budget, rounds)
        if solution is None:
            break
        rounds.append(search.round_of(solution))
        if rounds[-1].keeps:
            return rounds
    if rounds:
        raise NoFleetError(f"no fleet was found for {amount(budget)} that refuses so few: {_missed(rounds[-1])}")
    raise NoFleetError(_no_room(search, budget))


def _no_room(search: Searching[Figure], budget: float) -> str:
    needed = f"no fleet for {amount(budget)} has the places that these sessions need: {some(search.places_needed)}"
    roomy = search.cheapest(search.no_floors, [])
    return f"{needed}; the cheapest that has them costs {amount(search.cost_of(roomy.pools))}" if roomy else needed


def _nearest(rounds: Sequence[Round[Figure]]) -> str:
    if not rounds:
        return "no fleet of these classes reaches the floor, even with the best placement: lower --floor"
    if rounds[-1].refusing:
        return f"no fleet was found that refuses so few: {_missed(rounds[-1])}; raise --refused"
    return (
        f"no fleet was found that is expected to keep the floor: the bound reaches it for {amount(rounds[0].cost)}, "
        f"but swings and placement lose too much; {_missed(rounds[-1])}"
    )


def _missed(last: Round[Figure]) -> str:
    if last.refusing:
        return f"a fleet for {amount(last.cost)} refuses {percent(last.refusing)} of a session type"
    return f"a fleet for {amount(last.cost)} misses it by {last.missing:,.4g}"
