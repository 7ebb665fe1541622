"""Occupancies of all pools, the state of the executable specifications."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from typing import Self

from slta.core.optimum import optimum
from slta.core.ranking import Ranking


class Occupancies:
    """X(i, k): the sessions of pool k of class i; None for a pool that is not active."""

    def __init__(self, ranking: Ranking, columns: Sequence[Sequence[int | None]]) -> None:
        """`ranking` enumerates all classes up to their capacities; `columns[i][k]` is X(i, k)."""
        self.full_ranking = ranking
        self.columns = [list(column) for column in columns]
        self.unconfirmed: AbstractSet[tuple[int, int]] = frozenset()
        """Class and index of active pools that are used only while no other one has room."""
        self.refresh()

    def refresh(self) -> None:
        """Restrict the enumeration to classes with active pools: the paper assumes α(i) > 0."""
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
        """Active pools of class i with fewer than `level` sessions, by place; with unconfirmed ones as in `with_room`.

        Without them a decision reads rows of token bits, else sorted sets.
        """
        found = [k for k, x in enumerate(self.columns[pool_class]) if x is not None and x < level]
        return self._by_sessions(pool_class, found) if self.unconfirmed else found

    def with_room(self) -> list[list[int]]:
        """Active pools below capacity, by class: confirmed ones first, then by sessions and place."""
        marginals = self.full_ranking.marginals
        return [self._by_sessions(i, self.below(i, len(column))) for i, column in enumerate(marginals)]

    def _by_sessions(self, pool_class: int, pools: list[int]) -> list[int]:
        column = self.columns[pool_class]
        return sorted(pools, key=lambda k: ((pool_class, k) in self.unconfirmed, column[k], k))

    def candidates(self) -> Self:
        """The state as a decision sees it: without unconfirmed pools, if another pool has room."""
        if not self.unconfirmed:
            return self
        seen = copy(self)
        seen.unconfirmed = frozenset()
        seen.columns = [
            [None if (i, k) in self.unconfirmed else x for k, x in enumerate(column)]
            for i, column in enumerate(self.columns)
        ]
        return seen if any(seen.with_room()) else self

    def join(self, pool_class: int, pool: int) -> None:
        """Add a session to an active pool."""
        self.columns[pool_class][pool] += 1  # type: ignore[operator] # an active pool

    def leave(self, pool_class: int, pool: int) -> None:
        """Remove a session from an active pool."""
        self.columns[pool_class][pool] -= 1  # type: ignore[operator] # an active pool

    def optimal_rank(self) -> int:
        """r* for the current number of sessions; 0 without active pools."""
        best = optimum(self.ranking, self.pools, self.sessions)
        return best.rank if best else 0
