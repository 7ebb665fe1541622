"""Search of a plan in rounds: solve by the bound, compute the gaps, raise the floors by them, repeat.

The gaps are not linear in the pools, so they cannot be rows of the programme. The raised floors may pass a cheaper mix
over whose gaps are smaller, so those are looked at afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from slta.core.fleet import FleetSpec
from slta_planning.plan.expected import ExpectedFigures, PlacementGap, expected, no_loss
from slta_planning.plan.market import Floats, Market
from slta_planning.plan.mixes import TooManyError, mixes_below
from slta_planning.plan.solving import Solution, best_for, cheapest
from slta_planning.text import amount

ROUNDS = 5
TOLERANCE = 1e-9
"""Relative tolerance of a floor, for rounding only: the gaps of a large fleet are less than a millionth of it."""
SOLVER_TOLERANCE = 1e-6
"""Relative shortfall of a floor that the solver accepts."""
LOOK_STEPS = 15_000_000
"""Work of looking at cheaper mixes, in states of a prediction; more if the rounds took more. Some seconds."""
SWING_STEPS = 2_000
"""Work of a swing gap."""
HALVINGS = 12
"""Maximum halvings of the range of costs, if it has too many mixes."""

Ran = Callable[[], None]
"""Progress callback after each evaluated load."""


class NoFleetError(Exception):
    """No fleet was found; the message names the closest."""


@dataclass(frozen=True)
class Round:
    """A fleet and its expected figures at each load; `missing` is the largest shortfall from a floor."""

    pools: tuple[int, ...]
    proven: bool
    cost: float
    hours: tuple[ExpectedFigures, ...]
    missing: float = 0.0


@dataclass(frozen=True)
class Looked:
    """Mixes looked at after the rounds, cheapest first; all for less than `below` are among them.

    `better` is the first that is expected to keep the floors.
    """

    mixes: int
    below: float
    better: Round | None = None


@dataclass(frozen=True)
class Search:
    """Constants of all rounds."""

    spec: FleetSpec
    market: Market
    lost: PlacementGap
    ran: Ran

    def earns(self, pools: Sequence[int], floors: Floats) -> bool:
        """Whether the bounds less the swing gaps reach the floors."""
        return all(
            expected(self.spec, pools, float(load), no_loss).utility >= floor - TOLERANCE * abs(floor)
            for load, floor in zip(self.market.loads, floors, strict=True)
        )

    def round_of(self, solution: Solution, floors: Floats | None = None) -> Round:
        """Evaluate a solution's fleet at each load."""
        hours = []
        for load in self.market.loads:
            hours.append(expected(self.spec, solution.pools, float(load), self.lost))
            self.ran()
        cost = float(self.market.costs @ np.array(solution.pools))
        utilities = np.array([hour.utility for hour in hours])
        missing = 0.0 if floors is None else float((floors - utilities - TOLERANCE * np.abs(floors)).max())
        return Round(solution.pools, solution.proven, cost, tuple(hours), max(missing, 0.0))


def cheapest_for(search: Search, floors: Floats) -> list[Round]:
    """Rounds up to the cheapest fleet found with expected utility `floors`. Raises NoFleetError, Unusable.

    If `proven`, the first round's cost is a lower bound for these floors.
    """
    rounds: list[Round] = []
    raised = np.zeros(len(floors))
    while len(rounds) < ROUNDS:
        solution = cheapest(search.market, floors + raised)
        if solution is None:
            break
        rounds.append(search.round_of(solution, floors))
        if not rounds[-1].missing:
            return rounds
        gaps = np.array([hour.swing_gap + hour.placement_gap for hour in rounds[-1].hours])
        raised = np.maximum(raised, gaps + SOLVER_TOLERANCE * np.abs(floors))
    raise NoFleetError(_nearest(rounds))


def look_below(search: Search, floors: Floats, rounds: Sequence[Round]) -> Looked:
    """Look at the mixes cheaper than the last round's fleet, until one keeps the floors or the work is done."""
    mixes, limit = _mixes_below(search.market, floors * (1 - np.sign(floors) * TOLERANCE), rounds)
    tried = {one.pools for one in rounds}
    left = max(LOOK_STEPS, sum(map(_steps, rounds)))
    for looked, pools in enumerate(mixes):
        cost = float(search.market.costs @ np.array(pools))
        if left <= 0:
            return Looked(looked, cost)
        left -= SWING_STEPS * len(floors)
        if pools in tried or not search.earns(pools, floors):
            continue
        found = search.round_of(Solution(pools, proven=True), floors)
        if not found.missing:
            return Looked(looked + 1, cost, found)
        left -= _steps(found)
    return Looked(len(mixes), limit)


def _mixes_below(market: Market, floors: Floats, rounds: Sequence[Round]) -> tuple[list[tuple[int, ...]], float]:
    """Mixes for less than the last round's fleet, or than a smaller limit that has few enough; and the limit."""
    least, limit = rounds[0].cost, rounds[-1].cost
    for _ in range(HALVINGS):
        with suppress(TooManyError):
            return mixes_below(market, floors, limit), limit
        limit = (least + limit) / 2
    return [], least


def _steps(found: Round) -> int:
    return sum(hour.lost.steps for hour in found.hours)


def best_within(search: Search, budget: float) -> list[Round]:
    """One round: the fleet with the largest mean bound within `budget`. Raises NoFleetError, Unusable."""
    solution = best_for(search.market, budget)
    if solution is None:
        raise NoFleetError(
            f"no fleet for {amount(budget)} has the {search.market.room:,} places that these sessions need"
        )
    return [search.round_of(solution)]


def _nearest(rounds: Sequence[Round]) -> str:
    if not rounds:
        return "no fleet of these classes reaches the floor, even with the best placement: lower --floor"
    last = rounds[-1]
    return (
        f"no fleet was found that is expected to keep the floor: the bound reaches it for {amount(rounds[0].cost)}, "
        f"but swings and placement lose too much; a fleet for {amount(last.cost)} misses it by {last.missing:,.4g}"
    )
