"""What both policies share: the occupancies they are judged on, the uniform choice, the decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from service.core.optimum import optimum
from service.core.ranking import Ranking

Function = TypeVar("Function", bound=Callable[..., Any])
Compile = Callable[[Any], Any]

NOTHING = -1
"""No class: in `Choice.pool_class` no pool can take the session; as a class to leave out, none is."""


def identity(function: Function) -> Function:
    """The `compile` that leaves a rule as it is."""
    return function


class Choice(NamedTuple):
    """The `index`-th (from 0) of the pools of class `pool_class` that hold what `token` names."""

    token: int
    pool_class: int
    index: int  # type: ignore[assignment] # hides tuple.index, which nobody asks a choice for


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a session went: token name, class, the pool's place in its class, and r afterwards (0 under JLMU)."""

    token: str
    pool_class: int
    pool: int
    rank: int


def picker(compile: Compile = identity) -> Any:  # noqa: A002, ANN401 - named after what it is given
    """`pick(counts, excluded, draw)`: a uniform choice among pools counted by class, `draw` in [0, 1).

    The pools are numbered class by class, leaving out class `excluded`; the choice is number ⌊draw · total⌋.
    """

    def pick(counts: Sequence[int], excluded: int, draw: float) -> tuple[int, int]:
        total = 0
        for i in range(len(counts)):
            if i != excluded:
                total += counts[i]
        index = int(draw * total)
        for i in range(len(counts)):
            if i != excluded:
                if index < counts[i]:
                    return i, index
                index -= counts[i]
        return NOTHING, 0

    return compile(pick)


class Occupancies:
    """X(i, k): the sessions of every pool k of class i; None stands for a pool that is not active."""

    def __init__(self, ranking: Ranking, columns: Sequence[Sequence[int | None]]) -> None:
        """`ranking` enumerates all classes up to their capacities; `columns[i][k]` is X(i, k)."""
        self.full_ranking = ranking
        self.columns = [list(column) for column in columns]
        self.refresh()

    def refresh(self) -> None:
        """Leave classes without active pools out of the enumeration: the paper assumes α(i) > 0."""
        self.ranking = self.full_ranking.restricted_to([i for i, count in enumerate(self.pools) if count])

    @property
    def pools(self) -> list[int]:
        """A(i), the active pools of each class."""
        return [sum(x is not None for x in column) for column in self.columns]

    @property
    def sessions(self) -> int:
        """N, the sessions on active pools."""
        return sum(x for column in self.columns for x in column if x is not None)

    def below(self, pool_class: int, level: int) -> list[int]:
        """The active pools of class i with fewer than `level` sessions, in order."""
        return [k for k, x in enumerate(self.columns[pool_class]) if x is not None and x < level]

    def with_room(self) -> list[list[int]]:
        """The active pools of each class that are below its capacity."""
        return [self.below(i, len(m)) for i, m in enumerate(self.full_ranking.marginals)]

    def optimal_rank(self) -> int:
        """r* at the present number of sessions; 0 without active pools."""
        best = optimum(self.ranking, self.pools, self.sessions)
        return best.rank if best else 0
