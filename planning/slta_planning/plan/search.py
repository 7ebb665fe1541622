"""Search of a plan in rounds: solve by the bound, compute the gaps, raise the floors by them, repeat.

The gaps are not linear in the pools, so they cannot be rows of the programme.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from slta.core.fleet import FleetSpec
from slta_planning.plan.expected import ExpectedFigures, PlacementGap, expected
from slta_planning.plan.market import Floats, Market
from slta_planning.plan.solving import Solution, best_for, cheapest
from slta_planning.text import amount

ROUNDS = 5
TOLERANCE = 1e-6
"""Relative tolerance of a floor."""

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
class Search:
    """Constants of all rounds."""

    spec: FleetSpec
    market: Market
    lost: PlacementGap
    ran: Ran

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
        raised = np.maximum(raised, [hour.swing_gap + hour.placement_gap for hour in rounds[-1].hours])
    raise NoFleetError(_nearest(rounds))


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
