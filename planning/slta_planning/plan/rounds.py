"""Rounds of a search, and what they found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slta_planning.plan.expected import ExpectedFigures
from slta_planning.plan.simulation import SimulatedFigures


class NoFleetError(Exception):
    """No fleet was found; the message names the closest."""


Figures = ExpectedFigures | SimulatedFigures
"""Figures of a fleet at the loads of an hour."""


@dataclass(frozen=True)
class Round:
    """A fleet and its figures at each load; `missing` is the largest shortfall from a floor.

    `refusing` is the largest share refused of a session type, where that is more than may be.
    """

    pools: tuple[int, ...]
    proven: bool
    cost: float
    hours: tuple[Figures, ...]
    missing: float = 0.0
    refusing: float = 0.0

    @property
    def keeps(self) -> bool:
        """Whether floors and refusals are as asked."""
        return not self.missing and not self.refusing

    @property
    def steps(self) -> int:
        """Work of finding its figures."""
        return sum(hour.steps for hour in self.hours)


@dataclass(frozen=True)
class Trials:
    """Mixes tried after the rounds, cheapest first; all for less than `below` are among them.

    `better` is the first that keeps the floors.
    """

    mixes: int
    below: float
    better: Round | None = None


@dataclass(frozen=True)
class Found:
    """A plan: rounds, and the mixes tried, None for a budget."""

    rounds: Sequence[Round]
    trials: Trials | None

    @property
    def fleet(self) -> Round:
        """The mix that is better, or the last round's fleet."""
        return (self.trials and self.trials.better) or self.rounds[-1]
