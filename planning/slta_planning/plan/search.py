"""What the rounds of a search do without session types: solve, and evaluate the swing and placement gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from slta.core.fleet import FleetSpec
from slta_planning.plan.expected import ExpectedFigures, PlacementGap, expected, no_loss
from slta_planning.plan.market import Floats, Market
from slta_planning.plan.mixes import mixes_below, rows_of
from slta_planning.plan.progress import Ran
from slta_planning.plan.rounds import Figures, Round
from slta_planning.plan.solving import Solution, best_for, cheapest

TOLERANCE = 1e-9
"""Relative tolerance of a floor, for rounding only: the gaps of a large fleet are less than a millionth of it."""
SOLVER_TOLERANCE = 1e-6
"""Relative shortfall of a floor that the solver accepts."""
SWING_STEPS = 2_000
"""Work of a swing gap."""


@dataclass(frozen=True)
class Search:
    """Constants of all rounds."""

    spec: FleetSpec
    market: Market
    lost: PlacementGap
    ran: Ran
    max_rounds: ClassVar = 5

    @property
    def places_needed(self) -> Sequence[str]:
        """Places that the sessions need, as words."""
        return [f"{self.market.room:,} in all"]

    def cheapest(self, floors: Floats, rounds: Sequence[Round[ExpectedFigures]], times: float = 1.0) -> Solution | None:
        """The cheapest fleet whose bound reaches the floors raised by the largest gaps of the rounds."""
        gaps = [[hour.swing_gap + hour.placement_gap for hour in found.hours] for found in rounds]
        market = replace(self.market, loads=times * self.market.loads)
        return cheapest(market, times * floors + raised_by(gaps, floors))

    def best_for(
        self, budget: float, _rounds: Sequence[Round[ExpectedFigures]], _times: float = 1.0
    ) -> Solution | None:
        """The fleet with the largest mean bound."""
        return best_for(self.market, budget)

    def earns(self, pools: Sequence[int], floors: Floats) -> bool:
        """Whether there is room, and the bounds less the swing gaps reach the floors."""
        return self.market.capacities @ np.array(pools) >= self.market.room and all(
            expected(self.spec, pools, float(load), no_loss).utility >= floor - TOLERANCE * abs(floor)
            for load, floor in zip(self.market.loads, floors, strict=True)
        )

    def round_of(self, solution: Solution, floors: Floats | None = None) -> Round[ExpectedFigures]:
        """Evaluate a solution's fleet at each load."""
        hours = []
        for load in self.market.loads:
            hours.append(expected(self.spec, solution.pools, float(load), self.lost))
            self.ran()
        cost, missing = self.market.cost_of(solution.pools), shortfall(hours, floors)
        return Round(solution.pools, solution.proven, cost, tuple(hours), missing)

    def mixes_below(self, floors: Floats, limit: float) -> list[tuple[int, ...]]:
        """Mixes for less than a limit whose bounds reach the floors."""
        rows = rows_of(self.market, floors * (1 - np.sign(floors) * TOLERANCE))
        return mixes_below(self.market.costs, rows, limit, self.market.most)

    def try_mix(self, pools: tuple[int, ...], floors: Floats) -> tuple[Round[ExpectedFigures] | None, int]:
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
