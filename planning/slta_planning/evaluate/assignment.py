"""Optimal assignment of sessions of several types to classes, kept with each event. Its utility is U*(N_1 … N_T, A).

A session that arrives or leaves changes the number of sessions of one class by one. A chain of sessions that change
their class leads there: shortest augmenting paths of a flow with concave gains. The class with the best next
place, or the worst filled one, that any chain reaches keeps the assignment optimal. All numbers are integers: exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from slta.core.session_types.sets import TypeSets


class Step(NamedTuple):
    """Step of a chain: sessions of type `kind` change between a class and the one before it, `pool_class`."""

    pool_class: int
    kind: int


Chains = dict[int, Step | None]
"""The last step of a chain to each class; None for a class where chains begin."""


class Assignment:
    """Optimal assignment: `flow[t][c]` sessions of type t and `held[c]` of all types are in class c."""

    def __init__(self, sets: TypeSets, pools: Sequence[int], marginals: Sequence[Sequence[int]]) -> None:
        """No sessions. `marginals[c][j - 1]` is Δ(c, j); `pools[c]` are A_c active pools."""
        self.sets = sets
        self.pools = pools
        self.marginals = marginals
        self.utility = 0
        self.flow = [[0] * len(pools) for _ in sets.classes]
        self.held = [0] * len(pools)

    @classmethod
    def of(
        cls, sets: TypeSets, pools: Sequence[int], marginals: Sequence[Sequence[int]], sessions: Sequence[int]
    ) -> Assignment:
        """The assignment of `sessions[t]` sessions of each type. There must be room for all."""
        found = cls(sets, pools, marginals)
        for kind, left in enumerate(sessions):
            while left > 0:
                left -= found.add(kind, left)  # noqa: PLW2901 - counts down
        return found

    def add(self, kind: int, most: int = 1) -> int:
        """Add at least one and at most `most` sessions of a type, as many as one chain takes; return their number.

        A session in the way goes to another class of its type. There must be room. O(classes · types).
        """
        chains = self._chains(self._usable(kind), lambda t, c: self.flow[t][c] > 0, self._usable)
        end = max((c for c in chains if self._free(c)), key=lambda c: self.marginals[c][self.held[c] // self.pools[c]])
        here = self.pools[end] - self.held[end] % self.pools[end]
        count = min(most, here, *(self.flow[t][c] for _, (c, t) in self._steps(chains, end)))
        self.utility += count * self.marginals[end][self.held[end] // self.pools[end]]
        self._shift(kind, count, chains, end)
        return count

    def remove(self, kind: int) -> None:
        """Remove a session of a type. A session of a type that may use its place takes it. O(classes · types)."""
        chains = self._chains(self._used(kind), lambda t, c: c in self.sets.members[t], self._used)
        end = min(chains, key=self._last)
        self.utility -= self._last(end)
        self._shift(kind, -1, chains, end)

    def _usable(self, kind: int) -> list[int]:
        return [c for c in self.sets.classes[kind] if self.pools[c]]

    def _used(self, kind: int) -> list[int]:
        return [c for c in self.sets.classes[kind] if self.flow[kind][c]]

    def _free(self, pool_class: int) -> bool:
        return self.held[pool_class] < self.pools[pool_class] * len(self.marginals[pool_class])

    def _last(self, pool_class: int) -> int:
        """Marginal utility of the worst filled place of a class."""
        return self.marginals[pool_class][(self.held[pool_class] - 1) // self.pools[pool_class]]

    def _chains(
        self, start: Iterable[int], links: Callable[[int, int], bool], reach: Callable[[int], Iterable[int]]
    ) -> Chains:
        """Shortest chains from the classes `start` to all that can be reached.

        Sessions of type t change between c and e if links(t, c) and e is in reach(t). Each type is expanded once.
        """
        chains: Chains = dict.fromkeys(start)
        queue, left = list(chains), list(range(len(self.sets.classes)))
        for c in queue:
            for t in [t for t in left if links(t, c)]:
                left.remove(t)
                for e in reach(t):
                    if e not in chains:
                        chains[e] = Step(c, t)
                        queue.append(e)
        return chains

    @staticmethod
    def _steps(chains: Chains, end: int) -> Iterable[tuple[int, Step]]:
        """The steps of the chain to a class, from its end, each with the class that it leads to."""
        while (step := chains[end]) is not None:
            yield end, step
            end = step.pool_class

    def _shift(self, kind: int, count: int, chains: Chains, end: int) -> None:
        """Add `count` sessions of a type, negative to remove them, at the end of a chain."""
        self.held[end] += count
        first = end
        for c, step in self._steps(chains, end):
            self.flow[step.kind][c] += count
            self.flow[step.kind][step.pool_class] -= count
            first = step.pool_class
        self.flow[kind][first] += count
