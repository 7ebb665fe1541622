"""Rounds of a search, and what a search is made of: with session types, or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from slta_planning.plan.market import AnyMarket, Floats
from slta_planning.plan.solving import Solution


class NoFleetError(Exception):
    """No fleet was found; the message names the closest."""


class Figures(Protocol):
    """Figures of a fleet at a load: utility, and the work of finding it."""

    @property
    def utility(self) -> float: ...

    @property
    def steps(self) -> int: ...


Figure = TypeVar("Figure", bound=Figures)


@dataclass(frozen=True)
class Round(Generic[Figure]):
    """A fleet and its figures at each load; `missing` is the largest shortfall from a floor.

    `refusing` is the largest share refused of a session type, where that is more than may be.
    """

    pools: tuple[int, ...]
    proven: bool
    cost: float
    hours: tuple[Figure, ...]
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
class Trials(Generic[Figure]):
    """Mixes tried after the rounds, cheapest first; all for less than `below` are among them.

    `better` is the first that keeps the floors.
    """

    mixes: int
    below: float
    better: Round[Figure] | None = None


@dataclass(frozen=True)
class Found(Generic[Figure]):
    """A plan: rounds, and the mixes tried, None for a budget."""

    rounds: Sequence[Round[Figure]]
    trials: Trials[Figure] | None

    @property
    def fleet(self) -> Round[Figure]:
        """The mix that is better, or the last round's fleet."""
        return (self.trials and self.trials.better) or self.rounds[-1]


class Searching(Protocol[Figure]):
    """What a search is made of. `rounds` are those before, at most `max_rounds`."""

    max_rounds: ClassVar[int]

    @property
    def market(self) -> AnyMarket:
        """Costs and loads."""

    def cheapest(self, floors: Floats, rounds: Sequence[Round[Figure]], times: float = 1.0) -> Solution | None:
        """The cheapest fleet by its bound that may keep what the rounds missed; None if there is none.

        With `times` as many sessions, and floors as high.
        """

    def best_for(self, budget: float, rounds: Sequence[Round[Figure]], times: float = 1.0) -> Solution | None:
        """The fleet with the largest bound within a budget, with room for what the rounds refused.

        The larger `times`, the more room beyond the mean loads.
        """

    def round_of(self, solution: Solution, floors: Floats | None = None) -> Round[Figure]:
        """Evaluate a solution's fleet at each load."""

    def mixes_below(self, floors: Floats, limit: float) -> list[tuple[int, ...]]:
        """Mixes for less than a limit that may reach the floors, cheapest first. Raises TooManyError."""

    def try_mix(self, pools: tuple[int, ...], floors: Floats) -> tuple[Round[Figure] | None, int]:
        """A mix if it keeps the floors, and the work of trying it."""

    @property
    def places_needed(self) -> Sequence[str]:
        """Places that the sessions need, as words."""
