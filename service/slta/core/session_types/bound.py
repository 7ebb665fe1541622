"""Bound U*(N_1 … N_T, A) from nothing, also for means, as decomposition of a polymatroid.

Fill the places as if each session could go to any class. Where the types do not fit so, a minimal cut parts classes and
types into two problems without a class or type in common: at most 2 T − 1 fillings and cuts. Sources: Fujishige,
"Lexicographically optimal base of a polymatroid with respect to a weight vector", 1980; Groenevelt, "Two algorithms for
maximizing a separable concave function over a polymatroid feasible region", 1991.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slta.core.ranking import Ranking
from slta.core.session_types.sets import TypeSets

ROUNDING = 1e-12
"""Relative to all sessions of a problem: so many sessions are none."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Largest utility of the sessions, and the sessions for which no class of their type has room.

    `held[c]` are the sessions of class c in one optimal assignment.
    """

    utility: float
    refused: float
    held: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Problem:
    """Types, each the classes that it may use and its sessions, on some of the classes."""

    classes: frozenset[int]
    types: tuple[tuple[frozenset[int], float], ...]


def bound(sets: TypeSets, ranking: Ranking, pools: Sequence[float], sessions: Sequence[float]) -> Bound:
    """U*(N, A). `pools[c]` are A_c, `sessions[t]` N_t, both totals or means; `ranking` is by marginal utility.

    Class 0 adds 5 and class 1 adds 3 per session, 2 pools each of capacity 1; one session may use class 0 only:

    >>> from slta.core.ranking import Coordinate
    >>> ranking = Ranking((Coordinate(0, 1), Coordinate(1, 1)), ((5.0,), (3.0,)))
    >>> bound(TypeSets(((0,), (0, 1))), ranking, [2, 2], [1, 2])
    Bound(utility=13.0, refused=0.0, held=(2.0, 1.0))
    """
    outside = len(pools)  # a class without end, for sessions without room
    types = tuple((own | {outside}, float(n)) for own, n in zip(sets.members, sessions, strict=True) if n > 0)
    problems, utility, refused = [_Problem(frozenset(range(outside + 1)), types)], 0.0, 0.0
    taken = [0.0] * (outside + 1)
    while problems:
        problem = problems.pop()
        worth, held, left = _fill(problem, ranking, pools)
        if outside in problem.classes:
            held[outside] = left
        short = _cut(problem, held)
        if short is None:
            utility, refused = utility + worth, refused + left
            for c, count in held.items():
                taken[c] = count
        else:
            problems += _parted(problem, *short)
    return Bound(utility, refused, tuple(taken[:outside]))


def gains(
    sets: TypeSets, ranking: Ranking, pools: Sequence[float], sessions: Sequence[float]
) -> tuple[list[float], list[float]]:
    """U*(N + e_t, A) − U*(N, A) by type, and U*(N, A + e_c) − U*(N, A) by class; 0 if within rounding.

    >>> from slta.core.ranking import Coordinate
    >>> ranking = Ranking((Coordinate(0, 1), Coordinate(1, 1)), ((5.0,), (3.0,)))
    >>> gains(TypeSets(((0,), (0, 1))), ranking, [2, 2], [1, 2])
    ([3.0, 3.0], [2.0, 0.0])
    """
    now = bound(sets, ranking, pools, sessions).utility
    by_type = [bound(sets, ranking, pools, more).utility - now for more in _one_more(sessions)]
    by_class = [bound(sets, ranking, more, sessions).utility - now for more in _one_more(pools)]
    by_type, by_class = ([x if abs(x) > ROUNDING * abs(now) else 0.0 for x in found] for found in (by_type, by_class))
    return by_type, by_class


def _one_more(counts: Sequence[float]) -> Iterator[list[float]]:
    return ([count + (i == at) for i, count in enumerate(counts)] for at in range(len(counts)))


def _fill(problem: _Problem, ranking: Ranking, pools: Sequence[float]) -> tuple[float, dict[int, float], float]:
    """Utility and sessions by class if all may go to any class of the problem, and the sessions without room."""
    left, worth, held = sum(n for _, n in problem.types), 0.0, dict.fromkeys(problem.classes, 0.0)
    for c, level in ranking.order:
        if left <= 0:
            break
        if c in held:
            here = min(left, pools[c])
            held[c] += here
            worth, left = worth + here * ranking.marginals[c][level - 1], left - here
    return worth, held, left


def _parted(problem: _Problem, classes: frozenset[int], kinds: frozenset[int]) -> list[_Problem]:
    """The types `kinds` on these classes, which are all that they may use, and the other types on the others."""
    inside = tuple(problem.types[t] for t in sorted(kinds))
    others = tuple((own - classes, n) for t, (own, n) in enumerate(problem.types) if t not in kinds)
    return [_Problem(classes, inside), _Problem(problem.classes - classes, others)]


def _cut(problem: _Problem, held: dict[int, float]) -> tuple[frozenset[int], frozenset[int]] | None:
    """Classes and types that are short of room if classes take `held` sessions; None if all types fit."""
    flow = _Flow(problem, held)
    while (reached := flow.augment()) is None:
        pass
    return reached if reached[1] else None


class _Flow:
    """Maximal flow from types to classes, by shortest augmenting paths."""

    def __init__(self, problem: _Problem, held: dict[int, float]) -> None:
        self._sets = [sorted(own) for own, _ in problem.types]
        self._need = [n for _, n in problem.types]
        self._free = dict(held)
        self._flow: list[dict[int, float]] = [{} for _ in problem.types]
        self._none = ROUNDING * sum(held.values())

    def augment(self) -> tuple[frozenset[int], frozenset[int]] | None:
        """Send more along one path; if there is none, return the classes and types that unmet needs reach."""
        by_type: dict[int, int | None] = {t: None for t, need in enumerate(self._need) if need > self._none}
        by_class: dict[int, int] = {}
        queue = list(by_type)
        for t in queue:
            for c in self._sets[t]:
                if c not in by_class:
                    by_class[c] = t
                    if self._free[c] > self._none:
                        self._send(c, by_class, by_type)
                        return None
                    giving = (t for t, own in enumerate(self._flow) if own.get(c, 0.0) > self._none)
                    new = [t for t in giving if t not in by_type]
                    by_type |= dict.fromkeys(new, c)
                    queue += new
        return frozenset(by_class), frozenset(by_type)

    def _send(self, end: int, by_class: dict[int, int], by_type: dict[int, int | None]) -> None:
        path, c = [], end
        while True:
            t = by_class[c]
            nearer = by_type[t]
            path.append((t, c, nearer))
            if nearer is None:
                break
            c = nearer
        n = min([self._need[t], self._free[end], *(self._flow[t][old] for t, _, old in path if old is not None)])
        self._need[t] -= n
        self._free[end] -= n
        for t, new, old in path:
            self._flow[t][new] = self._flow[t].get(new, 0.0) + n
            if old is not None:
                self._flow[t][old] -= n
